// SPDX-License-Identifier: Apache-2.0
// Plays worlds in a child process: a check of the daemon's own that fails ends the child, and is that world's
// violation.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace netmsg::sim {

struct Result {
  std::uint64_t events = 0;
  std::optional<std::string> violation = {};
  std::vector<Coverage::Pair> pairs = {};
};

// In this process.
Result play(WorldOptions options, const Schedule& schedule);

class Player {
 public:
  Player(const WorldOptions& options, const std::vector<Schedule>& schedules);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Of the next schedule. Nothing: the child has died over it.
  std::optional<Result> next();

 private:
  bool read_all(void* to, std::size_t size) const;

  pid_t child_ = 0;
  int in_ = -1;
};

}  // namespace netmsg::sim
