// SPDX-License-Identifier: Apache-2.0
// Units that came for introductions whose message has not come yet (peer.proto, exchange 10 step 5): each a right to the
// proxy in our own books, so that a port with one is not given back, and giving one up has the ordinary consequences.
// One for the daemon: the message comes by one session and the unit by another. Anybody can say that a unit is for an
// introduction of that name, so there may be one of each home. Owner thread only, inside an Event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
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
  Origin asker;           // who has asked for it there: the introducer, or an old home in its name
  std::uint64_t session;  // the introducer's with us
  base::Instant until;    // then it is given up
};

class Unmatched {
 public:
  Unmatched() = default;
  Unmatched(const Unmatched&) = delete;
  Unmatched& operator=(const Unmatched&) = delete;
  ~Unmatched();  // REQUIRES: empty

  // False, and nothing is taken, if there is one of that id and home.
  bool add(const IntroductionId& id, UnmatchedUnit& unit);
  // Nullopt: none of that id is for this right.
  std::optional<UnmatchedUnit> take(const IntroductionId& id, const PortUid& port, ipc::RightType type);

  // What has to be given up, in order: of that session of the introducer; from that home; what waited too long; all.
  std::vector<UnmatchedUnit> take_session(const Origin& introducer, std::uint64_t session);
  std::vector<UnmatchedUnit> take_home(PeerIndex home);
  std::vector<UnmatchedUnit> take_late(base::Instant now);
  std::vector<UnmatchedUnit> take_all();

  // That this daemon has asked that home for: in its own name, or in others'.
  std::size_t asked_by(const Origin& asker, bool for_others, PeerIndex home) const;
  std::size_t from_home(PeerIndex home) const;
  bool empty() const { return units_.empty(); }
  std::optional<base::Instant> next_deadline() const;
  void for_each(const std::function<void(const UnmatchedUnit&)>& visit) const;
  std::uint64_t digest() const;

 private:
  using Units = std::map<std::pair<IntroductionId, PeerIndex>, UnmatchedUnit>;
  using Asker = std::tuple<Origin, bool, PeerIndex>;

  static Asker asker_of(const IntroductionId& id, const UnmatchedUnit& unit) {
    return {unit.asker, unit.asker != id.introducer, unit.home};
  }

  std::vector<UnmatchedUnit> take_if(
      const std::function<bool(const IntroductionId&, const UnmatchedUnit&)>& chosen);
  UnmatchedUnit erase(Units::iterator at);

  Units units_;  // ordered: peers choose the nonces, so no hashing
  std::map<Asker, std::size_t> by_asker_;
  std::map<PeerIndex, std::size_t> by_home_;
};

}  // namespace netmsg::proxy
