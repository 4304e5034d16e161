// SPDX-License-Identifier: Apache-2.0
// Ports that have come here and that somebody may still send to by way of the old home (rules M7, M8; peer.proto,
// UNDRAINED). What such a daemon sends to us directly waits until its old path is closed, and so does what our own
// programs send if we were one: they must not overtake themselves. One for the daemon.
//
//   path    event                                              next
//   open    PathClose, by the old home                         closing
//   closing nothing that the old home has sent on waits here   gone: what waited goes into the queue
//   any     PathLost; the old home's session is over           gone, and its units are taken away
//   any     the port dies                                      gone, with what waited
//
// Owner thread only, inside an Event.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/message.h"
#include "proxy/link_slot.h"
#include "proxy/port_uid.h"
#include "proxy/units.h"

namespace netmsg::proxy {

struct Undrained {
  struct Path {
    Origin holder;                         // may be us
    std::optional<PeerIndex> peer;         // whose exports have its units; nullopt: no session, or us
    Units units{};                         // if there is no session, or we: what came back with the port
    std::optional<base::Instant> until{};  // without a session: when the units are taken away
    bool lost = false;                     // the session that had the units is over
    bool closing = false;
    std::deque<ipc::MessagePtr> held{};  // what has come directly, or from our own programs
  };

  PeerIndex by;  // the old home
  std::uint32_t epoch;
  base::Instant since;
  ipc::PortRef port;
  std::vector<Path> paths{};

  Path* find(const Origin& holder) {
    for (Path& path : paths) {
      if (path.holder == holder) return &path;
    }
    return nullptr;
  }
  Path* find(PeerIndex peer) {
    for (Path& path : paths) {
      if (path.peer == peer) return &path;
    }
    return nullptr;
  }
};

using UndrainedPorts = std::map<PortUid, Undrained>;  // ordered: peers choose what is looked up

}  // namespace netmsg::proxy
