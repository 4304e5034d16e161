// SPDX-License-Identifier: Apache-2.0
// Look-ups that wait for other hosts (spec 08 §6). A look-up asks one peer or several; each question has a
// reply port of its own, so that only who was asked can answer it, and its own time limit there. The first
// port that comes wins; what comes later meets a dead port.
//
//   Question   why                                             next
//   kWaiting   the peer is not connected                       kAsked, over
//   kAsked     its name service has been sent the question     over
//
//   event \ Question           kWaiting          kAsked
//   peer_up                    send; kAsked      -
//   peer_unreachable           over: no host     -
//   answer with a port         -                 the look-up ends with it; its other questions are forgotten
//   answer with a code         -                 over: no name (NETNAME_NOT_CHECKED_IN), no host (any other)
//   send-once notification     -                 over: no host (the question was lost with the peer)
//   time limit                 over: no host     over: no host
//
// When its last question is over without a port, the look-up ends: for one host with that question's outcome,
// for several with NETNAME_HOST_NOT_FOUND. Owner thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/names/inner_task.h"

namespace netmsg::names {

class RemoteLookUps {
 public:
  // One more is answered with KERN_RESOURCE_SHORTAGE at once.
  static constexpr std::size_t kPendingMax = 1024;

  RemoteLookUps(InnerTask& task, std::size_t peers, std::chrono::milliseconds limit);

  // The name of a send right in the task's space, one user reference of which is the callee's; NULL without
  // success. Codes: KERN_SUCCESS, NETNAME_NOT_CHECKED_IN, NETNAME_HOST_NOT_FOUND, KERN_RESOURCE_SHORTAGE.
  using Done = std::function<void(kern_return_t code, ipc::Name port)>;
  // Both call `done` exactly once, maybe before they return. REQUIRES: there is such a peer; there are peers.
  void ask(std::size_t peer, const std::string& name, Done done);
  void ask_all(const std::string& name, Done done);

  // What is known about a peer. The right is for its name service; consumed.
  void peer_up(std::size_t peer, ipc::SendRight name_service);
  void peer_down(std::size_t peer);         // connected no more; tried again
  void peer_unreachable(std::size_t peer);  // tried, in vain

  std::size_t pending() const { return look_ups_.size(); }

 private:
  struct Peer {
    enum class State { kTrying, kUp, kUnreachable };
    State state = State::kTrying;
    ipc::Name name_service = ipc::kNullName;  // kUp: a send right in the task's space
  };
  struct Question {
    ipc::Name reply_port;              // a receive right
    ipc::OpToken receive;              // on reply_port, with the time limit
    std::optional<ipc::OpToken> send;  // kAsked
  };
  struct LookUp {
    std::string name;
    bool everybody;  // was asked
    Done done;
    std::map<std::size_t, Question> questions;  // by peer; those that are not over
  };
  using Id = std::uint64_t;

  void start(const std::vector<std::size_t>& peers, LookUp asked);
  void put(Id id, std::size_t peer);
  void send(Id id, std::size_t peer);
  void answered(Id id, std::size_t peer, mach_msg_return_t code, const ipc::Bytes& message);
  void over(Id id, std::size_t peer, kern_return_t code);
  void finish(Id id, kern_return_t code, ipc::Name port);
  void close(const Question& question);
  Question* find(Id id, std::size_t peer);
  std::vector<Id> waiting_for(std::size_t peer) const;
  void give_up_name_service(Peer& peer);

  InnerTask& task_;
  std::chrono::milliseconds limit_;
  std::vector<Peer> peers_;
  std::map<Id, LookUp> look_ups_;
  Id last_id_ = 0;
};

}  // namespace netmsg::names
