// SPDX-License-Identifier: Apache-2.0
#include "proxy/contested.h"

#include <algorithm>
#include <utility>

#include "proxy/hash.h"

namespace netmsg::proxy {

ContestedUnit* Contested::find(const IntroductionId& id, PeerIndex by, const PortUid& port,
                               ipc::RightType type) {
  const auto found = std::find_if(units_.begin(), units_.end(), [&](const ContestedUnit& unit) {
    return unit.introduced && unit.introduced->id == id && !unit.waits && unit.by == by &&
           unit.port == port && unit.type == type;
  });
  return found == units_.end() ? nullptr : &*found;
}

void Contested::set_room(PeerIndex by, const PortUid& port, std::uint32_t room, FrameNumber as_of) {
  for (ContestedUnit& unit : units_) {
    if (unit.by != by || unit.port != port) continue;
    unit.room = room;
    unit.as_of = std::max(unit.as_of, as_of);
  }
}

std::vector<ContestedUnit> Contested::take_if(const std::function<bool(const ContestedUnit&)>& chosen) {
  std::vector<ContestedUnit> taken;
  std::deque<ContestedUnit> left;
  for (ContestedUnit& unit : units_) {
    chosen(unit) ? taken.push_back(unit) : left.push_back(unit);
  }
  units_ = std::move(left);
  return taken;
}

std::size_t Contested::by(PeerIndex peer) const {
  return static_cast<std::size_t>(std::count_if(
      units_.begin(), units_.end(), [peer](const ContestedUnit& unit) { return unit.by == peer; }));
}

std::size_t Contested::to(const PortUid& port) const {
  return static_cast<std::size_t>(std::count_if(
      units_.begin(), units_.end(), [&](const ContestedUnit& unit) { return unit.port == port; }));
}

std::optional<base::Instant> Contested::next_deadline() const {
  std::optional<base::Instant> first;
  for (const ContestedUnit& unit : units_) first = std::min(first.value_or(unit.until), unit.until);
  return first;
}

std::uint64_t Contested::digest() const {
  std::uint64_t digest = units_.size();
  for (const ContestedUnit& unit : units_) digest = mix_in(mix_in(digest, digest_of(unit.port)), unit.by);
  return digest;
}

}  // namespace netmsg::proxy
