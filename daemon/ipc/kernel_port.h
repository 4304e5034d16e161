// SPDX-License-Identifier: Apache-2.0
// Ports whose receiver is the engine (spec 05 §8): a message to one is a request that is answered at once,
// never queued.
#pragma once

#include "daemon/ipc/message.h"

namespace netmsg::ipc::kernel_port {

// Carries out the request (kernel_call.h), answers it and destroys it. MIG_BAD_ID: an unknown id.
// MIG_BAD_ARGUMENTS: its size, its complex bit or one of its descriptors is not that of the call. Whenever the
// code is an error, the reply is 48 bytes with the code, and the request's rights are destroyed.
// KERN_RESOURCE_SHORTAGE, besides those of the call: the results cannot travel to the host of the reply port;
// they are destroyed. Without a reply right nothing is sent, but the call is carried out. The reply ignores the
// queue limit.
void serve(MessagePtr request);

}  // namespace netmsg::ipc::kernel_port
