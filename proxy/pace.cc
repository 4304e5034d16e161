// SPDX-License-Identifier: Apache-2.0
#include "proxy/pace.h"

#include <algorithm>
#include <utility>

namespace netmsg::proxy {

void Pace::message(base::Instant now) {
  if (!is_within(kLately, now)) under_way_ = kInCompany.under_way;
  last_ = now;
}

void Pace::chunk(FrameNumber number, base::Instant now) {
  if (is_within(kCompany, now)) sent_.push_back({number, now});
}

// Chunks that went alone say nothing: others were before them.
void Pace::acknowledged(FrameNumber number, std::uint64_t under_way, base::Instant now) {
  const bool all_that_may = under_way + kInCompany.chunk > under_way_;
  for (; !sent_.empty() && sent_.front().number <= number; sent_.pop_front()) {
    const std::chrono::nanoseconds taken = now - sent_.front().at;
    if (taken <= kPatience * fastest(taken, now)) {
      if (all_that_may) under_way_ = std::min(under_way_ + kInCompany.chunk, kAlone.under_way);
    } else {
      under_way_ = std::max(under_way_ - kInCompany.chunk, kInCompany.under_way);
    }
  }
}

std::chrono::nanoseconds Pace::fastest(std::chrono::nanoseconds taken, base::Instant now) {
  if (now >= since_ + kOfLate) {
    fastest_before_ = now < since_ + 2 * kOfLate ? fastest_ : taken;
    fastest_ = taken;
    since_ = now;
  }
  fastest_ = std::min(fastest_, taken);
  return std::min(fastest_, fastest_before_);
}

}  // namespace netmsg::proxy
