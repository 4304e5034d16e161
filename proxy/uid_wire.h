// SPDX-License-Identifier: Apache-2.0
// Uids as frames carry them: the origin is nearly always one of the two that talk, and then a side stands for it
// (peer.proto, Uid).
#pragma once

#include "netmsg/v1/peer.pb.h"
#include "proxy/fault.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

// The two of a session.
struct Ends {
  Origin us;
  Origin them;
};

void write_origin(const Origin& origin, v1::Origin& wire);
// PROTOCOL: a node of another length, incarnation 0.
Check read_origin(const v1::Origin& wire, Origin& origin);

// In a frame of ours.
void write_uid(const Ends& ends, const PortUid& uid, v1::Uid& wire);
// In a frame of theirs. PROTOCOL: serial out of range, unknown side, as read_origin.
Check read_uid(const Ends& ends, const v1::Uid& wire, PortUid& uid);

}  // namespace netmsg::proxy
