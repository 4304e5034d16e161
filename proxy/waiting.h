// SPDX-License-Identifier: Apache-2.0
// Messages that wait here because a port whose receive right is in them must not go on yet (rule M8; peer.proto,
// exchange 12 step 1), and those behind them: one queue for each destination, which is a proxy. One for the daemon.
//
//   queue     event                                        next
//   none      push(), block()                              blocked, by the port that its first message waits for
//   blocked   that port may go: pop() until one waits      blocked by another port, or none
//   blocked   the destination is dead: pop()               none
//   blocked   a message is part of a circle: take()        blocked, or none
//
// Of each queue it keeps how far the search for circles has come (exchange 14). Owner thread only, inside an Event.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/message.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

class Waiting {
 public:
  // A message here; never reused.
  using Ticket = std::uint64_t;
  // The search for a circle that goes through this queue.
  struct Lap {
    std::uint64_t nonce = 0;            // of the probe that is under way; 0: none was sent
    std::optional<std::uint64_t> ways;  // what the one before it came back with
    base::Instant due{};                // of the next one
  };

  bool empty() const { return queues_.empty(); }
  bool holds(const ipc::Port* destination) const { return queues_.count(destination) != 0; }
  // At the end of the queue of its destination, which is called `uid`.
  void push(const PortUid& uid, ipc::MessagePtr message);
  // The first message waits for this port; `due`: of the first probe, if nothing was known of the queue.
  void block(const ipc::Port* destination, const PortUid& port, base::Instant due);
  // The queues whose first message waits for this port, or whose destination it is.
  std::vector<const ipc::Port*> concerned_by(const PortUid& port) const;
  std::vector<const ipc::Port*> destinations() const;

  // REQUIRES of all that follows: holds(destination).
  const ipc::Message& first(const ipc::Port* destination) const;
  const PortUid& uid_of(const ipc::Port* destination) const { return queues_.at(destination).uid; }
  ipc::MessagePtr pop(const ipc::Port* destination);
  // Which message carries the receive right of this port; nullopt if none does.
  std::optional<Ticket> carrier_of(const ipc::Port* destination, const ipc::Port& port) const;
  ipc::MessagePtr take(const ipc::Port* destination, Ticket ticket);
  Lap& lap(const ipc::Port* destination) { return queues_.at(destination).lap; }

  // How many messages wait for this proxy.
  std::uint32_t behind(const ipc::Port& proxy) const;
  std::optional<base::Instant> next_lap() const;
  void for_each(const std::function<void(const ipc::Message&)>& visit) const;
  std::size_t size() const { return queues_.size(); }
  void check_invariants() const;

 private:
  struct Item {
    Ticket ticket;
    ipc::MessagePtr message;
  };
  struct Queue {
    PortUid uid;
    std::deque<Item> items{};
    std::optional<PortUid> blocked_by{};
    Lap lap{};
  };

  void unblock(const ipc::Port* destination, Queue& queue);

  std::map<const ipc::Port*, Queue> queues_;                // by destination; no empty ones
  std::set<std::pair<PortUid, const ipc::Port*>> blocked_;  // by what blocks them
  Ticket last_ = 0;
};

}  // namespace netmsg::proxy
