// SPDX-License-Identifier: Apache-2.0
// One mach_msg call of a thread, from its arguments to its result (spec 03 §§1, 2, 14): the code that all calls share
// which send and receive. Stateless; what is kept is the thread's (task.h). Threads: any.
#pragma once

#include <mach/message.h>
#include <mach/port.h>

#include "client/src/lane.h"
#include "client/src/task.h"

namespace netmsg::client {

inline bool does_nothing(mach_msg_option_t option) {
  return (option & (MACH_SEND_MSG | MACH_RCV_MSG)) == 0;
}
// Is an interruption of the call to be told to the caller?
inline bool asks_for_interruption(std::uint32_t option) {
  return (option & (MACH_SEND_INTERRUPT | MACH_RCV_INTERRUPT)) != 0;
}

local::MachMsg request_of(mach_msg_option_t option, mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                          mach_port_name_t rcv_name, mach_msg_timeout_t timeout, mach_port_name_t notify);

// Phases 1 and 2 of a send (spec 03 §3).
mach_msg_return_t check_size(const local::MachMsg& request);
bool receives_from_reply_port(const local::MachMsg& request, const ThreadState& thread);

// Makes the call once. `interruptible`: as for Lane::mach_msg.
mach_msg_return_t attempt(mach_msg_header_t* msg, const local::MachMsg& request, bool interruptible);
// The interrupt policy of mach_msg (spec 03 §1): an interruption that is not to be told is followed by the same call
// again, or by its receive half if the send was done. True: that is so, and `request` is what follows.
bool goes_on(mach_msg_return_t code, local::MachMsg* request);
// Makes the call with that policy. REQUIRES: it does something.
mach_msg_return_t call(mach_msg_header_t* msg, local::MachMsg request);

// What mach_msg returns when it was answered so. Gives up what there was no room for.
mach_msg_return_t result_of(const Lane::MsgAnswer& answer);
// The code a call returns if it did not get through. A combined call that was lost is taken to have been in
// its receive half, where calls spend their time.
mach_msg_return_t msg_code(Reach reach, mach_msg_option_t option);

}  // namespace netmsg::client
