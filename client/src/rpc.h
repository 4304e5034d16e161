// SPDX-License-Identifier: Apache-2.0
// One remote procedure call as stubs make it (spec 07 §5): a request that asks for its reply on the calling
// thread's own reply port, and the checks that a reply has to pass. For the library's own clients.
#pragma once

#include <mach/mig_errors.h>

#include "client/src/task.h"

namespace netmsg::client {

inline constexpr mach_msg_id_t kReplyIdOffset = 100;

// The descriptor of one inline element.
constexpr mach_msg_type_t inline_item(unsigned name, unsigned bits) {
  mach_msg_type_t type{};
  type.msgt_name = name & 0xFFU;
  type.msgt_size = bits & 0xFFFFU;
  type.msgt_inline = 1;
  type.msgt_number = 1;
  return type;
}

// All 64 bits.
bool same_type(const mach_msg_type_t& a, const mach_msg_type_t& b);

// Sends `server` the request in `head`, whose id and COMPLEX bit are set, and receives the reply in its place:
// send_size and buffer_size bytes. A right to answer the reply, and what came of one that could not be received
// whole, is given up. Codes: those of mach_msg, after which the thread takes a new reply port, as it does after a
// call that a handler's longjmp has left (a late reply must not be taken for the next call's); else KERN_SUCCESS.
kern_return_t exchange(mach_port_t server, mach_msg_header_t* head, mach_msg_size_t send_size,
                       mach_msg_size_t buffer_size);

// What a reply must be.
struct ReplyForm {
  mach_msg_id_t request_id;
  mach_msg_size_t size;  // of a success
  bool complex;          // is a success
};
// The reply's own code, or why it is none: MIG_SERVER_DIED, MIG_REPLY_MISMATCH, MIG_TYPE_ERROR. Unless the
// result is KERN_SUCCESS, what the reply brought has been given up. Looks at everything but the results.
kern_return_t check_reply(mig_reply_header_t* reply, const ReplyForm& form);

// A reply that turns out to be wrong: gives up what it brought. Returns `code`.
kern_return_t refuse(mach_msg_header_t* reply, kern_return_t code);

}  // namespace netmsg::client
