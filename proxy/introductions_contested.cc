// SPDX-License-Identifier: Apache-2.0
// Units whose sender says that it is the home of a port that is at home elsewhere as far as we know (R6; contested.h).
#include <utility>

#include "proxy/introductions.h"
#include "proxy/peer.h"
#include "proxy/world.h"

namespace netmsg::proxy {

namespace {

constexpr int kContestLeases = 12;  // that a unit waits for a Moved: an old home could never send it
constexpr int kOriginLeases = 2;    // the same if who grants it has made the port

}  // namespace

void Introductions::contest(Peer& by, ContestedUnit unit) {
  const int leases = unit.port.origin == by.them() ? kOriginLeases : kContestLeases;
  unit.until = world_.clock.now() + leases * world_.options.timing.lease;
  due(unit.until);
  contested_.add(unit);
  if (contested_.by(by.index()) > world_.options.limits.awaited_rights) {
    by.doom({v1::Fence::LIMIT, "too many rights that wait to be settled"});
  }
}

void Introductions::contest(Peer& by, const Arrival::Contested& right, FrameNumber as_of,
                            const AwaitedRight& waits) {
  contest(by, {right.port, by.index(), right.type, right.room, as_of, {}, waits});
}

// The unit counts with that peer's session. If the port is at home here by now, it was not counted.
void Introductions::count(ContestedUnit unit) {
  Peer& peer = *world_.peers[unit.by];
  if (!peer.open()) return settle_contested(unit, std::nullopt, "the session with its home is over");
  const bool full = peer.is_full_for(unit.port);
  std::optional<ipc::CarriedRight> right = receive_unit(*peer.tables(), unit.port, unit.room, unit.type);
  if (full) right.reset();
  settle_contested(unit, std::move(right), full ? "a ceiling" : "its home is another");
  peer.set_room(unit.port, unit.room, unit.as_of);
}

// It is among those of which the old home has told the new one. That is the old home's word, so it is not added to what we have
// received, if that is anything: the right is one more of what we have, and the unit is given back as the old home's.
void Introductions::count_with(Peer& home, const ContestedUnit& unit, const Origin& granter) {
  Holder& holder = *home.tables()->holders.find(unit.port);
  if (unit.type == ipc::RightType::kSendOnce) {
    return settle_contested(unit, ipc::CarriedRight(ipc::SendOnceRight::mint(holder.port())), "");
  }
  ipc::CarriedRight right(ipc::SendRight::mint(holder.port()));
  if (holder.received > 0) {
    give_back(home, unit, granter);
  } else {
    holder.received = holder.reported = 1;  // given back as the old home's, too: it may have lied
    holder.reported_by = granter;
    follow_with(home, unit);
  }
  settle_contested(unit, std::move(right), "");
}

// The home has lost the old one since, and counts with what we have said we had: without this unit. A right is one more of what
// we have there, if that is anything.
void Introductions::count_as_ours(Peer& home, const ContestedUnit& unit) {
  const Holder& holder = *home.tables()->holders.find(unit.port);
  std::optional<ipc::CarriedRight> right;
  if (unit.type == ipc::RightType::kSend && holder.received > 0)
    right = ipc::CarriedRight(ipc::SendRight::mint(holder.port()));
  settle_contested(unit, std::move(right), "its new home has lost the old one");
}

void Introductions::give_back(Peer& home, const ContestedUnit& unit, const Origin& granter) {
  v1::Frame frame;
  v1::Release& release = *frame.mutable_release();
  write_uid(home.ends(), unit.port, *release.mutable_port());
  release.set_units(1);
  write_origin(granter, *release.mutable_from());
  home.send(frame);
}

// What we have there are send-once rights, so there is none of which it could be one more: it is that unit. As for any other
// that follows, the new home says so if it knows of none.
void Introductions::follow_with(Peer& home, const ContestedUnit& unit) {
  v1::Frame frame;
  write_uid(home.ends(), unit.port, *frame.mutable_path_close()->mutable_port());
  home.send(frame);
}

void Introductions::settle_contested(const ContestedUnit& unit, std::optional<ipc::CarriedRight> right,
                                     const char* why) {
  if (unit.waits) {
    const bool same = unit.waits->port == unit.port && unit.waits->type == unit.type;
    right&& same ? settle(*unit.waits, std::move(*right)) : settle_dead(*unit.waits, why);
  } else if (right) {
    const ContestedUnit::Introduced& of = *unit.introduced;
    match(of.id, {unit.port, std::move(*right), unit.by, of.asker, of.session, unmatched_until()});
  }
}

void Introductions::end_of_event() {
  if (contested_.empty()) return;
  const auto decided = [&](const ContestedUnit& unit) {
    const Registry::Entry* known = world_.registry.find(unit.port);
    return known == nullptr || !known->home || *known->home == unit.by;
  };
  for (ContestedUnit& unit : contested_.take_if(decided)) count(unit);
}

// Time is over. Of two who say that they are the home, neither of whom lets go, the one who has made the port is believed: the
// other one may have said so first of a port that it has never seen, for uids can be guessed.
void Introductions::give_up_contested(base::Instant now) {
  for (const ContestedUnit& unit :
       contested_.take_if([now](const ContestedUnit& each) { return each.until <= now; })) {
    const Registry::Entry* known = world_.registry.find(unit.port);
    const bool origin = world_.peers[unit.by]->open() && world_.peers[unit.by]->them() == unit.port.origin;
    if (!origin) {
      deny({unit}, "its old home does not say that it has moved");
      continue;
    }
    if (known != nullptr && known->home && *known->home != unit.by)
      world_.peers[*known->home]->let_die(unit.port);
    count(unit);
  }
}

void Introductions::moved(Peer& from, const v1::Moved& moved) {
  PortUid port;
  Origin home;
  if (contested_.empty() || read_uid(from.ends(), moved.port(), port) || read_origin(moved.home(), home))
    return;
  const Registry::Entry* known = world_.registry.find(port);
  Peer* there = open_with(home);
  if (known == nullptr || there == nullptr || known->home != there->index() || there == &from) return;
  const auto slow = [&](const ContestedUnit& unit) { return unit.by == from.index() && unit.port == port; };
  const bool untold = there->tables()->answered.holds(port, moved.epoch());
  for (const ContestedUnit& unit : contested_.take_if(slow)) {
    untold ? count_as_ours(*there, unit) : count_with(*there, unit, from.them());
  }
}

void Introductions::died_elsewhere(PeerIndex home, const PortUid& port) {
  if (contested_.empty()) return;
  deny(contested_.take_if([&](const ContestedUnit& unit) { return unit.by == home && unit.port == port; }),
       "it has died at its home");
}

void Introductions::deny_contested_of(PeerIndex by) {
  deny(contested_.take_if([by](const ContestedUnit& unit) { return unit.by == by; }),
       "the session with its home is over");
}

void Introductions::deny(const std::vector<ContestedUnit>& units, const char* why) {
  for (const ContestedUnit& unit : units) {
    if (unit.waits) settle_dead(*unit.waits, why);
  }
}

}  // namespace netmsg::proxy
