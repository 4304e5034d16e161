// SPDX-License-Identifier: Apache-2.0
// How much of a long test to run: NETMSG_TEST_SCALE (1 if it is not set) times the full count, at least one.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace netmsg::test {

inline int scaled(int full_count) {
  const char* scale = std::getenv("NETMSG_TEST_SCALE");
  const double factor = scale != nullptr ? std::strtod(scale, nullptr) : 1.0;
  return std::max(1, static_cast<int>(full_count * factor));
}

}  // namespace netmsg::test
