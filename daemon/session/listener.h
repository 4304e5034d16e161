// SPDX-License-Identifier: Apache-2.0
// Where programs connect: the socket, and the sessions of those that have (proto/local/frame.h).
// States: listening, closed. Owner: the composition root. Owner thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/ipc/engine.h"
#include "daemon/session/users.h"

namespace asio {
class io_context;
}

namespace netmsg::session {

class ActiveLanes;

// What the session layer works with; all of it outlives the listener.
struct Surroundings {
  asio::io_context& io;  // runs on the owner thread
  ipc::Engine& engine;
  Users& users;
  base::Complaints& complaints;
  // Gives a new task what every task has; returns the name of its right to the name service, 0 if there is
  // none. Must give the same name to each new space.
  std::function<ipc::Name(ipc::Space&)> equip;
  // Called after clients' calls have been made: the engine's next deadline may be another one.
  std::function<void()> engine_used;
};

struct ListenerOptions {
  std::string path;                     // of the socket; its directory is made if it is missing
  mode_t mode = 0600;                   // of the socket
  std::string group;                    // that it belongs to; empty: the daemon's own
  std::uint32_t inline_max = 1U << 20;  // as the engine's limit
  std::uint32_t memory_max = 1U << 30;  // likewise
  std::uint32_t lanes_per_task = 4096;
};

// One row of `netmsgctl tasks`.
struct TaskRow {
  std::uint64_t space;  // the engine's id of its space
  pid_t pid;
  uid_t uid;
  std::uint32_t lanes;
};

class Listener {
 public:
  // Starts to listen; an error in words if the path cannot be had: another daemon serves there, something
  // that is not a socket is there, no permission, no such group. A stale socket is replaced.
  static std::variant<std::unique_ptr<Listener>, std::string> open(const Surroundings& surroundings,
                                                                   const ListenerOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Ends all sessions (their tasks die) and removes the socket. Idempotent.
  void close();

  std::vector<TaskRow> tasks() const;
  // For others that have something to be looked at while the daemon is awake.
  const std::shared_ptr<ActiveLanes>& active_lanes() const;

 private:
  class Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the waits that the event loop holds
};

}  // namespace netmsg::session
