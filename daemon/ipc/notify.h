// SPDX-License-Identifier: Apache-2.0
// The notifications (spec 06): messages that the engine makes itself and sends to a send-once right, which
// they use up. They never block, ignore the queue limit and are in their queue before the event that caused
// them ends. A notification to a dead port vanishes.
#pragma once

#include <memory>

#include "daemon/ipc/port.h"
#include "daemon/ipc/right.h"

namespace netmsg::ipc::notify {

// 06 §4: a name became free; whoever asked to hear of its death (null: nobody) hears of that instead.
void port_deleted(std::unique_ptr<DeadNameRequest> request);
void dead_name(SendOnceRight to, Name name);             // 06 §3
void no_senders(SendOnceRight to, std::uint32_t count);  // 06 §7
void send_once(SendOnceRight unused);                    // 06 §8: to the port of the right that disappears

}  // namespace netmsg::ipc::notify
