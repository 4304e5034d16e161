// SPDX-License-Identifier: Apache-2.0
// Proxies of ports that are at home elsewhere by now, as the old home says (peer.proto, exchange 12 step 6), while there is
// no session with the new home. Until there is one, what is sent to them goes by the old home. One for the daemon.
//
//   event                              next
//   the session with the new home      gone: the proxy lives by it
//   half a lease is over               gone, and the proxy with it
//   the old home is lost; says Died    gone, and the proxy with it
//
// Half a lease: the old home ends the session with a holder that has not answered within one. Owner thread only.
#pragma once

#include <cstdint>
#include <map>

#include "daemon/base/clock.h"
#include "proxy/link_slot.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

struct Following {
  PeerIndex from;  // the old home
  Origin home;     // the new one
  std::uint32_t epoch;
  base::Instant until;
};

using Followings = std::map<PortUid, Following>;  // ordered: peers choose what is looked up, so no hashing

}  // namespace netmsg::proxy
