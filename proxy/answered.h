// SPDX-License-Identifier: Apache-2.0
// What a new home has been told that we have of ports whose old home it has lost (peer.proto, exchange 13 step 4). It counts
// with that: a unit which the old home had granted, and that comes only afterwards, is in nobody's tables. So we have to know
// at least until it can come no more. One for each session with a new home. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <utility>

#include "daemon/base/clock.h"
#include "proxy/hash.h"
#include "proxy/port_uid.h"

namespace netmsg::proxy {

class Answered {
 public:
  // With which move the port came there. `until`: never earlier than before. What is over by `now` is forgotten.
  void note(const PortUid& uid, std::uint32_t epoch, base::Instant now, base::Instant until) {
    while (!order_.empty() && order_.front().until <= now) {
      moves_.erase(order_.front().move);
      order_.pop_front();
    }
    const Move move{uid, epoch};
    if (moves_.insert(move).second) order_.push_back({move, until});
  }
  bool holds(const PortUid& uid, std::uint32_t epoch) const { return moves_.count({uid, epoch}) != 0; }
  std::size_t size() const { return moves_.size(); }
  std::uint64_t digest() const {
    std::uint64_t digest = 0;
    for (const auto& [uid, epoch] : moves_) digest = mix_in(mix_in(digest, digest_of(uid)), epoch);
    return digest;
  }

 private:
  using Move = std::pair<PortUid, std::uint32_t>;
  struct Noted {
    Move move;
    base::Instant until;
  };

  std::set<Move> moves_;     // ordered: peers choose what is looked up, so no hashing
  std::deque<Noted> order_;  // each of them once
};

}  // namespace netmsg::proxy
