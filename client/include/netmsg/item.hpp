// SPDX-License-Identifier: Apache-2.0
// The items of a message's body (spec 02 §6): where they are, and giving up what they own. Who owns what stands in
// the descriptors: a right under a MOVE disposition, which is also what is received, and memory with the deallocate
// bit belong to the message; COPY and MAKE dispositions name what belongs to somebody else.
#pragma once

#include <mach.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <netmsg/owned_name.hpp>

namespace netmsg::detail {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);
constexpr unsigned kInlineRightBits = 64;
constexpr unsigned kArrayRightBits = 32;

constexpr std::uint64_t padded(std::uint64_t length) {
  constexpr std::uint64_t kMask = MACH_MSG_USER_ALIGNMENT - 1;
  return (length + kMask) & ~kMask;
}

constexpr mach_msg_type_t descriptor(unsigned name, unsigned bits, std::uint32_t number, bool is_inline) {
  mach_msg_type_t type{};
  type.msgt_name = name & 0xFFU;
  type.msgt_size = bits & 0xFFFFU;
  type.msgt_inline = is_inline ? 1 : 0;
  type.msgt_number = number;
  return type;
}

inline bool is_type(const mach_msg_type_t& type, unsigned name, unsigned bits) {
  return type.msgt_name == name && type.msgt_size == bits;
}

struct Item {
  mach_msg_type_t type;
  std::uint32_t start;    // of the descriptor
  std::uint32_t content;  // of the data, or of the address
  std::uint64_t length;   // of the data
  std::uint32_t next;
};

// The item at `at` of a message of `size` bytes. False: there is none, or it runs past the end.
inline bool item_at(const std::byte* message, std::uint32_t size, std::uint32_t at, Item* item) {
  if (at >= size || size - at < sizeof item->type) return false;
  std::memcpy(&item->type, message + at, sizeof item->type);
  item->start = at;
  item->content = at + static_cast<std::uint32_t>(sizeof item->type);
  item->length = (std::uint64_t{item->type.msgt_number} * item->type.msgt_size + 7) / 8;
  const std::uint64_t inside = item->type.msgt_inline ? item->length : sizeof(vm_address_t);
  if (size - item->content < inside) return false;
  item->next = item->content + static_cast<std::uint32_t>(padded(inside));
  return true;
}

inline vm_address_t address_of(const std::byte* message, const Item& item) {
  vm_address_t address;
  std::memcpy(&address, message + item.content, sizeof address);
  return address;
}

inline mach_port_name_t name_at(const std::byte* slot) {
  mach_port_name_t name;
  std::memcpy(&name, slot, sizeof name);
  return name;
}

inline void drop_right(mach_port_name_t name, unsigned type) {
  if (!MACH_PORT_VALID(name)) return;
  if (type == MACH_MSG_TYPE_MOVE_RECEIVE) drop_receive(name);
  if (type == MACH_MSG_TYPE_MOVE_SEND || type == MACH_MSG_TYPE_MOVE_SEND_ONCE) drop_reference(name);
}

// The names in an item of rights, in the message or out of line.
struct Rights {
  std::byte* first;
  std::size_t step;
  std::size_t count;
  mach_port_name_t name(std::size_t index) const { return name_at(first + index * step); }
  // The caller owns it now.
  mach_port_name_t take(std::size_t index) const {
    const mach_port_name_t taken = name(index);
    std::memset(first + index * step, 0, sizeof taken);
    return taken;
  }
};

// None if it is no item of rights, or a region that is not there.
inline Rights rights_of(std::byte* message, const Item& item) {
  const unsigned bits = item.type.msgt_inline ? kInlineRightBits : kArrayRightBits;
  if (!MACH_MSG_TYPE_PORT_ANY(item.type.msgt_name) || item.type.msgt_size != bits) return {nullptr, 0, 0};
  if (item.type.msgt_inline) return {message + item.content, bits / 8, item.type.msgt_number};
  const vm_address_t address = address_of(message, item);
  if (address == 0) return {nullptr, 0, 0};
  return {reinterpret_cast<std::byte*>(address), bits / 8, item.type.msgt_number};
}

inline void drop_item(std::byte* message, const Item& item, const Space& space) {
  const bool is_ours = item.type.msgt_inline || item.type.msgt_deallocate;
  if (!is_ours) return;
  const Rights rights = rights_of(message, item);
  for (std::size_t index = 0; space.is_ours() && index < rights.count; ++index)
    drop_right(rights.name(index), item.type.msgt_name);
  if (item.type.msgt_inline || item.length == 0 || address_of(message, item) == 0) return;
  vm_deallocate(mach_task_self(), address_of(message, item), item.length);
}

// Everything the body owns; of names of another task's space, the memory only. REQUIRES: the message is complex.
inline void drop_items(std::byte* message, std::uint32_t size, const Space& space) {
  std::uint32_t at = kHeaderSize;
  for (Item item{}; item_at(message, size, at, &item); at = item.next) drop_item(message, item, space);
}

}  // namespace netmsg::detail
