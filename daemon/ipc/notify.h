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
void msg_accepted(SendOnceRight to, Name name);  // 06 §5: a forced message has left its queue
// 06 §6: the receive right of a port that would have died. If the backup is dead, or on a host to which the right
// cannot travel, the notification is destroyed and the port dies after all. REQUIRES: not circular (03 §9).
void port_destroyed(SendOnceRight to, ReceiveRight right);
void dead_name(SendOnceRight to, Name name);             // 06 §3
void no_senders(SendOnceRight to, std::uint32_t count);  // 06 §7
void send_once(SendOnceRight unused);                    // 06 §8: to the port of the right that disappears

}  // namespace netmsg::ipc::notify
