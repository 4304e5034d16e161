// SPDX-License-Identifier: Apache-2.0
// One item of the body of a message (spec 02 §6), and going from one to the next. Nothing is judged here but
// whether the item fits.
#pragma once

#include <mach/message.h>

#include <cstdint>
#include <cstring>

namespace netmsg::client {

struct Item {
  mach_msg_type_t type;
  std::uint64_t content;  // offset of the inline data, or of the address
  std::uint64_t length;   // of the data, in bytes
};

inline bool is_out_of_line(const Item& item) {
  return !item.type.msgt_inline;
}

// Reads the item at `*at` of a message of `size` bytes, and moves `*at` to where the next one begins. False: none
// is there, or not a whole one.
inline bool next_item(const void* message, std::uint64_t size, std::uint64_t* at, Item* item) {
  constexpr std::uint64_t kAligned = MACH_MSG_USER_ALIGNMENT;
  if (*at >= size || size - *at < sizeof item->type) return false;
  std::memcpy(&item->type, static_cast<const char*>(message) + *at, sizeof item->type);
  item->content = *at + sizeof item->type;
  item->length = (std::uint64_t{item->type.msgt_number} * item->type.msgt_size + 7) / 8;
  const std::uint64_t takes = is_out_of_line(*item) ? sizeof(vm_address_t) : item->length;
  if (size - item->content < takes) return false;
  *at = item->content + (takes + kAligned - 1) / kAligned * kAligned;
  return true;
}

}  // namespace netmsg::client
