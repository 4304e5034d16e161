// SPDX-License-Identifier: Apache-2.0
// Units that came for introductions whose message has not come yet (peer.proto, exchange 10 step 5): each a right to the
// proxy in our own books, so that a port with one is not given back, and giving one up has the ordinary consequences.
// One for the daemon: the message comes by one session and the unit by another. Owner thread only, inside an Event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/right.h"
#include "proxy/introduction.h"
#include "proxy/link_slot.h"

namespace netmsg::proxy {

struct UnmatchedUnit {
  PortUid port;
  ipc::CarriedRight right;
  PeerIndex home;
  std::uint64_t session;  // the introducer's with us
  base::Instant until;    // then it is given up
};

class Unmatched {
 public:
  Unmatched() = default;
  Unmatched(const Unmatched&) = delete;
  Unmatched& operator=(const Unmatched&) = delete;
  ~Unmatched();  // REQUIRES: empty

  // False, and nothing is taken, if there is one of that id.
  bool add(const IntroductionId& id, UnmatchedUnit& unit);
  std::optional<UnmatchedUnit> take(const IntroductionId& id);

  // What has to be given up, in order: of that session of the introducer; from that home; what waited too long; all.
  std::vector<UnmatchedUnit> take_session(const Origin& introducer, std::uint64_t session);
  std::vector<UnmatchedUnit> take_home(PeerIndex home);
  std::vector<UnmatchedUnit> take_late(base::Instant now);
  std::vector<UnmatchedUnit> take_all();

  std::size_t of_introducer(const Origin& introducer) const;
  std::size_t from_home(PeerIndex home) const;
  bool empty() const { return units_.empty(); }
  std::optional<base::Instant> next_deadline() const;
  void for_each(const std::function<void(const UnmatchedUnit&)>& visit) const;
  std::uint64_t digest() const;

 private:
  using Units = std::map<IntroductionId, UnmatchedUnit>;

  std::vector<UnmatchedUnit> take_if(
      const std::function<bool(const IntroductionId&, const UnmatchedUnit&)>& chosen);
  UnmatchedUnit erase(Units::iterator at);

  Units units_;  // ordered: peers choose the nonces, so no hashing
  std::map<Origin, std::size_t> by_introducer_;
  std::map<PeerIndex, std::size_t> by_home_;
};

}  // namespace netmsg::proxy
