// SPDX-License-Identifier: Apache-2.0
// The calls on the host (spec 05 §6). Contracts: <mach/mach_host.h>, <mach/mach_init.h>.
#include <mach/mach_host.h>
#include <mach/mach_init.h>

#include "client/src/export.h"
#include "client/src/memory.h"

extern "C" {

NETMSG_EXPORT vm_size_t vm_page_size = netmsg::client::kPageSize;

NETMSG_EXPORT kern_return_t host_page_size(host_t /*host*/, vm_size_t* page_size) {
  *page_size = netmsg::client::kPageSize;
  return KERN_SUCCESS;
}

NETMSG_ALIAS(host_page_size)

}  // extern "C"
