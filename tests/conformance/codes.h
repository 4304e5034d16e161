// SPDX-License-Identifier: Apache-2.0
// Return codes as traces write them.
#pragma once

#include <mach/kern_return.h>

#include <string>

namespace netmsg::conformance {

// The name of the constant, a code that has none as a number. 0 has two names: port calls give KERN_SUCCESS,
// mach_msg gives MACH_MSG_SUCCESS.
std::string port_call_code(kern_return_t code);
std::string mach_msg_code(kern_return_t code);

}  // namespace netmsg::conformance
