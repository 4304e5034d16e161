// SPDX-License-Identifier: Apache-2.0
// Queues, sets and who waits at them (spec 01 §§7-9, 03 §4).
#include <algorithm>
#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

// A member's messages are in the queue of its set.
std::deque<MessagePtr>& Model::queue_of(PortId id) {
  return port(id).set == kNobody ? port(id).queue : set(port(id).set).queue;
}

std::vector<CallPtr>& Model::receivers_of(PortId id) {
  return port(id).set == kNobody ? port(id).receivers : set(port(id).set).receivers;
}

// 03 §4. False: the queue is full, nothing has happened.
bool Model::accept(const MessagePtr& message, bool forced) {
  Port& destination = port(message->destination.port);
  const bool to_send_once =
      message->destination.type == MACH_MSG_TYPE_PORT_SEND_ONCE && !planted(Fault::kSendOnceWaitsForRoom);
  const unsigned limit = destination.qlimit + (planted(Fault::kQueueIsOneLonger) ? 1 : 0);
  if (!destination.dead && !forced && !to_send_once && destination.msgcount >= limit) return false;
  if (destination.dead || message->circular) {
    destroy_message(message);
    return true;
  }
  ++destination.msgcount;
  enqueue(message);
  return true;
}

// Blocked receivers are taken most-recent-first; who has too small a buffer and MACH_RCV_LARGE is told so.
void Model::enqueue(const MessagePtr& message) {
  const PortId id = message->destination.port;
  const auto size = static_cast<mach_msg_size_t>(message->bytes.size());
  std::vector<CallPtr>& receivers = receivers_of(id);
  while (!receivers.empty()) {
    const CallPtr receiver = receivers.back();
    if ((receiver->arguments.option & MACH_RCV_LARGE) != 0 && size > receiver->arguments.rcv_size) {
      receiver->too_large = size;
      wake(receiver, Wake::kTooLarge);
      continue;
    }
    receiver->message = message;
    stamp(*message);
    return wake(receiver, Wake::kHandedOver);
  }
  queue_of(id).push_back(message);
}

// 01 §7.
void Model::stamp(Message& message) {
  message.seqno = port(message.destination.port).seqno++;
}

// 03 §11 phase 3.
void Model::picked_up(Message& message) {
  tell_accepted(message);
  Port& from = port(message.destination.port);
  --from.msgcount;
  if (!from.dead && from.msgcount < from.qlimit) wake_senders(message.destination.port, 1);
}

void Model::wake_senders(PortId id, unsigned count) {
  while (count-- > 0 && !port(id).senders.empty()) {
    const CallPtr first = port(id).senders.front();
    wake(first, Wake::kRoom);
  }
}

// It goes on when the event is over.
void Model::wake(const CallPtr& call, Wake why) {
  stop_waiting(call);
  call->wake = why;
  runnable_.push_back(call);
}

void Model::wake_receivers(std::vector<CallPtr>& receivers, Wake why) {
  while (!receivers.empty()) {
    const CallPtr last = receivers.back();
    wake(last, why);
  }
}

void Model::stop_waiting(const CallPtr& call) {
  call->deadline_ms.reset();
  if (call->port != kNobody) {
    port(call->port).senders.remove(call);
    std::erase(port(call->port).receivers, call);
  }
  if (call->set != kNobody) std::erase(set(call->set).receivers, call);
  call->port = call->set = kNobody;
}

void Model::run() {
  while (!runnable_.empty()) {
    const CallPtr next = runnable_.front();
    runnable_.pop_front();
    resume(next);
  }
}

// ---------------------------------------------------------------- 01 §9

// REQUIRES: in no set.
void Model::join_set(PortId id, SetId to) {
  Port& joining = port(id);
  wake_receivers(joining.receivers, Wake::kPortChanged);
  const std::deque<MessagePtr> queue = std::exchange(joining.queue, {});
  joining.set = to;
  for (const MessagePtr& message : queue) enqueue(message);
}

void Model::leave_set(PortId id) {
  Port& leaving = port(id);
  std::deque<MessagePtr>& queue = set(leaving.set).queue;
  std::deque<MessagePtr> staying;
  for (const MessagePtr& message : queue) {
    if (message->destination.port == id) {
      leaving.queue.push_back(message);
    } else {
      staying.push_back(message);
    }
  }
  if (planted(Fault::kLeavingASetLosesTheOrder)) std::reverse(leaving.queue.begin(), leaving.queue.end());
  queue = staying;
  leaving.set = kNobody;
}

}  // namespace netmsg::model
