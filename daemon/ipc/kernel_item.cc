// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_item.h"

#include <mach/vm_statistics.h>

namespace netmsg::ipc {

namespace {

// The memory is always the receiver's own.
mach_msg_type_t array_descriptor(unsigned type) {
  mach_msg_type_t made = inline_descriptor(type, 32, 0);
  made.msgt_inline = 0;
  made.msgt_longform = 1;
  made.msgt_deallocate = 1;
  return made;
}

}  // namespace

mach_msg_type_t descriptor_of(Item item) {
  switch (item) {
    case Item::kName:
      return inline_descriptor(MACH_MSG_TYPE_PORT_NAME, 32, 1);
    case Item::kLong:
      return inline_descriptor(MACH_MSG_TYPE_INTEGER_64, 64, 1);
    case Item::kStatus:
      return inline_descriptor(MACH_MSG_TYPE_INTEGER_32, 32, sizeof(mach_port_status_t) / 4);
    case Item::kStatistics:
      return inline_descriptor(MACH_MSG_TYPE_INTEGER_32, 32, sizeof(vm_statistics_data_t) / 4);
    case Item::kSend:
      return inline_descriptor(MACH_MSG_TYPE_PORT_SEND, 64, 1);
    case Item::kSendOnce:
      return inline_descriptor(MACH_MSG_TYPE_PORT_SEND_ONCE, 64, 1);
    case Item::kRight:
      return inline_descriptor(MACH_MSG_TYPE_PORT_RECEIVE, 64, 1);  // or one of the others
    case Item::kNames:
      return array_descriptor(MACH_MSG_TYPE_PORT_NAME);
    case Item::kNumbers:
      return array_descriptor(MACH_MSG_TYPE_INTEGER_32);
    case Item::kSends:
      return array_descriptor(MACH_MSG_TYPE_PORT_SEND);
    default:
      return inline_descriptor(MACH_MSG_TYPE_INTEGER_32, 32, 1);
  }
}

bool is_right(Item item) {
  return item == Item::kSend || item == Item::kSendOnce || item == Item::kRight;
}

bool is_array(Item item) {
  return !descriptor_of(item).msgt_inline;
}

std::uint32_t value_size(const mach_msg_type_t& type) {
  return static_cast<std::uint32_t>(padded(content_length(type)));
}

std::uint32_t item_size(Item item) {
  return item == Item::kNone ? 0 : sizeof(mach_msg_type_t) + value_size(descriptor_of(item));
}

}  // namespace netmsg::ipc
