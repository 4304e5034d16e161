// SPDX-License-Identifier: Apache-2.0
// Giving up what a received message brought (spec 03 §15).
#include <mach.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/item.h"
#include "client/src/mach_calls.h"
#include "client/src/memory.h"

namespace netmsg::client {

void drop_right(mach_port_name_t name, mach_msg_type_name_t type) {
  if (!MACH_PORT_VALID(name)) return;
  if (type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE)
    mach_port_deallocate(mach_task_self(), name);
  else if (type == MACH_MSG_TYPE_PORT_RECEIVE)
    mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
}

namespace {

// Names `step` bytes apart.
void drop_rights(const char* names, std::size_t step, const mach_msg_type_t& type) {
  for (std::uint64_t at = 0; at < type.msgt_number; ++at) {
    mach_port_name_t name;
    std::memcpy(&name, names + at * step, sizeof name);
    drop_right(name, type.msgt_name);
  }
}

// Where the data of an item is; null for a region that could not be received.
const char* data_of(const char* message, const Item& item) {
  if (!is_out_of_line(item)) return message + item.content;
  const char* region;
  std::memcpy(&region, message + item.content, sizeof region);
  return region;
}

void drop_item(const char* message, const Item& item) {
  const char* const data = data_of(message, item);
  if (item.length == 0 || data == nullptr) return;
  const std::size_t step = is_out_of_line(item) ? sizeof(mach_port_name_t) : sizeof(mach_port_name_inlined_t);
  if (MACH_MSG_TYPE_PORT_ANY_RIGHT(item.type.msgt_name) && item.type.msgt_size == 8 * step)
    drop_rights(data, step, item.type);
  if (is_out_of_line(item)) unmap_pages(reinterpret_cast<std::uint64_t>(data), item.length);
}

}  // namespace
}  // namespace netmsg::client

extern "C" {

NETMSG_EXPORT void mach_msg_destroy(mach_msg_header_t* msg) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  const mach_msg_bits_t bits = msg->msgh_bits;
  drop_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(bits));
  if ((bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const auto* const bytes = reinterpret_cast<const char*>(msg);
  Item item{};
  for (std::uint64_t at = sizeof *msg; next_item(bytes, msg->msgh_size, &at, &item);) drop_item(bytes, item);
}

NETMSG_ALIAS(mach_msg_destroy)

}  // extern "C"
