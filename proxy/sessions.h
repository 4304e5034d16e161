// SPDX-License-Identifier: Apache-2.0
// What an exchange between more than two daemons needs of the sessions that are open. The Proxy implements it.
#pragma once

#include <optional>
#include <vector>

#include "proxy/fault.h"
#include "proxy/tables.h"

namespace netmsg::proxy {

class Sessions {
 public:
  virtual ~Sessions() = default;

  // Null: no session is open.
  virtual Tables* tables(PeerIndex peer) = 0;
  // The one with this run of that daemon; nullopt if none is open.
  virtual std::optional<PeerIndex> find(const Origin& daemon) = 0;
  // REQUIRES: open.
  virtual void append(PeerIndex peer, const v1::Frame& frame) = 0;
  // Something has let go of this proxy: if nothing needs it any more, it is released when the event ends.
  virtual void look_at(PeerIndex peer, const PortUid& proxy) = 0;
  // The session ends as soon as the event is over. Does nothing if it is over.
  virtual void doom(PeerIndex peer, Fault why) = 0;
  // This proxy dies: its port is at home where it cannot follow. Does nothing if it is not there. REQUIRES: open.
  virtual void lose_proxy(PeerIndex peer, const PortUid& proxy) = 0;
  // What waits to be appended for this proxy: it goes elsewhere. REQUIRES: open.
  virtual std::vector<ipc::MessagePtr> recall(PeerIndex peer, const ipc::Port& proxy) = 0;
  // A message that waited goes on to wherever its destination is now.
  virtual void send_on(ipc::MessagePtr message) = 0;
};

}  // namespace netmsg::proxy
