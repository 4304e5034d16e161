// SPDX-License-Identifier: Apache-2.0
// A port set (spec 01 §9): a name to receive from. It can be made, received from and destroyed; members come
// with mach_port_move_member, which is not offered yet, so a set is always empty.
#pragma once

#include "daemon/ipc/port.h"

namespace netmsg::ipc {

struct PortSet {
  ReceiveQueue queue;
};

}  // namespace netmsg::ipc
