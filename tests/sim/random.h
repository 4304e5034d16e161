// SPDX-License-Identifier: Apache-2.0
// All chance of one simulated world: equal on every machine for equal seeds.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace netmsg::sim {

// Simulated time since the world began.
using Time = std::chrono::nanoseconds;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed * 0x9e3779b97f4a7c15ULL + 1) {}

  // 0 ... below - 1. REQUIRES: below > 0.
  unsigned below(std::size_t below) { return static_cast<unsigned>(engine_() % below); }
  bool one_in(unsigned n) { return below(n) == 0; }
  Time between(Time least, Time most) {
    return least + Time(static_cast<std::int64_t>(engine_() %
                                                  static_cast<std::uint64_t>((most - least).count() + 1)));
  }
  template <typename Choices>
  auto& of(Choices& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace netmsg::sim
