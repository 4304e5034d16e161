// SPDX-License-Identifier: Apache-2.0
// The sizes of in-line messages that floors and netmsg are measured with.
#pragma once

#include <cstddef>

namespace netmsg::bench {

struct MessageSize {
  std::size_t bytes;
  const char* name;
};
inline constexpr MessageSize kMessageSizes[] = {{64, "64"}, {4096, "4K"}, {65536, "64K"}, {1U << 20, "1M"}};

}  // namespace netmsg::bench
