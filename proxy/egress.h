// SPDX-License-Identifier: Apache-2.0
// Messages that their programs have sent and that may not be appended yet: they wait here for something that only the
// peer or a third daemon can bring about, and later messages to the same port wait behind them; nobody else waits (rule
// S5; M8). Until it is appended a message is this daemon's with all its rights: it can be taken back.
//
//   message    event                                  next
//   waiting    settle(), as often as it waits for     ready
//   ready      it is the first of its queue: pop()    gone: to be appended
//   any        take_back(), take_all()                gone: to be destroyed, or to wait elsewhere
//
// One queue for each destination that something waits for, by the proxy's Port::link_slot. What a message waits for is
// the caller's business. One for each session; owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/ipc/message.h"

namespace netmsg::proxy {

// A message that waits or has waited. Never reused in the session; 0 is none.
using Ticket = std::uint64_t;

struct Departure {
  Ticket ticket;
  ipc::MessagePtr message;
};

// As in a dead port's queue: each with its rights, but for the one to its destination, which goes silently.
void destroy(std::vector<Departure> all);

class EgressQueues {
 public:
  EgressQueues() = default;
  EgressQueues(const EgressQueues&) = delete;
  EgressQueues& operator=(const EgressQueues&) = delete;
  ~EgressQueues();  // REQUIRES: empty

  // Does a new message to this destination have to wait behind others?
  bool holds(std::uint64_t destination) const;
  // At the end of its queue. `waits_for`: how often settle() has to be called for it, beside its turn.
  Ticket push(std::uint64_t destination, ipc::MessagePtr message, unsigned waits_for);
  // Something that the message waits for has come. Does nothing if it is here no more. REQUIRES: it waits for something.
  void settle(Ticket ticket);
  // The first message of the queue if it is ready; null if not.
  const ipc::Message* ready(std::uint64_t destination) const;
  // Takes the first message of the queue if it is ready.
  std::optional<Departure> pop(std::uint64_t destination);

  // Null if it is here no more. What was behind it may be ready now: pop().
  ipc::MessagePtr take_back(Ticket ticket);
  // The destination has died, or moves: all that wait for it, in order.
  std::vector<Departure> take_all(std::uint64_t destination);
  // The session is over.
  std::vector<Departure> take_all();

  // Null if it is here no more.
  const ipc::Message* find(Ticket ticket) const;
  // The first and the last message of this queue; 0: it is empty.
  Ticket first(std::uint64_t destination) const;
  Ticket last(std::uint64_t destination) const;
  // How many messages are in this queue.
  std::uint32_t waiting_for(std::uint64_t destination) const;
  bool empty() const { return queues_.empty(); }
  std::size_t size() const { return destinations_.size(); }
  void for_each(const std::function<void(const ipc::Message&)>& visit) const;
  std::uint64_t digest() const;

 private:
  struct Item {
    Ticket ticket;
    unsigned waits_for;
    ipc::MessagePtr message;
  };
  using Queue = std::deque<Item>;

  Queue::iterator find_in(Queue& queue, Ticket ticket);
  ipc::MessagePtr erase(std::uint64_t destination, Queue& queue, const Queue::iterator& at);

  std::map<std::uint64_t, Queue> queues_;         // no empty ones
  std::map<Ticket, std::uint64_t> destinations_;  // of all that are here
  Ticket last_ = 0;
};

}  // namespace netmsg::proxy
