// SPDX-License-Identifier: Apache-2.0
// Time as something that is handed in: monotonic, never the wall clock (spec 09 §6).
#pragma once

#include <chrono>

namespace netmsg::base {

using Instant = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
};

// Stands still until it is told to move: for tests and simulations.
class ManualClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += by; }

 private:
  Instant now_{};
};

}  // namespace netmsg::base
