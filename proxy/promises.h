// SPDX-License-Identifier: Apache-2.0
// Requested notifications of ports that have come here, whose notify right is known by its introduction only (peer.proto,
// exchange 12 step 4): until it is settled, a port of nobody's stands in for the notify port, and its send-once right is
// the request. So the request stands in the port as Mach has it, and a notification that becomes due meanwhile is sent as
// any other, and waits here.
//
//   promise   event                                            next
//   open      the notification is sent: hold()                 due
//   open      settled: take(), fulfil()                        gone; the right that has come is the request
//   due       the same                                         gone; the notification goes to where the right leads
//   any       settled dead                                     gone; a request for a dead port, and no notification
//
// The message by which such a port comes is parked meanwhile (introductions.h), so no program sees the stand-in. One for
// the daemon; owner thread only, inside an Event.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/remote_link.h"
#include "proxy/parking.h"

namespace netmsg::proxy {

struct Promise {
  // Which of the requests of a port.
  using Slot = ipc::SendOnceRight ipc::Port::*;

  ipc::PortRef port;
  Slot slot;
  ipc::ReceiveRight stand_in;
  ParkingTicket ticket = 0;       // of the message by which the port comes; 0: it is not parked
  ipc::MessagePtr due = nullptr;  // the notification

  // The right that was promised, or a dead one.
  void fulfil(ipc::Engine& engine, ipc::CarriedRight right);
};

class Promises {
 public:
  Promises() = default;
  Promises(const Promises&) = delete;
  Promises& operator=(const Promises&) = delete;
  ~Promises();  // REQUIRES: empty

  // Makes a request of the port for a stand-in, which is returned. It is valid until take().
  const ipc::Port& make(ipc::Engine& engine, ipc::Port& port, Promise::Slot slot);
  // REQUIRES: there is one.
  Promise take(const ipc::Port& stand_in);
  bool stands_in(const ipc::Port& port) const { return promises_.count(&port) != 0; }
  // A message to a stand-in waits here. False, and nothing is taken: its destination is none.
  bool hold(ipc::MessagePtr& message);
  // Those of the ports whose receive rights are in the message. Valid until the next make() or take().
  std::vector<Promise*> in(const ipc::Message& message);
  // All are given up, with what waits.
  void drop_all();

  void for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const;
  std::size_t size() const { return promises_.size(); }

 private:
  Promise* find(const ipc::SendOnceRight& request);

  std::map<const ipc::Port*, Promise> promises_;  // by stand-in
};

}  // namespace netmsg::proxy
