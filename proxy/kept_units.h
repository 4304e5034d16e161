// SPDX-License-Identifier: Apache-2.0
// Units of our ports for daemons to which there is no session yet (peer.proto, exchange 10 step 3): each a right in our own
// books until its daemon comes, or a lease is over. One for the daemon; owner thread only, inside an Event.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/base/clock.h"
#include "daemon/ipc/right.h"
#include "proxy/introduction.h"
#include "proxy/registry.h"

namespace netmsg::proxy {

// What a Grant asks for.
struct Petition {
  IntroductionId id;
  Origin to;
  std::uint64_t session = 0;  // of the introducer with `to`
  PeerIndex by = 0;           // who has asked: the introducer, or an old home in its name
  Origin asker;               // who that was
  std::uint64_t asked = 0;    // the session by which it has asked
};

struct KeptUnit {
  Petition petition;
  RegistryPin pin;
  ipc::CarriedRight right;
  base::Instant until;
};

class KeptUnits {
 public:
  KeptUnits() = default;
  KeptUnits(const KeptUnits&) = delete;
  KeptUnits& operator=(const KeptUnits&) = delete;
  ~KeptUnits() { NETMSG_CHECK(units_.empty()); }

  void keep(KeptUnit unit) { units_.push_back(std::move(unit)); }
  // Those for any incarnation of that node; those that were kept too long; all. In the order in which they came.
  std::vector<KeptUnit> take_for(const NodeId& node) {
    return take_if([&](const KeptUnit& unit) { return unit.petition.to.node == node; });
  }
  std::vector<KeptUnit> take_late(base::Instant now) {
    return take_if([now](const KeptUnit& unit) { return unit.until <= now; });
  }
  std::vector<KeptUnit> take_all() {
    return take_if([](const KeptUnit&) { return true; });
  }

  std::size_t by(PeerIndex introducer) const {
    return static_cast<std::size_t>(std::count_if(
        units_.begin(), units_.end(), [&](const KeptUnit& unit) { return unit.petition.by == introducer; }));
  }
  std::optional<base::Instant> next_deadline() const {
    std::optional<base::Instant> first;
    for (const KeptUnit& unit : units_) first = std::min(first.value_or(unit.until), unit.until);
    return first;
  }
  void for_each(const std::function<void(const KeptUnit&)>& visit) const {
    for (const KeptUnit& unit : units_) visit(unit);
  }
  std::size_t size() const { return units_.size(); }

 private:
  std::vector<KeptUnit> take_if(const std::function<bool(const KeptUnit&)>& chosen) {
    std::vector<KeptUnit> taken;
    std::deque<KeptUnit> left;
    for (KeptUnit& unit : units_) {
      chosen(unit) ? taken.push_back(std::move(unit)) : left.push_back(std::move(unit));
    }
    units_ = std::move(left);
    return taken;
  }

  std::deque<KeptUnit> units_;
};

}  // namespace netmsg::proxy
