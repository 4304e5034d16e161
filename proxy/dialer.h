// SPDX-License-Identifier: Apache-2.0
// When to dial one peer (spec 09 §6): at once, then after each failure with a delay that grows from
// redial_min to redial_max, each time shortened at random by up to half, so that hosts that lost each other
// do not knock in step. A stream that did not last for redial_max was a failure too.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "daemon/base/clock.h"
#include "proxy/options.h"

namespace netmsg::proxy {

class Dialer {
 public:
  // `seed` decides the jitter. The first attempt is due at `now`.
  Dialer(const Timing& timing, std::uint64_t seed, base::Instant now)
      : timing_(timing), random_(seed), delay_(timing.redial_min), due_(now) {}

  base::Instant due() const { return due_; }
  // The attempt, or the stream that it led to, is over.
  void again(base::Instant now);
  // The attempt has led to a stream, or theirs has.
  void opened(base::Instant now) { opened_ = now; }

 private:
  Timing timing_;
  std::uint64_t random_;
  std::chrono::nanoseconds delay_;
  base::Instant due_;
  std::optional<base::Instant> opened_;  // there while there is a stream
};

}  // namespace netmsg::proxy
