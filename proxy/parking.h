// SPDX-License-Identifier: Apache-2.0
// Messages that have come and may not be queued yet: a right in them is not settled (peer.proto, exchange 10 step 5), or
// one before them waits. A lane for each pair of peer and destination port keeps their order; nobody else waits. They
// outlive the session they came by. What a message waits for is the caller's business.
//
//   message    event                                     next
//   waiting    settle(), once for each unsettled right   ready
//   ready      it is the first of its lane: pop()        gone: to be queued
//   any        take_all()                                gone: to be destroyed
//
// A message holds its destination right, so no-senders waits for it (N1). One for the daemon; owner thread only, inside
// an Event.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "daemon/ipc/message.h"
#include "proxy/link_slot.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

// A message that was parked; never reused. 0 is none.
using ParkingTicket = std::uint64_t;

// Puts a right where one was left open: slot 0 is the reply, then come the body's.
void fill_slot(ipc::Message& message, std::size_t slot, ipc::CarriedRight right);

class Parking {
 public:
  struct Lane {
    PortUid port;
    PeerIndex peer = 0;
    bool operator==(const Lane&) const = default;
    std::strong_ordering operator<=>(const Lane& other) const {
      if (const auto order = port <=> other.port; std::is_neq(order)) return order;
      return peer <=> other.peer;
    }
  };

  Parking() = default;
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;
  ~Parking();  // REQUIRES: empty

  bool empty() const { return lanes_.empty(); }
  // Does a new message have to wait behind others?
  bool holds(const Lane& lane) const { return !lanes_.empty() && lanes_.count(lane) != 0; }
  // At the end of the lane. `unsettled` rights are left open in it.
  ParkingTicket push(const Lane& lane, ipc::MessagePtr message, std::size_t unsettled);
  // Where it is. REQUIRES: it is here.
  const Lane& lane_of(ParkingTicket ticket) const { return tickets_.at(ticket); }
  // One of its rights is known: filled in, or given up if the destination is dead. REQUIRES: it is here and waits for it.
  void settle(ParkingTicket ticket, std::size_t slot, ipc::CarriedRight right);
  // The same for something that has no place in the message.
  void settle(ParkingTicket ticket) { count_settled(ticket); }
  // Takes the first message of the lane if it is ready; null if not.
  ipc::MessagePtr pop(const Lane& lane);
  // The port has died: the rights that have been settled in messages to it are given up, with the messages' claims on
  // the port. They go when the rest of them is settled.
  void destination_died(const PortUid& port);
  std::vector<std::pair<Lane, ipc::MessagePtr>> take_all();

  void for_each(const std::function<void(const ipc::Message&)>& visit) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  struct Item {
    ParkingTicket ticket;
    std::size_t unsettled;
    ipc::MessagePtr message;
  };

  Item& count_settled(ParkingTicket ticket);

  std::map<Lane, std::deque<Item>> lanes_;  // no empty ones; each in the order of tickets
  std::map<ParkingTicket, Lane> tickets_;   // of all that are here
  ParkingTicket last_ = 0;
};

}  // namespace netmsg::proxy
