// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/mach_msg.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/accepted_request.h"
#include "daemon/ipc/copyin.h"
#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

namespace {

bool has(const MsgArgs& args, mach_msg_option_t option) {
  return (args.option & option) != 0;
}

const Name* notify_if(const MsgArgs& args, mach_msg_option_t option) {
  return has(args, option) ? &args.notify : nullptr;
}

// ---------------------------------------------------------------- waiting

// 03 §2: the timeout argument serves both halves; a half without its option waits for ever.
std::optional<mach_msg_timeout_t> send_timeout(const MsgArgs& args) {
  if (has(args, MACH_SEND_TIMEOUT)) return args.timeout_ms;
  if (has(args, MACH_SEND_NOTIFY)) return 0;  // 03 §6
  return std::nullopt;
}

std::optional<mach_msg_timeout_t> receive_timeout(const MsgArgs& args) {
  return has(args, MACH_RCV_TIMEOUT) ? std::optional(args.timeout_ms) : std::nullopt;
}

void set_deadline(Operation& operation, std::optional<mach_msg_timeout_t> timeout_ms) {
  if (!timeout_ms) return;
  Core& core = operation.space.core();
  core.deadlines.add(operation, core.clock().now() + std::chrono::milliseconds(*timeout_ms));
}

void wait_for_room(Operation& operation, Port& port) {
  port.senders.push_back(operation);
  set_deadline(operation, send_timeout(operation.args));
}

void wait_for_message(Operation& operation, Receivers& receivers) {
  receivers.push_back(operation);
  set_deadline(operation, receive_timeout(operation.args));
}

// ---------------------------------------------------------------- the receive half (03 §11)

// A receive has ended. Whoever watches is told by it that nothing was left, if so.
void complete_receive(Space& space, OpToken token, Name name, MsgResult&& result) {
  if (space.watched()) result.idle = idle_at(space, name);
  space.core().complete(space, token, std::move(result));
}

// What a receive finds under its name.
struct Source {
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  const Message* first = nullptr;  // null: nothing there now
  Receivers* receivers = nullptr;  // where to wait; null unless the code is MACH_MSG_SUCCESS
};

// Phase 1.
Source source_of(Space& space, Name name) {
  Entry* entry = space.find(name);
  if (entry == nullptr) return {MACH_RCV_INVALID_NAME};
  if (entry->set) return {MACH_MSG_SUCCESS, entry->set->arrivals.front(), &entry->set->receivers};
  if (!entry->receive) return {MACH_RCV_INVALID_NAME};
  Port& port = *entry->receive.port();
  if (port.set != nullptr) return {MACH_RCV_IN_SET};
  return {MACH_MSG_SUCCESS, port.queue.front(), &port.receivers};
}

// Only msgh_size is told, and only into a buffer that has room for it.
MsgResult too_large(std::uint32_t size, const MsgArgs& args) {
  MsgResult result{MACH_RCV_TOO_LARGE, offsetof(mach_msg_header_t, msgh_size), {}};
  if (args.rcv_size >= result.offset + sizeof size) {
    result.bytes.resize(sizeof size);
    std::memcpy(result.bytes.data(), &size, sizeof size);
  }
  return result;
}

// Phases 3 to 6.
MsgResult take_message(Space& space, MessagePtr message, const MsgArgs& args) {
  pick_up(*message);
  if (message->size() > args.rcv_size) {
    return return_header(space, std::move(message), MACH_RCV_TOO_LARGE, args.rcv_size);
  }
  return receive_message(space, std::move(message), notify_if(args, MACH_RCV_NOTIFY), args.rcv_size);
}

// Phase 2 with a message there, and what follows.
MsgResult receive_first(Space& space, const Message& first, const MsgArgs& args) {
  if (has(args, MACH_RCV_LARGE) && first.size() > args.rcv_size) return too_large(first.size(), args);
  return take_message(space, dequeue(*first.destination.port()), args);
}

// Phases 1 and 2. No value: the call has to wait among `receivers`.
std::optional<MsgResult> try_receive(Space& space, const MsgArgs& args, Receivers*& receivers) {
  const Source source = source_of(space, args.rcv_name);
  receivers = source.receivers;
  if (source.code != MACH_MSG_SUCCESS) return MsgResult{source.code, 0, {}};
  if (source.first != nullptr) return receive_first(space, *source.first, args);
  if (receive_timeout(args) == mach_msg_timeout_t{0}) return MsgResult{MACH_RCV_TIMED_OUT, 0, {}};
  return std::nullopt;
}

void start_receive(Space& space, OpToken token, MsgArgs&& args) {
  Receivers* receivers = nullptr;
  if (std::optional<MsgResult> result = try_receive(space, args, receivers)) {
    return complete_receive(space, token, args.rcv_name, std::move(*result));
  }
  auto operation = Operation::create(space.core().spare_operations, space, token,
                                     Operation::Phase::kReceiving, std::move(args));
  wait_for_message(space.add_operation(std::move(operation)), *receivers);
}

// A message that came at the last moment is not left behind (03 §11 phase 2, §14).
MsgResult look_once_more(const Operation& operation, mach_msg_return_t otherwise) {
  const Source source = source_of(operation.space, operation.args.rcv_name);
  if (source.first == nullptr) return {otherwise, 0, {}};
  return receive_first(operation.space, *source.first, operation.args);
}

// A receiver that was woken without a message has its answer; one with a message takes it now.
MsgResult end_receive(Operation& operation) {
  switch (operation.wake) {
    case Wake::kHandedOver:
      return take_message(operation.space, std::move(operation.message), operation.args);
    case Wake::kTooLarge:
      return too_large(operation.too_large_size, operation.args);
    case Wake::kPortDied:
      return {MACH_RCV_PORT_DIED, 0, {}};
    case Wake::kPortChanged:
      return {MACH_RCV_PORT_CHANGED, 0, {}};
    case Wake::kTimedOut:
      return look_once_more(operation, MACH_RCV_TIMED_OUT);
    case Wake::kInterrupted:
      return look_once_more(operation, MACH_RCV_INTERRUPTED);
    case Wake::kNone:
    case Wake::kRoom:
      break;
  }
  base::check_failed(__FILE__, __LINE__, "a receiver is woken for one of the reasons above");
}

// ---------------------------------------------------------------- the send half (03 §3, §4)

// The send has succeeded: the call ends, or its receive half begins (03 §13).
void after_send(Space& space, OpToken token, MsgArgs&& args) {
  if (has(args, MACH_RCV_MSG)) {
    start_receive(space, token, std::move(args));
  } else {
    space.core().complete(space, token, {});
  }
}

std::uint64_t bytes_of(const std::vector<MemoryRef>& memory) {
  std::uint64_t sum = 0;
  for (const MemoryRef& region : memory) sum += region.length();
  return sum;
}

std::uint64_t buffered_bytes_of(const std::vector<MemoryRef>& memory) {
  std::uint64_t sum = 0;
  for (const MemoryRef& region : memory) sum += region.buffered_bytes();
  return sum;
}

// Phases 1 and 2: sizes, and the private copy. Sets `code` if there is no message.
MessagePtr make_message(Space& space, Bytes bytes, const std::vector<MemoryRef>& memory,
                        mach_msg_return_t& code) {
  code = MACH_SEND_MSG_TOO_SMALL;
  if (bytes.size() < sizeof(mach_msg_header_t) || bytes.size() % MACH_MSG_USER_ALIGNMENT != 0) return nullptr;
  code = MACH_SEND_NO_BUFFER;
  const Limits& limits = space.core().limits();
  if (bytes.size() > limits.inline_bytes || bytes_of(memory) > limits.memory_bytes) return nullptr;
  const std::uint64_t memory_cost = Message::memory_cost(memory.size(), buffered_bytes_of(memory));
  Charge charge = Charge::bytes(space.account(), Message::cost(bytes.size()) + memory_cost);
  if (!charge) return nullptr;
  code = MACH_MSG_SUCCESS;
  return Message::create(space.core().reaper, std::move(bytes), std::move(charge));
}

// Phases 3 to 5. On an error of phase 5 what was taken is in the message; `memory_taken` counts its memory.
mach_msg_return_t copyin(Space& space, MsgArgs& args, Message& message, std::uint32_t& memory_taken) {
  mach_msg_header_t header;
  std::memcpy(&header, message.bytes.data(), sizeof header);
  const Name* cancel = notify_if(args, MACH_SEND_CANCEL);
  if (cancel != nullptr && *cancel == kNullName) return MACH_SEND_INVALID_NOTIFY;
  const HeaderFields fields{header.msgh_bits, header.msgh_remote_port, header.msgh_local_port,
                            message.size() + bytes_of(args.memory)};
  const auto plan = plan_header(space, fields, cancel);
  if (const auto* refused = std::get_if<mach_msg_return_t>(&plan)) return *refused;
  message.id = header.msgh_id;
  message.seqno = header.msgh_seqno;
  message.other_bits = MACH_MSGH_BITS_OTHER(header.msgh_bits) & ~MACH_MSGH_BITS_CIRCULAR;
  commit_header(space, std::get<HeaderPlan>(plan), cancel, message);
  if ((header.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) return MACH_MSG_SUCCESS;
  return copyin_body(space, message, args.memory, memory_taken);
}

// The queue stayed full: MACH_SEND_NOTIFY forces the message in (03 §6) with the code MACH_SEND_WILL_NOTIFY. With
// any other one the message is still here.
mach_msg_return_t force(Space& space, const MsgArgs& args, MessagePtr& message) {
  if (!has(args, MACH_SEND_NOTIFY)) return MACH_SEND_TIMED_OUT;
  const Port& port = *message->destination.port();
  if (args.notify == kNullName) return MACH_SEND_INVALID_NOTIFY;  // 1
  if (space.account().overdrawn()) return MACH_SEND_NO_NOTIFY;    // 2
  const Name name = space.name_of(port);                          // 3, or 4 without one
  if (name != kNullName && space.find(name)->accepted != nullptr) return MACH_SEND_NOTIFY_IN_PROGRESS;
  const Entry* notify = space.find_receive(args.notify);
  if (notify == nullptr) return MACH_SEND_INVALID_NOTIFY;
  SendOnceRight right = SendOnceRight::mint(*notify->receive.port());
  message->accepted = std::make_unique<AcceptedRequest>(space, name, std::move(right));
  post(std::move(message));  // 5
  return MACH_SEND_WILL_NOTIFY;
}

// Accepted now, or not at all? (03 §4 steps 1, 2 and 4.)
bool try_deliver(MessagePtr& message) {
  if (!message->destination.port()->dead() && !has_room_for(*message)) return false;
  post(std::move(message));
  return true;
}

// The time for the send is over. Either way there is no receive half.
MsgResult end_full_send(Space& space, const MsgArgs& args, MessagePtr message) {
  const mach_msg_return_t code = force(space, args, message);
  if (code == MACH_SEND_WILL_NOTIFY) return {code, 0, {}};
  return give_back(space, std::move(message), code);
}

void start_send(Space& space, OpToken token, MsgArgs&& args) {
  mach_msg_return_t code;
  std::uint32_t memory_taken = 0;
  MessagePtr message = make_message(space, std::move(args.message), args.memory, code);
  if (message) code = copyin(space, args, *message, memory_taken);
  args.memory.clear();
  if (code != MACH_MSG_SUCCESS) {
    if (message) message->take_apart();
    space.core().complete(space, token, {.code = code, .memory_taken = memory_taken});
  } else if (try_deliver(message)) {
    after_send(space, token, std::move(args));
  } else if (send_timeout(args) == mach_msg_timeout_t{0}) {
    space.core().complete(space, token, end_full_send(space, args, std::move(message)));
  } else {
    Port& port = *message->destination.port();
    auto operation = Operation::create(space.core().spare_operations, space, token,
                                       Operation::Phase::kSending, std::move(args));
    operation->message = std::move(message);
    wait_for_room(space.add_operation(std::move(operation)), port);
  }
}

// A sender that was woken looks at the destination again (03 §4 step 3). If somebody else took the room it
// goes back to the head of the line, with its full timeout anew (01 §8.5).
void resume_send(Operation& operation) {
  Space& space = operation.space;
  const Wake why = std::exchange(operation.wake, Wake::kNone);
  Port& port = *operation.message->destination.port();
  const PortRef keep(&port);
  const bool sent = why != Wake::kInterrupted && try_deliver(operation.message);
  if (!sent && why == Wake::kRoom) {
    port.sender_woken = false;
    port.senders.push_front(operation);
    set_deadline(operation, send_timeout(operation.args));
    return;
  }
  const OperationPtr done = space.take_operation(operation);
  if (why == Wake::kRoom) pass_on_room(port);
  if (sent) return after_send(space, done->token, std::move(done->args));
  MsgResult result = why == Wake::kInterrupted
                         ? give_back(space, std::move(done->message), MACH_SEND_INTERRUPTED)
                         : end_full_send(space, done->args, std::move(done->message));
  space.core().complete(space, done->token, std::move(result));
}

}  // namespace

void start_mach_msg(Space& space, OpToken token, MsgArgs&& args) {
  if (has(args, MACH_SEND_MSG)) {
    start_send(space, token, std::move(args));
  } else if (has(args, MACH_RCV_MSG)) {
    start_receive(space, token, std::move(args));
  } else {
    space.core().complete(space, token, {});
  }
}

void resume(Operation& operation) {
  if (operation.phase == Operation::Phase::kSending) return resume_send(operation);
  const OperationPtr done = operation.space.take_operation(operation);
  MsgResult result = end_receive(*done);
  complete_receive(done->space, done->token, done->args.rcv_name, std::move(result));
}

}  // namespace netmsg::ipc
