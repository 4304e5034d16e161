// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/region_sizes.h"

namespace netmsg::bench {

// The first one warms up. At least three are measured, and no more than 2,000.
void measure_prepared(Crew& crew, const std::function<std::int64_t()>& hand_over) {
  hand_over();
  std::vector<double> took_us;
  const auto time = static_cast<std::int64_t>(crew.seconds() * 1e9);
  const std::int64_t until = now_ns() + time;
  while (took_us.size() < 3 || (now_ns() < until && took_us.size() < 2000))
    took_us.push_back(static_cast<double>(hand_over()) / 1000);
  crew.report(median(took_us), percentile(took_us, 0.99));
}

}  // namespace netmsg::bench
