// SPDX-License-Identifier: Apache-2.0
// The phases of mach_msg (spec 03 §3, §6, §11), and calls that wait.
#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

CallPtr Model::start(SpaceId space, Arguments arguments) {
  const auto call = std::make_shared<Call>();
  call->space = space;
  call->arguments = std::move(arguments);
  calls_.push_back(call);
  if ((call->arguments.option & MACH_SEND_MSG) != 0) {
    send(call);
  } else {
    sent(call);
  }
  run();
  return call;
}

// ---------------------------------------------------------------- 03 §3

void Model::send(const CallPtr& call) {
  const Arguments& arguments = call->arguments;
  const std::size_t size = arguments.message.size();
  if (size < sizeof(mach_msg_header_t) || size % MACH_MSG_USER_ALIGNMENT != 0) {
    return end(call, {MACH_SEND_MSG_TOO_SMALL});
  }
  if (arguments.unmapped) return end(call, {MACH_SEND_INVALID_DATA});
  if ((arguments.option & MACH_SEND_CANCEL) != 0 && arguments.notify == MACH_PORT_NULL) {
    return end(call, {MACH_SEND_INVALID_NOTIFY});
  }
  call->sending = true;
  call->message = std::make_shared<Message>();
  call->message->bytes = arguments.message;
  mach_msg_return_t code = copyin_header(call->space, arguments, *call->message);
  if (code == MACH_MSG_SUCCESS) code = copyin_body(call->space, *call->message);
  if (code != MACH_MSG_SUCCESS) return end(call, {code});
  try_to_send(call, false, true);
}

// 03 §4. `last_time`: the time is up.
void Model::try_to_send(const CallPtr& call, bool last_time, bool first_time) {
  if (accept(call->message, false)) return sent(call);
  const bool notifies = (call->arguments.option & MACH_SEND_NOTIFY) != 0;
  const bool limited = (call->arguments.option & MACH_SEND_TIMEOUT) != 0;
  const bool at_once = limited ? call->arguments.timeout_ms == 0 : notifies;
  if (last_time || at_once) return give_up_sending(call);
  call->port = call->message->destination.port;
  std::list<CallPtr>& senders = port(call->port).senders;
  senders.insert(first_time ? senders.end() : senders.begin(), call);
  wait(call, limited);
}

// 03 §6.
void Model::give_up_sending(const CallPtr& call) {
  mach_msg_return_t code = MACH_SEND_TIMED_OUT;
  if ((call->arguments.option & MACH_SEND_NOTIFY) != 0) {
    code = register_accepted(call->space, call->arguments.notify, call->message);
  }
  if (code != MACH_SEND_WILL_NOTIFY) return end(call, given_back(call->space, code, *call->message));
  accept(call->message, true);
  end(call, {code});
}

mach_msg_return_t Model::register_accepted(SpaceId space, Name notify, const MessagePtr& message) {
  if (notify == MACH_PORT_NULL) return MACH_SEND_INVALID_NOTIFY;
  const Name name = name_for(space, message->destination.port);
  if (name != MACH_PORT_NULL && at(space, name).forced) return MACH_SEND_NOTIFY_IN_PROGRESS;
  if (!has_receive(space, notify)) return MACH_SEND_INVALID_NOTIFY;
  const PortId notify_port = at(space, notify).port;
  ++port(notify_port).sorights;
  message->accepted = Accepted{notify_port, space, name};
  if (name != MACH_PORT_NULL) at(space, name).forced = message;
  return MACH_SEND_WILL_NOTIFY;
}

// The send half is over, with success.
void Model::sent(const CallPtr& call) {
  call->sending = false;
  call->message.reset();
  if ((call->arguments.option & MACH_RCV_MSG) == 0) return end(call, {MACH_MSG_SUCCESS});
  receive(call);
}

// ---------------------------------------------------------------- 03 §11

void Model::receive(const CallPtr& call) {
  const Entry& entry = look_up(call->space, call->arguments.rcv_name);
  if (entry.what == What::kPortSet) {
    call->set = entry.set;
    return look_into_queue(call, set(entry.set).queue, false);
  }
  if (!has_receive(call->space, call->arguments.rcv_name)) return end(call, {MACH_RCV_INVALID_NAME});
  if (port(entry.port).set != kNobody) return end(call, {MACH_RCV_IN_SET});
  call->port = entry.port;
  look_into_queue(call, port(entry.port).queue, false);
}

void Model::look_into_queue(const CallPtr& call, std::deque<MessagePtr>& queue, bool last_time) {
  const Arguments& arguments = call->arguments;
  const bool limited = (arguments.option & MACH_RCV_TIMEOUT) != 0;
  if (queue.empty()) {
    if (last_time || (limited && arguments.timeout_ms == 0)) return end(call, {MACH_RCV_TIMED_OUT});
    (call->set != kNobody ? set(call->set).receivers : port(call->port).receivers).push_back(call);
    return wait(call, limited);
  }
  const MessagePtr message = queue.front();
  const auto size = static_cast<mach_msg_size_t>(message->bytes.size());
  if ((arguments.option & MACH_RCV_LARGE) != 0 && size > arguments.rcv_size) return too_large(call, size);
  queue.pop_front();
  stamp(*message);
  end(call, received(call->space, arguments, message));
}

// MACH_RCV_LARGE: the size alone is told, if there is room for it.
void Model::too_large(const CallPtr& call, mach_msg_size_t size) {
  constexpr std::uint32_t kOffset = offsetof(mach_msg_header_t, msgh_size);
  Bytes bytes(sizeof size);
  std::memcpy(bytes.data(), &size, sizeof size);
  if (call->arguments.rcv_size < kOffset + sizeof size) bytes.clear();
  end(call, {MACH_RCV_TOO_LARGE, bytes.empty() ? 0 : kOffset, std::move(bytes)});
}

// ---------------------------------------------------------------- waiting

void Model::wait(const CallPtr& call, bool timed) {
  if (timed) call->deadline_ms = now_ms_ + call->arguments.timeout_ms;
}

void Model::resume(const CallPtr& call) {
  const Wake why = std::exchange(call->wake, Wake::kNone);
  if (call->sending) {
    resume_sending(call, why);
  } else {
    resume_receiving(call, why);
  }
}

void Model::resume_sending(const CallPtr& call, Wake why) {
  if (why == Wake::kInterrupted) {
    return end(call, given_back(call->space, MACH_SEND_INTERRUPTED, *call->message));
  }
  try_to_send(call, why == Wake::kTimedOut, false);
}

void Model::resume_receiving(const CallPtr& call, Wake why) {
  switch (why) {
    case Wake::kHandedOver:
      return end(call, received(call->space, call->arguments, call->message));
    case Wake::kTooLarge:
      return too_large(call, call->too_large);
    case Wake::kPortDied:
      return end(call, {MACH_RCV_PORT_DIED});
    case Wake::kPortChanged:
      return end(call, {MACH_RCV_PORT_CHANGED});
    case Wake::kInterrupted:
      return end(call, {MACH_RCV_INTERRUPTED});
    default:  // nothing can be in the queue: it would have been handed over
      return end(call, {MACH_RCV_TIMED_OUT});
  }
}

void Model::end(const CallPtr& call, Answer answer) {
  stop_waiting(call);
  call->message.reset();
  if (call->arguments.unmapped) answer.bytes.clear();
  call->answer = std::move(answer);
  calls_.remove(call);
}

void Model::interrupt(const CallPtr& call) {
  if (call->answer) return;
  wake(call, Wake::kInterrupted);
  run();
}

// 01 §14: what its threads were sending is destroyed.
void Model::discard_calls(SpaceId space) {
  const std::list<CallPtr> calls = calls_;
  for (const CallPtr& call : calls) {
    if (call->space != space) continue;
    stop_waiting(call);
    calls_.remove(call);
    if (call->sending) destroy_message(call->message);
  }
}

std::optional<std::uint64_t> Model::next_deadline_ms() const {
  std::optional<std::uint64_t> next;
  for (const CallPtr& call : calls_) {
    if (call->deadline_ms && (!next || *call->deadline_ms < *next)) next = call->deadline_ms;
  }
  return next;
}

void Model::advance_to(std::uint64_t now_ms) {
  now_ms_ = now_ms;
  std::vector<CallPtr> due;
  for (const CallPtr& call : calls_) {
    if (call->deadline_ms && *call->deadline_ms <= now_ms) due.push_back(call);
  }
  for (const CallPtr& call : due) {
    if (call->deadline_ms) wake(call, Wake::kTimedOut);
    run();
  }
}

}  // namespace netmsg::model
