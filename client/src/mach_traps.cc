// SPDX-License-Identifier: Apache-2.0
// The calls that take no task (spec 05 §§2 and 6). Contracts: <mach/mach_traps.h>.
#include <mach/mach_traps.h>

#include "client/src/export.h"
#include "client/src/mach_calls.h"

using netmsg::client::trap;
using netmsg::local::Call;

extern "C" {

NETMSG_EXPORT mach_port_name_t mach_reply_port(void) {
  return trap(Call::kReplyPort);
}
NETMSG_EXPORT mach_port_name_t(mach_task_self)(void) {
  return trap(Call::kTaskSelf);
}
NETMSG_EXPORT mach_port_name_t mach_thread_self(void) {
  return trap(Call::kThreadSelf);
}
NETMSG_EXPORT mach_port_name_t(mach_host_self)(void) {
  return trap(Call::kHostSelf);
}

NETMSG_ALIAS(mach_reply_port)
NETMSG_ALIAS(mach_task_self)
NETMSG_ALIAS(mach_thread_self)
NETMSG_ALIAS(mach_host_self)

}  // extern "C"
