// SPDX-License-Identifier: Apache-2.0
// What goes with a receive right to another host and comes with one from there (spec 01 §13): all that the port is
// besides the rights to it. Its make-send count, sequence number and payload start anew wherever the right
// arrives; dead-name requests stay with their names. A value between Port::depart and the frames that tell of it, or
// between these and Port::arrive.
#pragma once

#include <cstdint>

#include "daemon/ipc/message.h"
#include "daemon/ipc/right.h"

namespace netmsg::ipc {

struct Belongings {
  std::uint32_t qlimit = MACH_PORT_QLIMIT_DEFAULT;
  SendOnceRight no_senders_request;
  SendOnceRight port_destroyed_request;
  MessageQueue queue;  // each to the port; whoever has this takes out all of them
};

}  // namespace netmsg::ipc
