// SPDX-License-Identifier: Apache-2.0
// mach_msg and its kin (spec 03 §§1, 2, 14). Contracts: <mach/message.h>.
#include <mach/message.h>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/msg_call.h"

extern "C" {

NETMSG_EXPORT mach_msg_return_t mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option,
                                              mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                              mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                              mach_port_name_t notify) {
  using namespace netmsg::client;
  if (does_nothing(option)) return MACH_MSG_SUCCESS;
  const ErrnoGuard errno_guard;
  return attempt(msg, request_of(option, send_size, rcv_size, rcv_name, timeout, notify), true);
}

NETMSG_EXPORT mach_msg_return_t mach_msg(mach_msg_header_t* msg, mach_msg_option_t option,
                                         mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                         mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                         mach_port_name_t notify) {
  using namespace netmsg::client;
  if (does_nothing(option)) return MACH_MSG_SUCCESS;
  const ErrnoGuard errno_guard;
  return call(msg, request_of(option, send_size, rcv_size, rcv_name, timeout, notify));
}

NETMSG_EXPORT mach_msg_return_t mach_msg_send(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_SEND_MSG, msg->msgh_size, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

NETMSG_EXPORT mach_msg_return_t mach_msg_receive(mach_msg_header_t* msg) {
  return mach_msg(msg, MACH_RCV_MSG, 0, msg->msgh_size, msg->msgh_local_port, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
}

NETMSG_ALIAS(mach_msg_trap)
NETMSG_ALIAS(mach_msg)
NETMSG_ALIAS(mach_msg_send)
NETMSG_ALIAS(mach_msg_receive)

}  // extern "C"
