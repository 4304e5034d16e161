// SPDX-License-Identifier: Apache-2.0
#include "client/src/msg_call.h"

#include <algorithm>

#include "client/src/mach_calls.h"

namespace netmsg::client {

mach_msg_return_t msg_code(Reach reach, mach_msg_option_t option) {
  const bool sends = (option & MACH_SEND_MSG) != 0;
  const bool receives = (option & MACH_RCV_MSG) != 0;
  switch (reach) {
    case Reach::kOk:
      return MACH_MSG_SUCCESS;
    case Reach::kLost:
      return receives ? MACH_RCV_PORT_DIED : MACH_SEND_INVALID_DEST;
    case Reach::kNoResources:
      return sends ? MACH_SEND_NO_BUFFER : MACH_RCV_INVALID_NAME;
    case Reach::kNoDaemon:
    case Reach::kGone:
      break;
  }
  return sends ? MACH_SEND_INVALID_DEST : MACH_RCV_INVALID_NAME;
}

mach_msg_return_t check_size(const local::MachMsg& request) {
  if ((request.option & MACH_SEND_MSG) == 0) return MACH_MSG_SUCCESS;
  if (request.send_size < sizeof(mach_msg_header_t) || request.send_size % MACH_MSG_USER_ALIGNMENT != 0)
    return MACH_SEND_MSG_TOO_SMALL;
  if (!Task::current().attach()) return MACH_SEND_INVALID_DEST;
  return request.send_size > Task::current().inline_max() ? MACH_SEND_NO_BUFFER : MACH_MSG_SUCCESS;
}

bool receives_from_reply_port(const local::MachMsg& request, const ThreadState& thread) {
  return request.rcv_name == thread.reply_port && thread.reply_port != MACH_PORT_NULL &&
         (request.option & MACH_RCV_MSG) != 0;
}

namespace {

// What became of the bytes of a received message decides only where the message was to be had: in the other
// cases a buffer that cannot be written changes nothing (spec 03 §§5, 11, 12).
mach_msg_return_t after_write(mach_msg_return_t code, Io written) {
  const bool message_due = code == MACH_MSG_SUCCESS || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
  return written == Io::kBadMemory && message_due ? MACH_RCV_INVALID_DATA : code;
}

// Is the message, and the place for the answer, memory that is there anyway?
bool is_own(const void* msg, const local::MachMsg& request, const OwnMemory& own, AnswerPlace& place) {
  const bool receives = (request.option & MACH_RCV_MSG) != 0;
  const std::uint64_t size = std::max(request.send_size, receives ? request.rcv_size : 0);
  if (!own.covers(msg, size)) return false;
  place.writable.add(msg, size);
  place.stays = true;
  return true;
}

// Where an answer comes to the place of a small message, the kernel is asked about both at once.
bool can_be_sent(void* msg, const local::MachMsg& request, AnswerPlace& place) {
  const bool both = (request.option & MACH_RCV_MSG) != 0 && request.send_size <= kPageSize;
  if (!both || !is_usable(msg, request.send_size)) return is_readable(msg, request.send_size);
  place.writable.add(msg, request.send_size);
  return true;
}

// The kernel is asked about the message before anybody here looks at it: for the regions of a complex one, or to copy it.
mach_msg_return_t find_memory(mach_msg_header_t* msg, const local::MachMsg& request, ThreadState& thread,
                              AnswerPlace& place) {
  SentMemory& memory = thread.memory;
  memory.clear();
  const bool is_there = is_own(msg, request, thread.own, place);
  if ((request.option & MACH_SEND_MSG) == 0) return MACH_MSG_SUCCESS;
  if (!is_there && !can_be_sent(msg, request, place)) return MACH_SEND_INVALID_DATA;
  if ((msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) return MACH_MSG_SUCCESS;
  const auto found = memory.find(msg, request.send_size, Task::current().memory_max());
  return found == SentMemory::Found::kOk ? MACH_MSG_SUCCESS : MACH_SEND_NO_BUFFER;
}

// A region without room is an error of the body, or a detail of the code with which a message came back.
mach_msg_return_t with_memory_lost(mach_msg_return_t code, mach_msg_return_t bits) {
  return (code == MACH_MSG_SUCCESS ? MACH_RCV_BODY_ERROR : code) | bits;
}

// Was there no room for the message, perhaps for its files alone? Then nothing of it was taken.
bool found_no_room(const Lane::MsgAnswer& answer) {
  return answer.send == Io::kNoFiles ||
         (answer.send == Io::kOk && answer.done.code == MACH_SEND_NO_BUFFER && answer.done.length == 0);
}

mach_msg_return_t carry_out(mach_msg_header_t* msg, const local::MachMsg& request, SentMemory& memory,
                            const AnswerPlace& place, bool interruptible) {
  memory.pack();
  for (;;) {
    Lane::MsgAnswer answer;
    const Reach reach = Task::current().run([&](Lane& lane) {
      return lane.mach_msg(request, {msg, place}, memory, interruptible, &answer);
    });
    if (reach != Reach::kOk) return msg_code(reach, static_cast<mach_msg_option_t>(request.option));
    if (found_no_room(answer) && memory.unpack()) continue;
    if (answer.send == Io::kNoFiles) return MACH_SEND_NO_BUFFER;
    if (answer.send == Io::kOk) return result_of(answer);
    if (!memory.drop_unreadable()) return MACH_SEND_INVALID_DATA;
  }
}

}  // namespace

mach_msg_return_t result_of(const Lane::MsgAnswer& answer) {
  for (const LostRight& lost : answer.lost_rights) drop_right(lost.name, lost.type);
  if (answer.done.idle_watch != 0) Task::current().answered(answer.done.idle_watch, answer.done.idle_signal);
  const auto code = static_cast<mach_msg_return_t>(answer.done.code);
  const mach_msg_return_t bits = answer.memory_lost;
  return after_write(bits != 0 ? with_memory_lost(code, bits) : code, answer.receive);
}

mach_msg_return_t attempt(mach_msg_header_t* msg, const local::MachMsg& request, bool interruptible) {
  if (const mach_msg_return_t code = check_size(request); code != MACH_MSG_SUCCESS) return code;
  ThreadState* const thread = Task::current().this_thread();
  if (thread == nullptr) return msg_code(Reach::kNoResources, static_cast<mach_msg_option_t>(request.option));
  AnswerPlace place;
  if (const mach_msg_return_t code = find_memory(msg, request, *thread, place); code != MACH_MSG_SUCCESS)
    return code;
  const bool from_reply_port = receives_from_reply_port(request, *thread);
  if (from_reply_port) thread->reply_awaited = true;
  const mach_msg_return_t code = carry_out(msg, request, thread->memory, place, interruptible);
  thread->memory.clear();
  if (from_reply_port) thread->reply_awaited = false;  // not where a handler's longjmp leaves (reply_port.h)
  return code;
}

local::MachMsg request_of(mach_msg_option_t option, mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                          mach_port_name_t rcv_name, mach_msg_timeout_t timeout, mach_port_name_t notify) {
  const bool sends = (option & MACH_SEND_MSG) != 0;
  return {
      static_cast<std::uint32_t>(option), sends ? send_size : 0, rcv_size, rcv_name, timeout, notify, 0, 0};
}

bool goes_on(mach_msg_return_t code, local::MachMsg* request) {
  if (code == MACH_SEND_INTERRUPTED) return (request->option & MACH_SEND_INTERRUPT) == 0;
  if (code != MACH_RCV_INTERRUPTED || (request->option & MACH_RCV_INTERRUPT) != 0) return false;
  request->option &= ~static_cast<std::uint32_t>(MACH_SEND_MSG);
  request->send_size = 0;
  return true;
}

// Where no interruption is to be told, none is made: the wait just goes on, which is what repeating the call
// comes to (and the send keeps its place in the line).
mach_msg_return_t call(mach_msg_header_t* msg, local::MachMsg request) {
  const bool interruptible = asks_for_interruption(request.option);
  mach_msg_return_t code = attempt(msg, request, interruptible);
  while (goes_on(code, &request)) code = attempt(msg, request, interruptible);
  return code;
}

}  // namespace netmsg::client
