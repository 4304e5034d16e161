// SPDX-License-Identifier: Apache-2.0
// Putting messages into queues and taking them out (spec 01 §8, 03 §4 and §11): limits, hand-over to waiting
// receivers, and who is woken when room appears. Nothing here looks into a message.
#pragma once

#include "daemon/ipc/message.h"
#include "daemon/ipc/port.h"

namespace netmsg::ipc {

// May the message be accepted now? (03 §4 step 2) REQUIRES: its destination is alive.
bool has_room_for(const Message& message);

// Accepts the message whatever the limits say (03 §4 steps 4-5): queues it, hands it to a waiting receiver,
// to the engine (kernel ports) or to the link (proxies); a circular one is destroyed, and so is one whose
// destination is dead.
void post(MessagePtr message);

// The same for a message that the link brings: closed ports (Port::closed) take it at once.
void post_from_link(MessagePtr message);
// A message to the port counts though it is not in the queue: the link has it.
void count_as_held(Port& port);
// A message that the link held for a closed port, and that counts already, goes on into the queue; if the port has
// died it is destroyed. REQUIRES: not a circular one, which is never held.
void post_held(MessagePtr message);

// Hands a message to whoever waits for it at its port or at the set of that port, or appends it to both
// orders.
void line_up(MessagePtr message);

// Takes the port's first message and stamps it with the port's sequence number. REQUIRES: there is one.
MessagePtr dequeue(Port& port);

// A receiver has got hold of the message (03 §11 phase 3): if it was forced in, its sender is told; it no longer
// counts against the limit, and one blocked sender is woken if that made room (01 §8.5).
void pick_up(Message& message);

// Wakes the first blocked sender if there is room for its message. It wakes the next one when it has sent: so
// they never overtake each other, and at most as many go on as there is room for.
void wake_sender(Port& port);
// The sender that was woken does not take the room, or has taken its share: the next one may look.
void pass_on_room(Port& port);

// The port's count or limit has changed.
void room_changed(Port& port);

}  // namespace netmsg::ipc
