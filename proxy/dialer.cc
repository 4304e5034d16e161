// SPDX-License-Identifier: Apache-2.0
#include "proxy/dialer.h"

#include <algorithm>

#include "proxy/hash.h"

namespace netmsg::proxy {

void Dialer::again(base::Instant now) {
  if (opened_ && now - *opened_ >= timing_.redial_max) delay_ = timing_.redial_min;
  opened_.reset();
  random_ = mix(random_);
  const auto half = delay_ / 2;
  const std::uint64_t span = static_cast<std::uint64_t>(half.count()) + 1;
  due_ = now + half + std::chrono::nanoseconds(random_ % span);
  delay_ = std::min<std::chrono::nanoseconds>(2 * delay_, timing_.redial_max);
}

}  // namespace netmsg::proxy
