// SPDX-License-Identifier: Apache-2.0
// Copyout: rights out of a message into the space of whoever gets it (spec 04 §§5-7), and the ways a message
// comes back: received, returned to its sender (pseudo-receive, 03 §5), or destroyed with only its header
// returned (03 §12).
#pragma once

#include <optional>
#include <variant>

#include "daemon/ipc/message.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

// 04 §5: one right of a body, or one that is given to a space directly. Returns its name there:
// MACH_PORT_DEAD if its port is dead, MACH_PORT_NULL if it was NULL. No value if the space has no room for a
// new name: the right is destroyed.
std::optional<Name> copyout_right(Space& space, CarriedRight right);

// What the header step will do (04 §6, §7). Nothing has changed yet.
struct HeaderCopyout {
  enum class Reply { kNull, kDead, kMerge, kNewName };
  Reply reply = Reply::kNull;
  Name reply_name = kNullName;  // kMerge: the existing name
  Port* notify_port = nullptr;  // set if a dead-name request goes with a new name
};

// All checks: MACH_RCV_INVALID_NOTIFY, MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE. `notify` is the argument
// if MACH_RCV_NOTIFY was given.
std::variant<mach_msg_return_t, HeaderCopyout> plan_header_copyout(Space& space, const Message& message,
                                                                   const Name* notify);

// Receives a message that was picked up: header by plan and commit, then the body. `notify` as above. The
// result is the whole message, or the header alone if the header step refused (the message is then
// destroyed). Codes: those of plan_header_copyout; MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE.
MsgResult receive_message(Space& space, MessagePtr message, const Name* notify, mach_msg_size_t rcv_size);

// 03 §12: destroys the message and returns its header with `code`.
MsgResult return_header(Space& space, MessagePtr message, mach_msg_return_t code, mach_msg_size_t rcv_size);

// 03 §5: gives the message back to its sender with `code`; MACH_MSG_IPC_SPACE is or-ed in for rights that
// found no name and were destroyed.
MsgResult give_back(Space& space, MessagePtr message, mach_msg_return_t code);

}  // namespace netmsg::ipc
