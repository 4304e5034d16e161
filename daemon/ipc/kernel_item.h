// SPDX-License-Identifier: Apache-2.0
// What the arguments and results of a call look like in a message (spec 02 §§5 and 6, 05 §8): descriptors and
// sizes. Stateless.
#pragma once

#include <algorithm>
#include <array>

#include "daemon/ipc/body_item.h"
#include "daemon/ipc/kernel_call.h"

namespace netmsg::ipc {

inline constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

// As it is received. Left open: the number of an array's elements (0 here), and the kind of a kRight.
mach_msg_type_t descriptor_of(Item item);

bool is_right(Item item);
bool is_array(Item item);
// Does it make a message complex?
inline bool is_complex(Item item) {
  return is_right(item) || is_array(item);
}

// Of the value, padded as it stands in the message; or of the address.
std::uint32_t value_size(const mach_msg_type_t& type);
// 0 for kNone.
std::uint32_t item_size(Item item);

// Of all that come before, which take `start` bytes, and these.
template <std::size_t kCount>
std::uint32_t size_of(std::uint32_t start, const std::array<Item, kCount>& items) {
  for (const Item item : items) start += item_size(item);
  return start;
}

template <std::size_t kCount>
bool is_complex(const std::array<Item, kCount>& items) {
  return std::any_of(items.begin(), items.end(), [](Item item) { return is_complex(item); });
}

}  // namespace netmsg::ipc
