// SPDX-License-Identifier: Apache-2.0
// The port on which a thread awaits the replies to its requests: its own, made on first use and kept until the
// thread ends (task.h). For the library's own requests and for those of stubs (spec 07 §5). Threads: each has
// its own; a forked child begins with none.
//
// States: none; kept; awaited, while mach_msg receives from it. One that is awaited still when the next request
// asks for it was left by a handler's longjmp: it is given up and another one made, because a late reply must not
// be taken for the next request's.
#pragma once

#include <mach/port.h>

namespace netmsg::client {

// The name of the calling thread's reply port; MACH_PORT_NULL if there is none to be had.
mach_port_t reply_port();

// Gives up the calling thread's reply port, if it has one. It is forgotten first: what gives it up may itself
// ask for a reply port.
void forget_reply_port();

}  // namespace netmsg::client
