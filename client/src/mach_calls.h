// SPDX-License-Identifier: Apache-2.0
// A port call from arguments to answer, for the C functions and for the library's own use.
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>

#include <initializer_list>

#include "client/src/task.h"

namespace netmsg::client {

struct CallAnswer {
  kern_return_t code;
  std::uint32_t outs[local::kCallOutsMax];
};

// The code a port call returns if it did not get through.
kern_return_t kern_code(Reach reach);
// Asks the daemon. At most kCallArgsMax arguments.
CallAnswer port_call(local::Call call, std::initializer_list<std::uint64_t> args);
// Gives up one reference to what `name` denotes as a received right of `type`; nothing for NULL, DEAD and types
// that are none of a right.
void drop_right(mach_port_name_t name, mach_msg_type_name_t type);
// Gives up a receive right of the library's own.
void drop_receive_right(mach_port_t name);

}  // namespace netmsg::client
