// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/coverage.h"

#include "proxy/hash.h"

namespace netmsg::sim {

void Coverage::event(Deed deed, std::uint64_t detail) {
  event_ = proxy::mix_in(static_cast<std::uint64_t>(deed), detail);
}

void Coverage::see(std::uint64_t thing, std::uint64_t state) {
  const auto [at, fresh] = states_.try_emplace(thing, state);
  if (fresh || at->second == state) return;
  const std::uint64_t pair = proxy::mix_in(at->second, event_);
  at->second = state;
  if (seen_.insert(pair).second) pairs_.push_back({pair, random_.draws()});
}

}  // namespace netmsg::sim
