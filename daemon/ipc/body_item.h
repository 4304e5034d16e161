// SPDX-License-Identifier: Apache-2.0
// The sizes of one item of a message's body (spec 02 §§5 and 6), for all who walk bodies or write them. Nothing
// is judged here.
#pragma once

#include <mach/message.h>

#include <cstdint>

namespace netmsg::ipc {

inline constexpr std::uint32_t kDescriptorSize = sizeof(mach_msg_type_t);
inline constexpr std::uint32_t kSlotSize = 8;  // an inline port name, or an out-of-line address

// Items begin at multiples of this.
inline constexpr std::uint64_t padded(std::uint64_t size) {
  return (size + 7) / 8 * 8;
}

// Of the data that the item describes, wherever that is.
inline std::uint64_t item_length(const mach_msg_type_t& item) {
  return (std::uint64_t{item.msgt_number} * item.msgt_size + 7) / 8;
}

// Of what follows the descriptor in the message, before padding: the data, or its address.
inline std::uint64_t content_length(const mach_msg_type_t& item) {
  return item.msgt_inline ? item_length(item) : kSlotSize;
}

// The descriptor of `number` inline elements of `bits` bits each.
inline mach_msg_type_t inline_descriptor(unsigned type, unsigned bits, unsigned number) {
  mach_msg_type_t made{};
  made.msgt_name = type & 0xFFU;
  made.msgt_size = bits & 0xFFFFU;
  made.msgt_inline = 1;
  made.msgt_number = number;
  return made;
}

}  // namespace netmsg::ipc
