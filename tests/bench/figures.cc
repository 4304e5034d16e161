// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/figures.h"

#include <algorithm>
#include <chrono>

namespace netmsg::bench {

std::int64_t now_ns() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto last = static_cast<double>(values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(last * share + 0.5);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Figure as_megabytes(Figure figure, std::size_t bytes) {
  figure.value *= static_cast<double>(bytes) / 1e6;
  return figure;
}

}  // namespace netmsg::bench
