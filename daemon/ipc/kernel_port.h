// SPDX-License-Identifier: Apache-2.0
// Ports whose receiver is the engine (spec 05 §8): a message to one is a request that is answered at once,
// never queued.
#pragma once

#include "daemon/ipc/message.h"

namespace netmsg::ipc::kernel_port {

// Answers the request and destroys it. The task ports take no requests yet, so every id is an unknown one:
// MIG_BAD_ID. Without a reply right nothing is sent. The reply ignores the queue limit.
void serve(MessagePtr request);

}  // namespace netmsg::ipc::kernel_port
