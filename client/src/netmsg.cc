// SPDX-License-Identifier: Apache-2.0
// What the library has beyond the Mach interface. Contracts: <netmsg.h>.
#include <netmsg.h>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/mach_calls.h"

extern "C" {

NETMSG_EXPORT kern_return_t netmsg_inherit(int* descriptor) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  int made = -1;
  const kern_return_t code = kern_code(Task::current().open_inheritance(&made));
  if (code == KERN_SUCCESS) *descriptor = made;
  return code;
}

NETMSG_EXPORT kern_return_t netmsg_port_descriptor(mach_port_name_t name, int* descriptor) {
  using namespace netmsg::client;
  if (descriptor == nullptr) return KERN_INVALID_ARGUMENT;
  const ErrnoGuard errno_guard;
  return Task::current().open_watch(name, descriptor);
}

}  // extern "C"
