// SPDX-License-Identifier: Apache-2.0
// The connection that is the task (proto/local/frame.h). It is made once in the life of a process and gives
// out lanes. Owner: Task, under its mutex.
#pragma once

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

  enum class Result { kOk, kNoResources, kDaemonGone };
  // Asks for a lane. On kOk *lane holds it.
  Result open_lane(Descriptor* lane);

  // What a task made from this one begins with.
  struct Legacy {
    Result result;
    std::optional<Inheritance> inheritance;  // nothing: the ports that every new task gets
    local::Inherited ports;                  // their names there
  };
  // kNoResources also if the daemon does not answer in time. Unless kOk, a new task has what every one gets.
  Legacy open_inheritance();
  // Asks for a watch of the right. With KERN_SUCCESS in *opened the descriptor is in *watch, unless this process had
  // no room for it. False: the daemon is gone.
  bool open_watch(std::uint32_t name, local::WatchOpened* opened, Descriptor* watch);

  // Another process's copy of this descriptor is not its business: lets go of it without ending the task.
  void forget() { socket_.close(); }

 private:
  MainConnection(Descriptor socket, const local::Welcome& welcome, const local::Inherited& ports)
      : socket_(std::move(socket)), welcome_(welcome), ports_(ports) {}
  bool ask(local::Kind kind);
  bool skip_late_answers();

  Descriptor socket_;
  local::Welcome welcome_;
  local::Inherited ports_;
  unsigned late_answers_ =
      0;  // InheritanceOpened that were waited for in vain, and come before any other answer
};

}  // namespace netmsg::client
