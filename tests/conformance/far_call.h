// SPDX-License-Identifier: Apache-2.0
// A port call on a task of another host, as the messages that it is made of (spec 05 §8). Stateless.
#pragma once

#include "daemon/ipc/engine.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

// A send and a receive in one: the request to `task`, and its answer at `reply`. REQUIRES: an insert or an extract; traces
// have no other calls on other tasks.
ipc::MsgArgs far_request(const PortCall& call, Name task, Name reply);
PortAnswer far_answer(const ipc::MsgResult& result);

}  // namespace netmsg::conformance
