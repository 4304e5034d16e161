// SPDX-License-Identifier: Apache-2.0
// Giving up what a received message brought (spec 03 §15).
#include <mach.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "client/src/export.h"

namespace {

void drop_right(mach_port_t name, mach_msg_type_name_t type) {
  if (!MACH_PORT_VALID(name)) return;
  if (type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE)
    mach_port_deallocate(mach_task_self(), name);
  else if (type == MACH_MSG_TYPE_PORT_RECEIVE)
    mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
}

std::uint64_t padded(std::uint64_t size) {
  return (size + MACH_MSG_USER_ALIGNMENT - 1) / MACH_MSG_USER_ALIGNMENT * MACH_MSG_USER_ALIGNMENT;
}

std::uint64_t data_length(const mach_msg_type_t& type) {
  return (std::uint64_t{type.msgt_number} * type.msgt_size + 7) / 8;
}

void drop_inline_rights(const char* slots, const mach_msg_type_t& type) {
  for (std::uint64_t i = 0; i < type.msgt_number; ++i) {
    mach_port_name_inlined_t slot;
    std::memcpy(&slot, slots + i * sizeof slot, sizeof slot);
    drop_right(slot.name, type.msgt_name);
  }
}

// One item at `p` (spec 02 §6); returns where the next begins, or `end` for one that does not fit.
// Out-of-line items hold nothing of this task's: the daemon does not deliver them.
std::uint64_t drop_item(const char* message, std::uint64_t p, std::uint64_t end) {
  mach_msg_type_t type;
  if (end - p < sizeof type) return end;
  std::memcpy(&type, message + p, sizeof type);
  p += sizeof type;
  const std::uint64_t size = type.msgt_inline ? padded(data_length(type)) : sizeof(vm_address_t);
  if (end - p < size) return end;
  if (type.msgt_inline && MACH_MSG_TYPE_PORT_ANY_RIGHT(type.msgt_name) && type.msgt_size == 64)
    drop_inline_rights(message + p, type);
  return p + size;
}

}  // namespace

extern "C" NETMSG_EXPORT void mach_msg_destroy(mach_msg_header_t* msg) {
  const mach_msg_bits_t bits = msg->msgh_bits;
  drop_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(bits));
  if ((bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const auto* bytes = reinterpret_cast<const char*>(msg);
  for (std::uint64_t p = sizeof *msg; p < msg->msgh_size;) p = drop_item(bytes, p, msg->msgh_size);
}
