// SPDX-License-Identifier: Apache-2.0
// Copyin: rights out of a sender's space into a message. The header is planned as a whole and then committed
// in one step that cannot fail (spec 04 §2, G1); the body is taken element by element, each atomic by itself
// (§4, G4).
#pragma once

#include <variant>

#include "daemon/ipc/copyin_rules.h"
#include "daemon/ipc/message.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

// --- one right ---

struct RightPlan {
  Name name = kNullName;
  Take take = Take::kRefuse;
  RightType type = RightType::kNone;  // as it will be carried
};

// 04 §1 for a reply or body name: NULL and DEAD are carried as they are. `take` is kRefuse if the rule says
// so.
RightPlan plan_right(Space& space, Name name, Disposition disposition);

struct TakenRight {
  CarriedRight right;
  // The dead-name request of a name that became free: the caller owes its port-deleted notification.
  std::unique_ptr<DeadNameRequest> freed_request;
};

// Carries out a plan made in this event. REQUIRES: the plan does not refuse, the space has not changed since.
TakenRight commit_right(Space& space, const RightPlan& plan);

// --- the header ---

struct HeaderFields {
  mach_msg_bits_t bits;
  Name remote;         // destination
  Name local;          // reply
  std::uint64_t size;  // of the whole message with its out-of-line memory
};

struct HeaderPlan {
  RightPlan destination;
  RightPlan reply;
};

// 04 §2: all checks in their order; nothing has changed whatever the answer is. `cancel` is the notify
// argument if MACH_SEND_CANCEL was given. Codes: MACH_SEND_INVALID_HEADER, _NOTIFY, _DEST, _REPLY;
// MACH_SEND_NO_BUFFER if the reply right, or a message of this size, cannot travel to the destination's host.
std::variant<mach_msg_return_t, HeaderPlan> plan_header(Space& space, const HeaderFields& fields,
                                                        const Name* cancel);

// Takes both rights into the message and sends the port-deleted notifications for names that became free, the
// destination's first. With `cancel` the destination's is dropped silently if it would have gone to that port
// (03 §7).
void commit_header(Space& space, const HeaderPlan& plan, const Name* cancel, Message& message);

// --- the body ---

// Walks the items of a complex message (02 §8), takes their rights and their memory, and rewrites the
// descriptors as they will be received (02 §6). `memory` as in MsgArgs; the first `memory_taken` of it are used up.
// On an error what was taken so far is in the message, for the caller to destroy; names not reached stay with
// the sender. Codes: MACH_SEND_MSG_TOO_SMALL, _INVALID_TYPE, _INVALID_MEMORY, _INVALID_RIGHT.
mach_msg_return_t copyin_body(Space& space, Message& message, std::vector<MemoryRef>& memory,
                              std::uint32_t& memory_taken);

// The receive right of `carried`, in the body of `message`, is on its way to the destination from here on,
// unless that would close a loop: then the message is circular (03 §9). `end_of_transit` is the destination's.
void send_on_its_way(Message& message, const Port& end_of_transit, Port& carried);

}  // namespace netmsg::ipc
