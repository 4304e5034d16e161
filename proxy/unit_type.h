// SPDX-License-Identifier: Apache-2.0
// Units are counted of send and send-once rights; a receive right travels with its port (moves.h).
#pragma once

#include <mach/message.h>

#include <cstdint>

namespace netmsg::proxy {

// `type` is a MACH_MSG_TYPE_PORT_* that a peer wrote.
inline bool is_send_type(std::uint32_t type) {
  return type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

}  // namespace netmsg::proxy
