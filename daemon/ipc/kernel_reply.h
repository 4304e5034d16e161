// SPDX-License-Identifier: Apache-2.0
// The reply to a request to a kernel port (spec 05 §8), from results to bytes, rights and memory. Stateless.
#pragma once

#include "daemon/ipc/kernel_call.h"
#include "daemon/ipc/message.h"

namespace netmsg::ipc {

// Bytes of the reply to a call that succeeded, its arrays included.
std::uint64_t reply_bytes(const Call& call, const CallOutput& out);

// Takes the reply right and the charge out of the request, and the results out of `out`. `call` null: the reply
// of a failure, 48 bytes. REQUIRES: there is a reply right.
MessagePtr make_reply(Message& request, const Call* call, kern_return_t code, CallOutput& out);

}  // namespace netmsg::ipc
