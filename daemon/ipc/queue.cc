// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/queue.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/kernel_port.h"
#include "daemon/ipc/operation.h"
#include "daemon/ipc/port_set.h"
#include "daemon/ipc/remote_link.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

namespace {

void stamp(Message& message, Port& port) {
  message.seqno = port.seqno++;
}

// Gives the message to the receiver that came last; those who want to leave a message of this size where it
// is are woken with its size on the way (03 §4 step 5). Returns the message if nobody took it.
MessagePtr hand_over(Receivers& receivers, MessagePtr message) {
  Core& core = message->destination.port()->core();
  while (Operation* receiver = receivers.pop_back()) {
    if (!receiver->refuses(message->size())) {
      stamp(*message, *message->destination.port());
      receiver->message = std::move(message);
      core.wake(*receiver, Wake::kHandedOver);
      return nullptr;
    }
    receiver->too_large_size = message->size();
    core.wake(*receiver, Wake::kTooLarge);
  }
  return message;
}

// Each message to a proxy takes a place in its window; those to send-once rights do not wait for one (peer protocol C2).
void forward(Port& proxy, MessagePtr message) {
  ++proxy.msgcount;
  proxy.core().link().forward(std::move(message));
}

void enqueue(Port& port, MessagePtr message) {
  ++port.msgcount;
  room_changed(port);
  line_up(std::move(message));
}

// It counts like one in the queue: whoever sends to a closed port must not see that it is one.
void hold(Port& port, MessagePtr message) {
  count_as_held(port);
  port.core().link().hold(std::move(message));
}

}  // namespace

bool has_room_for(const Message& message) {
  return message.sent_to_send_once() || message.destination.port()->room() > 0;
}

void post(MessagePtr message) {
  Port& port = *message->destination.port();
  const PortRef keep(&port);
  if (!port.closed || port.dead() || message->circular) return post_from_link(std::move(message));
  ++port.core().counters.messages_sent;
  hold(port, std::move(message));
}

void post_from_link(MessagePtr message) {
  Port& port = *message->destination.port();
  const PortRef keep(&port);
  ++port.core().counters.messages_sent;
  if (port.dead() || message->circular) return;  // destroyed
  switch (port.home()) {
    case Port::Home::kRemote:
      return forward(port, std::move(message));
    case Port::Home::kKernel:
      return kernel_port::serve(std::move(message));
    default:
      return enqueue(port, std::move(message));
  }
}

void count_as_held(Port& port) {
  ++port.msgcount;
  ++port.held;
  room_changed(port);
}

void post_held(MessagePtr message) {
  Port& port = *message->destination.port();
  const PortRef keep(&port);
  NETMSG_CHECK(port.held > 0);
  --port.held;
  if (!port.dead()) return line_up(std::move(message));
  --port.msgcount;  // destroyed
}

void line_up(MessagePtr message) {
  Port& port = *message->destination.port();
  MessagePtr left = hand_over(port.set != nullptr ? port.set->receivers : port.receivers, std::move(message));
  if (!left) return;
  if (port.set != nullptr) port.set->arrivals.push_back(*left);
  port.queue.push(std::move(left));
  touch(listener_of(port));
}

MessagePtr dequeue(Port& port) {
  MessagePtr message = port.queue.pop();
  touch(listener_of(port));
  stamp(*message, port);
  return message;
}

void pick_up(Message& message) {
  Port& port = *message.destination.port();
  message.accepted.reset();
  message.receipt.reset();
  NETMSG_CHECK(port.msgcount > 0);
  --port.msgcount;
  ++port.core().counters.messages_received;
  if (port.dead()) return;
  room_changed(port);
  wake_sender(port);
}

void wake_sender(Port& port) {
  if (port.dead() || port.sender_woken || port.room() == 0) return;
  Operation* sender = port.senders.pop_front();
  if (sender == nullptr) return;
  port.sender_woken = true;
  port.core().wake(*sender, Wake::kRoom);
}

void pass_on_room(Port& port) {
  port.sender_woken = false;
  wake_sender(port);
}

void room_changed(Port& port) {
  if (port.link_slot != 0) port.core().link().room_changed(port);
}

}  // namespace netmsg::ipc
