// SPDX-License-Identifier: Apache-2.0
// The connection that is the task (proto/local/frame.h). It is made once in the life of a process and gives
// out lanes. Owner: Task, under its mutex.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "client/src/descriptor.h"
#include "client/src/inheritance.h"
#include "proto/local/frame.h"

namespace netmsg::client {

// How long finding a daemon may take, from connect to Welcome.
inline constexpr int kAttachTimeoutMs = 2000;
// How long a fork may wait for what the child inherits.
inline constexpr int kInheritanceTimeoutMs = 1000;
// How long a thread waits for its lane before it lets others, and a fork, have the connection.
inline constexpr int kLaneTurnMs = 100;
// How long a watch may take.
inline constexpr int kWatchTimeoutMs = 2000;

// Where the daemon's socket is: NETMSGD_SOCKET (not in a set-user-id program), else the user's own daemon if
// its socket exists, else the system's.
std::string socket_path();

class MainConnection {
 public:
  // Connects to `path`, introduces this process, and claims its inheritance if it has one there. Nothing if no daemon
  // answers in time or it refuses us.
  static std::optional<MainConnection> open(const std::string& path,
                                            const std::optional<Inheritance>& inheritance);

  const local::Welcome& welcome() const { return welcome_; }
  // The ports that this task began with.
  const local::Inherited& ports() const { return ports_; }

  // Which lanes to ask for: NETMSG_LANE is "socket", or "ring" (and no other); else rings where they are to be had.
  enum class LaneKind { kSocket, kRingIfPossible, kRing };
  static LaneKind lane_kind();
  struct LaneEnds {
    Descriptor socket;
    Descriptor rings;  // the file; none: a lane without
  };

  enum class Result { kOk, kLate, kNoResources, kDaemonGone };
  // Asks for a lane, with rings if so chosen. On kOk *lane holds it. kLate: not yet, so ask again, when there is something at answers().
  Result open_lane(LaneEnds* lane);
  // The descriptor on which the daemon answers: for a wait without the mutex, which may be in vain.
  int answers() const { return socket_.fd(); }

  // What a task made from this one begins with.
  struct Legacy {
    Result result;
    std::optional<Inheritance> inheritance;  // nothing: the ports that every new task gets
    local::Inherited ports;                  // their names there
  };
  // kLate: the daemon does not answer in time. Unless kOk, a new task has what every one gets.
  Legacy open_inheritance();
  // Asks for a watch of the right. On kOk *opened says what came of it: with KERN_SUCCESS the descriptor is in *watch.
  // kNoResources: this process had no room for it. kLate: the daemon does not answer in time.
  Result open_watch(std::uint32_t name, local::WatchOpened* opened, Descriptor* watch);

  // Another process's copy of this descriptor is not its business: lets go of it without ending the task.
  void forget() { socket_.close(); }

 private:
  MainConnection(Descriptor socket, const local::Welcome& welcome, const local::Inherited& ports)
      : socket_(std::move(socket)), welcome_(welcome), ports_(ports) {}
  using Deadline = std::chrono::steady_clock::time_point;
  bool ask(local::Kind kind);
  void owe(local::Kind answer) { owed_[owed_count_++] = answer; }
  Result catch_up(Deadline deadline);
  bool receive_owed(local::Kind answer);
  bool is_lane_owed() const;

  Descriptor socket_;
  local::Welcome welcome_;
  local::Inherited ports_;
  // The answers that will come before any other, in their order: a lane's, which whoever wants a lane next takes, and
  // one that was waited for in vain and is thrown away. As long as something is owed, only a lane is asked for, and no
  // second one: so there are never more.
  std::array<local::Kind, 2> owed_{};
  std::size_t owed_count_ = 0;
  LaneEnds lane_;  // that has come while something else was awaited
};

}  // namespace netmsg::client
