// SPDX-License-Identifier: Apache-2.0
// The body half of copyin: spec 02 §6 and §8, 04 §4.
#include <cstring>
#include <optional>

#include "daemon/ipc/copyin.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

namespace {

constexpr std::uint32_t kDescriptorSize = sizeof(mach_msg_type_t);
constexpr std::uint32_t kSlotSize = 8;  // an inline port name, or an out-of-line address

mach_msg_type_t load_descriptor(const Message& message, std::uint32_t offset) {
  mach_msg_type_t descriptor;
  std::memcpy(&descriptor, message.bytes.data() + offset, sizeof descriptor);
  return descriptor;
}

void store_descriptor(Message& message, std::uint32_t offset, const mach_msg_type_t& descriptor) {
  std::memcpy(message.bytes.data() + offset, &descriptor, sizeof descriptor);
}

bool is_port_item(const mach_msg_type_t& item) {
  return is_disposition(item.msgt_name);
}

std::uint64_t item_length(const mach_msg_type_t& item) {
  return (std::uint64_t{item.msgt_number} * item.msgt_size + 7) / 8;
}

// 02 §8 rows 2-5.
bool well_formed(const mach_msg_type_t& item) {
  if (is_port_item(item) && item.msgt_size != (item.msgt_inline ? 64U : 32U)) return false;
  return item.msgt_unused == 0 && !(item.msgt_deallocate && item.msgt_inline);
}

// Takes the name slot out of the bytes: names are never in transit.
Name take_slot(Message& message, std::uint32_t offset) {
  Name name;
  std::memcpy(&name, message.bytes.data() + offset, sizeof name);
  std::memset(message.bytes.data() + offset, 0, kSlotSize);
  return name;
}

// A receive right is on its way to the destination from here on, unless that would close a loop (03 §9).
void send_on_its_way(Message& message, Port& carried) {
  Port& destination = *message.destination.port();
  if (carried.circular_with(destination)) {
    message.circular = true;
  } else {
    carried.settle_in_transit(destination);
  }
}

bool can_travel(const Message& message, const CarriedRight& right) {
  const Port& destination = *message.destination.port();
  if (!destination.remote() || right.port() == nullptr || right.is_dead()) return true;
  return destination.core().link().can_carry(destination, *right.port(), right.type());
}

// One element: atomic by itself. False: refused; nothing was taken, or it is in the message to be destroyed.
bool copyin_element(Space& space, Message& message, std::uint32_t offset, Disposition disposition) {
  if (message.body.size() >= space.core().limits().rights_per_message) return false;
  const RightPlan plan = plan_right(space, take_slot(message, offset), disposition);
  if (plan.take == Take::kRefuse) return false;
  TakenRight taken = commit_right(space, plan);
  notify::port_deleted(std::move(taken.freed_request));
  message.body.push_back({offset, std::move(taken.right)});
  const CarriedRight& right = message.body.back().right;
  if (right.holds_receive()) send_on_its_way(message, *right.port());
  return can_travel(message, right);
}

bool copyin_ports(Space& space, Message& message, std::uint32_t offset, mach_msg_type_t& item) {
  const auto disposition = static_cast<Disposition>(item.msgt_name);
  for (std::uint32_t at = 0; at < item.msgt_number; ++at) {
    if (!copyin_element(space, message, offset + at * kSlotSize, disposition)) return false;
  }
  item.msgt_name = static_cast<unsigned int>(received_type(disposition));
  return true;
}

// An out-of-line item of length 0 carries nothing; its address arrives as 0 and its deallocate bit set (02
// §6). Memory itself is not carried yet: any other length is refused as unreadable.
mach_msg_return_t copyin_out_of_line(Message& message, std::uint32_t offset, mach_msg_type_t& item) {
  if (item_length(item) > 0) return MACH_SEND_INVALID_MEMORY;
  std::memset(message.bytes.data() + offset, 0, kSlotSize);
  item.msgt_deallocate = 1;
  if (is_port_item(item)) {
    item.msgt_name = static_cast<unsigned int>(received_type(static_cast<Disposition>(item.msgt_name)));
  }
  return MACH_MSG_SUCCESS;
}

// One item at `offset`; on success `offset` is that of the next one.
mach_msg_return_t copyin_item(Space& space, Message& message, std::uint32_t& offset) {
  const std::uint32_t start = offset;
  if (message.size() - offset < kDescriptorSize) return MACH_SEND_MSG_TOO_SMALL;
  mach_msg_type_t item = load_descriptor(message, start);
  if (!well_formed(item)) return MACH_SEND_INVALID_TYPE;
  offset += kDescriptorSize;
  const std::uint64_t length = item.msgt_inline ? item_length(item) : kSlotSize;
  if (message.size() - offset < length) return MACH_SEND_MSG_TOO_SMALL;

  mach_msg_return_t code = MACH_MSG_SUCCESS;
  if (!item.msgt_inline) {
    code = copyin_out_of_line(message, offset, item);
  } else if (is_port_item(item) && !copyin_ports(space, message, offset, item)) {
    code = MACH_SEND_INVALID_RIGHT;
  }
  if (code != MACH_MSG_SUCCESS) return code;
  store_descriptor(message, start, item);
  if (is_port_item(item) || !item.msgt_inline) message.other_bits |= MACH_MSGH_BITS_COMPLEX;
  offset += static_cast<std::uint32_t>((length + 7) / 8 * 8);
  return MACH_MSG_SUCCESS;
}

}  // namespace

mach_msg_return_t copyin_body(Space& space, Message& message) {
  message.other_bits &= ~MACH_MSGH_BITS_COMPLEX;  // set again by the first port or out-of-line item
  std::uint32_t offset = sizeof(mach_msg_header_t);
  while (offset < message.size()) {
    const mach_msg_return_t code = copyin_item(space, message, offset);
    if (code != MACH_MSG_SUCCESS) return code;
  }
  return MACH_MSG_SUCCESS;
}

}  // namespace netmsg::ipc
