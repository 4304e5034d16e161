// SPDX-License-Identifier: Apache-2.0
// Messages in the 32-bit layout of the recording kernel (FORMAT.md §10), as far as it decides what that kernel
// did with a malformed one: header 24 bytes, descriptors 4 (short) or 12 (long), everything in units of 4.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/conformance/trace.h"

namespace netmsg::conformance::recorded {

inline constexpr std::uint32_t kHeaderSize = 24;

// Where items begin and end: the end of the header first, the size of the message last.
std::vector<std::uint32_t> boundaries(const Message& message);
// The size that was passed: with `cut`, `pad` and `sz` as written.
std::int64_t sent_size(const Message& message);
// The number in a short descriptor had 12 bits.
bool number_was_cut(const Item& item);
// The length of inline ports was computed in 32 bits.
bool length_overflowed(const Item& item);

}  // namespace netmsg::conformance::recorded
