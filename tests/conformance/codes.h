// SPDX-License-Identifier: Apache-2.0
// Return codes as traces write them.
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>

#include <string>

namespace netmsg::conformance {

// The name of the constant, a code that has none as a number. 0 has two names: port calls give KERN_SUCCESS,
// mach_msg gives MACH_MSG_SUCCESS.
std::string port_call_code(kern_return_t code);
std::string mach_msg_code(kern_return_t code);

// A code of the send half after which the message is in the caller's buffer again.
inline bool gives_back(mach_msg_return_t code) {
  return code == MACH_SEND_TIMED_OUT || code == MACH_SEND_INTERRUPTED || code == MACH_SEND_INVALID_NOTIFY ||
         code == MACH_SEND_NOTIFY_IN_PROGRESS;
}

}  // namespace netmsg::conformance
