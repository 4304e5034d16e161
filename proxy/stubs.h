// SPDX-License-Identifier: Apache-2.0
// Ports that were at home here and have moved on (rules M4 to M6; peer.proto, STUBS): as long as somebody may still send
// for them to us, we are a stub that sends it on. One for the daemon.
//
//   stub    event                                                        next
//   sent    the new home has acknowledged the group: Moved to all        told
//   told    the path of the last one that we waited for is closed        gone
//   any     the new home is lost, or says Died: Died to all              gone
//
//   path (one for each daemon that held units when the port left)
//   open    its PathClose                                                closing
//   open    its PathLost: it could not follow                            losing
//   closing nothing of it waits here any more: PathClose is sent on      gone
//   losing  likewise: PathLost is sent on                                gone
//   open    its session is over                                          losing
//
// What the rights that come over an open path stand for is `guard`: a unit of our own at the new home, so no-senders cannot
// happen there before all paths are closed. Owner thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "daemon/base/clock.h"
#include "daemon/ipc/right.h"
#include "proxy/egress.h"
#include "proxy/link_slot.h"
#include "proxy/net_id.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

struct Stub {
  // What the other end of a path may still use of the port.
  struct Path {
    enum class State { kOpen, kClosing, kLosing };
    Origin holder;
    std::uint64_t send = 0;
    std::uint64_t once = 0;
    State state = State::kOpen;
    // Closing or losing: the last message that waited behind its data then, and may be of this path.
    std::optional<Ticket> behind{};
  };

  PeerIndex target;
  std::uint32_t epoch;
  FrameNumber group = 0;  // our frame to the target that ends the group; 0: it is not appended yet
  std::optional<base::Instant> told;
  ipc::PortRef port;                    // the proxy
  ipc::SendRight guard;                 // empty if there were no send rights when the port left
  std::map<PeerIndex, Path> waiting{};  // some beyond the end of their session
};

using Stubs = std::map<PortUid, Stub>;  // ordered: peers choose what is looked up, so no hashing

}  // namespace netmsg::proxy
