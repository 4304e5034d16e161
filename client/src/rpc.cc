// SPDX-License-Identifier: Apache-2.0
#include "client/src/rpc.h"

#include <mach.h>

#include <cstring>
#include <utility>

#include "client/src/mach_calls.h"
#include "client/src/reply_port.h"

namespace netmsg::client {

namespace {

// Has the reply the form of a failure, or of the success that was expected?
bool has_form(const mig_reply_header_t& reply, const ReplyForm& form) {
  const bool success = reply.RetCode == KERN_SUCCESS;
  const bool is_complex = (reply.Head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  return reply.Head.msgh_size == (success ? form.size : sizeof reply) &&
         is_complex == (success && form.complex);
}

// A reply is not answered.
void drop_reply_right(mach_msg_header_t* reply) {
  drop_right(std::exchange(reply->msgh_remote_port, MACH_PORT_NULL), MACH_MSGH_BITS_REMOTE(reply->msgh_bits));
}

}  // namespace

bool same_type(const mach_msg_type_t& a, const mach_msg_type_t& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

kern_return_t refuse(mach_msg_header_t* reply, kern_return_t code) {
  mach_msg_destroy(reply);
  return code;
}

kern_return_t exchange(mach_port_t server, mach_msg_header_t* head, mach_msg_size_t send_size,
                       mach_msg_size_t buffer_size) {
  const mach_port_t port = reply_port();
  head->msgh_bits = (head->msgh_bits & MACH_MSGH_BITS_COMPLEX) |
                    MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  head->msgh_remote_port = server;
  head->msgh_local_port = port;
  const mach_msg_return_t code = mach_msg(head, MACH_SEND_MSG | MACH_RCV_MSG, send_size, buffer_size, port,
                                          MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  if ((code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) mach_msg_destroy(head);
  if (code != MACH_MSG_SUCCESS) {
    forget_reply_port();
    return code;
  }
  drop_reply_right(head);
  return KERN_SUCCESS;
}

kern_return_t check_reply(mig_reply_header_t* reply, const ReplyForm& form) {
  if (reply->Head.msgh_id == MACH_NOTIFY_SEND_ONCE) return refuse(&reply->Head, MIG_SERVER_DIED);
  if (reply->Head.msgh_id != form.request_id + kReplyIdOffset) {
    refuse(&reply->Head, MIG_REPLY_MISMATCH);
    forget_reply_port();
    return MIG_REPLY_MISMATCH;
  }
  const bool has_code = reply->Head.msgh_size >= sizeof *reply &&
                        same_type(reply->RetCodeType, inline_item(MACH_MSG_TYPE_INTEGER_32, 32));
  if (!has_code || !has_form(*reply, form)) return refuse(&reply->Head, MIG_TYPE_ERROR);
  return reply->RetCode;
}

}  // namespace netmsg::client
