// SPDX-License-Identifier: Apache-2.0
// All that can happen in a small world, up to a number of states: each path of choices is played from the beginning and
// goes on until it comes to a state that was met before, or to its end. Paths that wait are taken in any order, so that
// a bound on the states leaves out some of everything instead of all of something.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/small_world.h"

namespace netmsg::sim {

using Path = std::vector<std::uint8_t>;                   // of choices
std::string in_words(const Path& path);                   // "0.3.1"
std::optional<Path> read_path(const std::string& words);  // nullopt if it is not one

struct Explored {
  std::uint64_t paths = 0;
  std::uint64_t events = 0;
  std::uint64_t violations = 0;
  std::uint64_t states = 0;
  std::uint64_t waiting = 0;  // paths that were not gone on with; 0: that was everything
};

// In a child, which prints what was violated and the command that plays it again.
Explored explore(const Scope& scope, std::uint64_t states_max, const std::string& options);
// One path, then peace. Aloud.
Explored follow(const Scope& scope, const Path& path);

}  // namespace netmsg::sim
