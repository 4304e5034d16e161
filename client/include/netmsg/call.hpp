// SPDX-License-Identifier: Apache-2.0
// A request and its reply, as generated stubs make it (spec 07 §5): the reply has the request's id + 100, and a return
// code as its first item. The thread's own reply port is used, the one that mig_get_reply_port gives; when a reply may
// still come that nobody waits for, it is given up, so that a late one is never taken for the next one's.
#pragma once

#include <mach.h>
#include <mach/mig_support.h>

#include <netmsg/message.hpp>
#include <netmsg/received_message.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>

namespace netmsg {

// Sends `request` and waits for its reply: the results, behind the return code. `timeout` is for the send and for the
// reply, each.
//
// Errors: the codes of Message::send, with the request as said there, but without destination and reply right, so
// that it can be called with again. KERN_RESOURCE_SHORTAGE: no reply port to be had; nothing done. Then those after the
// request was sent: MACH_RCV_TIMED_OUT and other codes of a receive; MIG_SERVER_DIED: whoever had to answer gave the
// right to do so up; MIG_REPLY_MISMATCH, MIG_TYPE_ERROR: it answered something else; and the server's own code. What
// came with a wrong answer is given up.
inline Result<ReceivedMessage> call(const SendRight& to, Message& request, Timeout timeout = kForever) {
  if (request.error_ != KERN_SUCCESS) return Error(request.error_);
  const mach_port_name_t port = mig_get_reply_port();
  if (port == MACH_PORT_NULL) return Error(KERN_RESOURCE_SHORTAGE);
  const mach_msg_id_t id = request.id();
  ReceivedMessage reply;
  const mach_msg_return_t code = request.exchange(to, port, timeout, reply.buffer_);
  const bool was_sent = detail::fate_of(code) == detail::Fate::kSent;
  const Result<void> received = code == MACH_RCV_TOO_LARGE ? reply.receive_from(port, timeout)
                                : was_sent                 ? reply.filled(code)
                                                           : Result<void>(Error(code));
  // Before the right to answer is given up, which would send a notification there.
  if (!received) mig_dealloc_reply_port(port);
  if (!was_sent) request.drop_header();
  if (!received) return received.error();
  const kern_return_t answer = reply.answer_to(id);
  if (answer == MIG_REPLY_MISMATCH) mig_dealloc_reply_port(port);
  if (answer != KERN_SUCCESS) return Error(answer);
  return reply;
}

inline Result<ReceivedMessage> call(const SendRight& to, Message&& request, Timeout timeout = kForever) {
  return call(to, request, timeout);
}

}  // namespace netmsg
