// SPDX-License-Identifier: Apache-2.0
// mach_msg (spec 03): the phases of a send and of a receive, in their order, and how a call that waits goes
// on.
#pragma once

#include "daemon/ipc/operation.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

// One call from its beginning. It ends now, with a completion, or waits as an Operation of the space.
void start_mach_msg(Space& space, OpToken token, MsgArgs&& args);

// A call that was woken goes on from where it waited (Operation::wake says why). Afterwards it has ended or
// waits again.
void resume(Operation& operation);

}  // namespace netmsg::ipc
