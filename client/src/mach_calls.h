// SPDX-License-Identifier: Apache-2.0
// A call without a message, from frame to answer (proto/local/frame.h, PortCall).
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>

#include "client/src/task.h"

namespace netmsg::client {

struct CallAnswer {
  kern_return_t code;
  std::uint32_t outs[local::kCallOutsMax];
};

// The code a port call returns if it did not get through.
kern_return_t kern_code(Reach reach);
// Asks the daemon.
CallAnswer port_call(const local::PortCall& request);
// A call without arguments whose result is a name; MACH_PORT_NULL on any failure.
mach_port_t trap(local::Call call);
// Gives up one reference to what `name` denotes as a received right of `type`; nothing for NULL, DEAD and types
// that are none of a right.
void drop_right(mach_port_name_t name, mach_msg_type_name_t type);
// Gives up a receive right of the library's own.
void drop_receive_right(mach_port_t name);

}  // namespace netmsg::client
