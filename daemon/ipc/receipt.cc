// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/receipt.h"

#include "daemon/ipc/core.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

void Receipt::reset() {
  if (Core* core = std::exchange(core_, nullptr)) core->link().left_queue(token_);
}

}  // namespace netmsg::ipc
