// SPDX-License-Identifier: Apache-2.0
// Our transfers of one session (peer.proto, exchange 9): whose chunk is next. So many as the peer takes are under way at
// a time, and take turns; the others wait for one of them to end, in their order.
//
//   transfer    event                                         next
//   waiting     one under way has ended: first come ...       under way
//   under way   its last chunk was loaded                     loaded
//   loaded      its message was appended: end()               gone
//   any         its message was taken back: end()             gone; the peer is to be told, if it has begun
//
// A transfer is known by the ticket of its message (egress.h), which is its number on the wire too. Owner thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "proxy/cargo.h"
#include "proxy/egress.h"

namespace netmsg::proxy {

class Outbound {
 public:
  // `ticket` is larger than all earlier ones.
  void add(Ticket ticket, std::shared_ptr<const Cargo> cargo);
  bool has_chunk() const { return !turns_.empty(); }

  struct Load {
    Lading lading;
    std::string frame;  // empty: the memory cannot be read
    bool last;
  };
  // The next chunk, with so much data at most, as the frame with this number. REQUIRES: has_chunk().
  Load load(FrameNumber number, std::uint64_t data_max);

  // Null if there is none (any more).
  std::shared_ptr<const Cargo> cargo(Ticket ticket) const;
  // Its message has been appended, or will never be. Has the peer heard of it?
  bool end(Ticket ticket);

  std::size_t size() const { return transfers_.size(); }
  std::uint64_t digest() const;

 private:
  enum class State { kWaiting, kUnderWay, kLoaded };
  struct Transfer {
    std::shared_ptr<const Cargo> cargo;
    State state = State::kWaiting;
    Cargo::Place next = {};
    bool begun = false;  // a chunk was loaded
  };

  void start_next();

  std::map<Ticket, Transfer> transfers_;
  std::deque<Ticket> turns_;    // of those under way, the next one first
  std::deque<Ticket> waiting_;  // may have some that have ended
  std::size_t in_use_ = 0;      // that do not wait
};

}  // namespace netmsg::proxy
