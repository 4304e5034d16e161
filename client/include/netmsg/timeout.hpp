// SPDX-License-Identifier: Apache-2.0
// How long a call may block: any std::chrono duration, or kForever. A call that sends and receives may take it
// twice.
#pragma once

#include <mach/message.h>

#include <chrono>
#include <cstdint>
#include <ratio>

namespace netmsg {

class Timeout {
 public:
  // For ever.
  constexpr Timeout() = default;
  // Rounded up to milliseconds; below zero is zero: do not block. Above 49 days is 49 days.
  template <typename Rep, typename Period>
  constexpr Timeout(  // NOLINT(google-explicit-constructor): a duration is meant to do
      std::chrono::duration<Rep, Period> duration)
      : limited_(true), ms_(in_range(duration)) {}

  constexpr bool limited() const { return limited_; }
  constexpr mach_msg_timeout_t ms() const { return ms_; }
  // MACH_SEND_TIMEOUT, MACH_RCV_TIMEOUT or both, if there is a limit.
  constexpr mach_msg_option_t options(mach_msg_option_t if_limited) const {
    return limited_ ? if_limited : MACH_MSG_OPTION_NONE;
  }

 private:
  // Compared as real numbers: hours::max() has no milliseconds in whole ones.
  template <typename Duration>
  static constexpr mach_msg_timeout_t in_range(Duration duration) {
    const double ms = std::chrono::duration<double, std::milli>(duration).count();
    if (ms >= UINT32_MAX) return UINT32_MAX;
    if (!(ms > 0)) return 0;
    return static_cast<mach_msg_timeout_t>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
  }

  bool limited_ = false;
  mach_msg_timeout_t ms_ = MACH_MSG_TIMEOUT_NONE;
};

inline constexpr Timeout kForever{};
inline constexpr Timeout kNoWait{std::chrono::milliseconds(0)};

}  // namespace netmsg
