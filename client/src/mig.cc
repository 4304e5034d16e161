// SPDX-License-Identifier: Apache-2.0
// What stubs call besides mach_msg (spec 07 §5). Contracts: <mach/mig_support.h>.
#include <mach.h>
#include <mach/mig_support.h>

#include <cstring>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/reply_port.h"
#include "client/src/rpc.h"

using netmsg::client::ErrnoGuard;

extern "C" {

NETMSG_EXPORT mach_port_t mig_get_reply_port(void) {
  const ErrnoGuard errno_guard;
  return netmsg::client::reply_port();
}

NETMSG_EXPORT void mig_put_reply_port(mach_port_t) {}

NETMSG_EXPORT void mig_dealloc_reply_port(mach_port_t) {
  const ErrnoGuard errno_guard;
  netmsg::client::forget_reply_port();
}

NETMSG_EXPORT vm_size_t mig_strncpy(char* dst, const char* src, vm_size_t len) {
  if (len == 0) return 0;
  const vm_size_t length = strnlen(src, len - 1);
  std::memcpy(dst, src, length);
  dst[length] = '\0';
  return length + 1;
}

NETMSG_EXPORT void mig_allocate(vm_address_t* address, vm_size_t size) {
  if (vm_allocate(mach_task_self(), address, size, TRUE) != KERN_SUCCESS) *address = 0;
}

NETMSG_EXPORT void mig_deallocate(vm_address_t address, vm_size_t size) {
  vm_deallocate(mach_task_self(), address, size);
}

NETMSG_EXPORT void mig_init(void*) {}

NETMSG_EXPORT void mig_reply_setup(const mach_msg_header_t* request, mach_msg_header_t* reply) {
  mig_reply_header_t made{};
  made.Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request->msgh_bits), 0);
  made.Head.msgh_size = sizeof made;
  made.Head.msgh_remote_port = request->msgh_remote_port;
  made.Head.msgh_id = request->msgh_id + netmsg::client::kReplyIdOffset;
  made.RetCodeType = netmsg::client::inline_item(MACH_MSG_TYPE_INTEGER_32, 32);
  made.RetCode = MIG_BAD_ID;
  std::memcpy(reply, &made, sizeof made);
}

NETMSG_ALIAS(mig_get_reply_port)
NETMSG_ALIAS(mig_put_reply_port)
NETMSG_ALIAS(mig_dealloc_reply_port)
NETMSG_ALIAS(mig_strncpy)
NETMSG_ALIAS(mig_allocate)
NETMSG_ALIAS(mig_deallocate)
NETMSG_ALIAS(mig_init)
NETMSG_ALIAS(mig_reply_setup)

}  // extern "C"
