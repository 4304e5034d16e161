// SPDX-License-Identifier: Apache-2.0
// All chance of one simulated world: equal on every machine for equal schedules.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace netmsg::sim {

// Simulated time since the world began.
using Time = std::chrono::nanoseconds;

// Where chance comes from: a seed, and other seeds from later draws on. So the beginning of a world can be played again
// and then go on differently. In words: "7", "7,1204:99".
struct Schedule {
  struct Turn {
    std::uint64_t draw;
    std::uint64_t seed;
  };
  std::uint64_t seed = 1;
  std::vector<Turn> turns = {};  // by ascending draws
};

class Random {
 public:
  explicit Random(Schedule schedule) : schedule_(std::move(schedule)), engine_(mixed(schedule_.seed)) {}

  // 0 ... below - 1. REQUIRES: below > 0.
  unsigned below(std::size_t below) { return static_cast<unsigned>(draw() % below); }
  bool one_in(unsigned n) { return below(n) == 0; }
  Time between(Time least, Time most) {
    return least +
           Time(static_cast<std::int64_t>(draw() % static_cast<std::uint64_t>((most - least).count() + 1)));
  }
  // How many there have been.
  std::uint64_t draws() const { return draws_; }
  // How many turns of the schedule have been taken.
  std::size_t turned() const { return turned_; }

 private:
  static std::uint64_t mixed(std::uint64_t seed) { return seed * 0x9e3779b97f4a7c15ULL + 1; }

  std::uint64_t draw() {
    if (turned_ < schedule_.turns.size() && schedule_.turns[turned_].draw <= draws_)
      engine_.seed(mixed(schedule_.turns[turned_++].seed));
    ++draws_;
    return engine_();
  }

  const Schedule schedule_;
  std::mt19937_64 engine_;
  std::uint64_t draws_ = 0;
  std::size_t turned_ = 0;
};

}  // namespace netmsg::sim
