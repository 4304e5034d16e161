// SPDX-License-Identifier: Apache-2.0
// The sizes of out-of-line regions, for floors and netmsg alike, and how they are measured: the region is made and
// written anew before each hand-over, outside of the clock.
#pragma once

#include <functional>

#include "tests/bench/case.h"
#include "tests/bench/crew.h"
#include "tests/bench/not_offered.h"

namespace netmsg::bench {

struct RegionSize {
  std::uint64_t bytes;
  const char* name;
};
inline constexpr RegionSize kRegionSizes[] = {{1U << 20, "1M"}, {64U << 20, "64M"}, {1U << 30, "1G"}};

inline constexpr std::uint64_t kQuickRegionBytes = 1U << 20;

inline std::uint64_t bytes_of(const RegionSize& size, const Setting& setting) {
  if (setting.quick && size.bytes > kQuickRegionBytes) throw NotOffered("too large for --quick");
  return size.bytes;
}

// `hand_over` gives the time it took, in ns.
void measure_prepared(Crew& crew, const std::function<std::int64_t()>& hand_over);

}  // namespace netmsg::bench
