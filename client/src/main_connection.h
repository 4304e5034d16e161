// SPDX-License-Identifier: Apache-2.0
// The connection that is the task (proto/local/frame.h). It is made once in the life of a process and gives
// out lanes. Owner: Task, under its mutex.
#pragma once

#include <optional>
#include <string>

#include "client/src/descriptor.h"
#include "proto/local/frame.h"

namespace netmsg::client {

// How long finding a daemon may take, from connect to Welcome.
inline constexpr int kAttachTimeoutMs = 2000;

// Where the daemon's socket is: NETMSGD_SOCKET (not in a set-user-id program), else the user's own daemon if
// its socket exists, else the system's.
std::string socket_path();

class MainConnection {
 public:
  // Connects to `path` and introduces this process. Nothing if no daemon answers in time or it refuses us.
  static std::optional<MainConnection> open(const std::string& path);

  const local::Welcome& welcome() const { return welcome_; }

  enum class LaneResult { kOk, kNoResources, kDaemonGone };
  // Asks for a lane. On kOk *lane holds it.
  LaneResult open_lane(Descriptor* lane);

  // Another process's copy of this descriptor is not its business: lets go of it without ending the task.
  void forget() { socket_.close(); }

 private:
  MainConnection(Descriptor socket, const local::Welcome& welcome)
      : socket_(std::move(socket)), welcome_(welcome) {}

  Descriptor socket_;
  local::Welcome welcome_;
};

}  // namespace netmsg::client
