// SPDX-License-Identifier: Apache-2.0
// One client: from its connection to its death (proto/local/frame.h, "Start of a task").
//
// States
//   state      event                              next       action
//   greeting   Hello, all is well                 attached   a space; Welcome
//              Hello, but not acceptable          ended      Refused
//              5 s without one                    ended
//   attached   OpenLane, OpenRingLane             attached   a lane
//              OpenInheritance                    attached   a handle for its heirs
//              its claim on an inheritance        attached   the ports; Inherited
//              OpenWatch                          attached   a watch
//   any        main connection or process ends    ended      the space is destroyed
//              a rule is broken, on any connection ended     the same, with a line in the log
//
// Owner: the listener, which removes it after it has ended (never from inside its own calls); waits in the
// event loop hold weak references. Owner thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "daemon/ipc/engine.h"
#include "daemon/session/identity.h"
#include "daemon/session/inheritances.h"
#include "daemon/session/lane.h"
#include "daemon/session/listener.h"
#include "daemon/session/socket_channel.h"
#include "daemon/session/users.h"
#include "daemon/session/waiting.h"
#include "daemon/session/watch_socket.h"

namespace netmsg::session {

class Session final : public std::enable_shared_from_this<Session>,
                      private SocketChannel::Sink,
                      private ipc::Completions,
                      private Heir,
                      private Lane::Owner,
                      private WatchSocket::Owner {
 public:
  // What it needs of the listener.
  class Owner {
   public:
    virtual ~Owner() = default;
    // It has ended; to be destroyed soon, but not from inside this call.
    virtual void on_session_ended(Session& session) = 0;
  };

  // REQUIRES: made by make_shared, started, and ended before it is destroyed.
  Session(const Surroundings& surroundings, const ListenerOptions& options, Inheritances& inheritances,
          std::shared_ptr<ActiveLanes> active_lanes, std::shared_ptr<BatchTurns> batch_turns,
          base::UniqueFd socket, Identity identity, User& user, UserSlot handshake, Owner& owner);
  ~Session() override;

  void start();
  // The task's death. Idempotent. `violation` empty: nobody has done anything wrong.
  void end(std::string_view violation);

  bool attached() const { return state_ == State::kAttached; }
  TaskRow row() const;

 private:
  enum class State { kGreeting, kAttached, kEnded };

  // The main connection.
  void on_frame(const local::FrameHeader& header, Payload payload) override;
  void on_turn_over() override {}
  void on_end(std::string_view violation) override { end(violation); }
  void on_hello(std::span<const std::byte> payload);
  void attach();
  void refuse(local::RefusedReason reason);
  void on_open_lane(bool with_rings);
  Attachments open_lane(bool with_rings, LaneSlots slots);
  void answer_open_lane(local::LaneCode code, Attachments client_end);
  void on_open_watch(std::span<const std::byte> payload);
  void open_watch(const ipc::Watched& watched, UserSlot slot);
  void answer_open_watch(kern_return_t code, ipc::WatchId watch, base::UniqueFd client_end);

  void on_open_inheritance();
  void inherit(const ipc::Inheritance& inheritance) override;

  // The lanes.
  void lane_closed(Lane& lane) override;
  void lane_violation(std::string_view violation) override { end(violation); }

  // The watches.
  void watch_closed(const WatchSocket& watch) override;

  void complete(ipc::OpToken token, ipc::MsgResult&& result) override;
  void watch_ready(ipc::WatchId watch, std::uint32_t signal) override;
  void watch_over(ipc::WatchId watch) override;
  void watch_process();
  void limit_greeting();
  void complain(std::string_view violation);

  const Surroundings& surroundings_;
  const ListenerOptions& options_;
  Inheritances& inheritances_;
  const std::shared_ptr<ActiveLanes> active_lanes_;  // of all sessions
  const std::shared_ptr<BatchTurns> batch_turns_;    // likewise
  Owner& owner_;
  User& user_;
  const pid_t pid_;
  State state_ = State::kGreeting;
  struct Greeting {
    UserSlot handshake;
    WaitingTimer timer;
  };
  std::unique_ptr<Greeting> greeting_;  // while greeting
  UserSlot task_;                       // while attached
  std::shared_ptr<SocketChannel> main_;
  WaitingDescriptor process_;    // pidfd
  ipc::Space* space_ = nullptr;  // while attached
  Claim claim_{};                // likewise, until the first OpenLane
  // What every new task has in its first registered port's slot (null: nothing), and its name.
  ipc::PortRef name_service_;
  ipc::Name name_service_name_ = ipc::kNullName;
  std::map<ipc::OpToken, std::unique_ptr<Lane>> lanes_;
  ipc::OpToken next_lane_ = 1;
  std::multimap<ipc::WatchId, std::shared_ptr<WatchSocket>> watches_;  // several of one right
};

}  // namespace netmsg::session
