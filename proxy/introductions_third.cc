// SPDX-License-Identifier: Apache-2.0
// Introductions where the right arrives: a message and its unit find each other, or are given up.
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/unit_type.h"
#include "proxy/world.h"

namespace netmsg::proxy {

namespace {

constexpr int kUnmatchedLeases = 2;  // that a unit waits for its message

}  // namespace

// Step 5: INTRODUCED.
void Introductions::arrived(Peer& from, Arrival& arrival, FrameNumber as_of) {
  std::erase_if(arrival.introduced,
                [&](const Arrival::Introduced& right) { return pair(right, *arrival.message); });
  const std::vector<Promise*> promised = promises_.in(*arrival.message);
  const std::size_t unsettled = arrival.introduced.size() + arrival.contested.size() + promised.size();
  Parking::Lane lane{arrival.destination, from.index()};
  ParkingTicket ticket = 0;
  if (!arrival.deliverable) {
    arrival.message.reset();  // destroyed with its rights, those to come when they come
  } else if ((unsettled == 0 || broken(Rule::kUnsettledWaits)) &&
             (!parking_.holds(lane) || broken(Rule::kParkedKeepsOrder))) {
    world_.moves->deliver(from.index(), std::move(arrival.message));
  } else {
    ipc::Port& port = *arrival.message->destination.port();
    lane.port = world_.registry.park(port, from.index());
    ticket = parking_.push(lane, std::move(arrival.message), unsettled);
    for (Promise* each : promised) each->ticket = ticket;
  }
  for (const Arrival::Introduced& right : arrival.introduced) await(from, right, ticket);
  for (const Arrival::Contested& right : arrival.contested)
    contest(from, right, as_of, {ticket, right.slot, right.port, right.type, from.index(), {}, 0});
}

// Granted came first.
bool Introductions::pair(const Arrival::Introduced& right, ipc::Message& message) {
  std::optional<UnmatchedUnit> unit = unmatched_.take(right.id, right.port, right.type);
  const bool twice = !unit && awaited_.find(right.id) != nullptr;
  if (!unit && !twice) return false;
  fill_slot(message, right.slot, unit ? std::move(unit->right) : ipc::CarriedRight::dead(right.type));
  return true;
}

// Exchange 12, step 4. A second one of that name is nobody's.
void Introductions::requested(Peer& from, const Moves::OpenRequest& request) {
  const ipc::Port& stand_in = promises_.make(world_.engine, *request.port, request.slot);
  if (const auto& right = request.contested) {
    return contest(from, *right, 0, {0, 0, right->port, right->type, from.index(), {}, 0, &stand_in});
  }
  const Arrival::Introduced& right = *request.introduced;
  std::optional<UnmatchedUnit> unit = unmatched_.take(right.id, right.port, right.type);
  if (!unit && awaited_.find(right.id) == nullptr) return await(from, right, 0, &stand_in);
  keep_promise(stand_in, unit ? std::move(unit->right) : ipc::CarriedRight::dead(right.type));
}

void Introductions::follow_hint(const Arrival::Introduced& right) {
  const Registry::Entry* known = world_.registry.find(right.port);
  Peer* there = open_with(right.hint);
  if (known == nullptr || !known->home || there == nullptr || *known->home == there->index()) return;
  Holder holder = *world_.peers[*known->home]->tables()->holders.take(right.port);
  world_.registry.retarget(right.port, there->index());
  there->tables()->holders.adopt(right.port, std::move(holder));
}

void Introductions::await(Peer& from, const Arrival::Introduced& right, ParkingTicket ticket,
                          const ipc::Port* stand_in) {
  if (broken(Rule::kHintIsNoHome)) follow_hint(right);
  const base::Instant now = world_.clock.now();
  const AwaitedRight awaited{ticket,       right.slot, right.port,    right.type,
                             from.index(), right.hint, right.session, stand_in};
  Peer* home = open_with(right.hint);
  if (home != nullptr) {
    if (ContestedUnit* unit = contested_.find(right.id, home->index(), right.port, right.type)) {
      unit->waits = awaited;
      return;
    }
  }
  awaited_.add(right.id, awaited, now);
  due(now + world_.options.timing.lease);
  if (awaited_.by(from.index()) > world_.options.limits.awaited_rights) {
    from.doom({v1::Fence::LIMIT, "too many rights that wait to be settled"});
  }
}

// Step 5: Granted.
Check Introductions::granted(Peer& from, const v1::Granted& granted) {
  PortUid port;
  IntroductionId id{{}, granted.nonce()};
  if (!is_send_type(granted.type())) return protocol_error("type of a granted right");
  if (Check fault = read_granted_uid(*from.tables(), granted.port(), port)) return fault;
  if (Check fault = read_origin(granted.introducer(), id.introducer)) return fault;
  Origin asker = id.introducer;
  if (granted.has_asker()) {
    if (Check fault = read_origin(granted.asker(), asker)) return fault;
  }
  const auto type = static_cast<ipc::RightType>(granted.type());
  if (is_contested(*from.tables(), port) && !broken(Rule::kContestWaits)) {
    const ContestedUnit::Introduced introduced{id, asker, granted.session()};
    contest(from, {port, from.index(), type, granted.room(), granted.as_of(), introduced,
                   claimed_by(from, id, port, type)});
    return std::nullopt;
  }
  const bool full = from.is_full_for(port);
  std::optional<ipc::CarriedRight> right = receive_unit(*from.tables(), port, granted.room(), type);
  if (full) {
    if (const auto awaited = awaited_.take(id, port, type)) settle_dead(*awaited, "a ceiling");
  } else if (right) {
    match(id, {port, std::move(*right), from.index(), asker, granted.session(), unmatched_until()});
  }
  from.set_room(port, granted.room(), granted.as_of());
  return std::nullopt;  // a unit that nobody has taken is given up here
}

// The right that this contested unit is for. Whoever is not its home as far as its introducer knows may be lying: then it goes
// on waiting for its home, only longer.
std::optional<AwaitedRight> Introductions::claimed_by(Peer& home, const IntroductionId& id,
                                                      const PortUid& port, ipc::RightType type) {
  const AwaitedRight* awaited = awaited_.find(id);
  if (awaited == nullptr || awaited->port != port || awaited->type != type) return std::nullopt;
  if (awaited->hint == home.them()) return awaited_.take(id);
  awaited_.told_to_wait(id, world_.clock.now());
  return std::nullopt;
}

// Where the right of that introduction waits, or until it comes. A unit of something else is not for it, whoever says so.
void Introductions::match(const IntroductionId& id, UnmatchedUnit unit) {
  if (const auto awaited = awaited_.take(id, unit.port, unit.right.type())) {
    settle(*awaited, std::move(unit.right));
  } else if (!is_over(id, unit.session)) {
    keep_unmatched(id, std::move(unit));
  }
}

base::Instant Introductions::unmatched_until() const {
  return world_.clock.now() + kUnmatchedLeases * world_.options.timing.lease;
}

void Introductions::keep_unmatched(const IntroductionId& id, UnmatchedUnit unit) {
  const std::size_t limit = world_.options.limits.unmatched_units;
  if (!may_come(id.introducer)) return;
  if (unmatched_.asked_by(unit.asker, unit.asker != id.introducer, unit.home) >= limit) return;
  if (unmatched_.from_home(unit.home) >= limit * world_.peers.size()) return;
  due(unit.until);
  (void)unmatched_.add(id, unit);
}

// No message can come of that session any more.
bool Introductions::is_over(const IntroductionId& id, std::uint64_t session) const {
  const Peer* introducer = known_as(id.introducer.node);
  if (introducer == nullptr || broken(Rule::kUnmatchedIsReleased)) return false;
  return introducer->known()->incarnation > id.introducer.incarnation || introducer->last_fenced() == session;
}

Check Introductions::claim_answer(Peer& from, const v1::ClaimAnswer& answer) {
  IntroductionId id{{}, answer.nonce()};
  if (Check fault = read_origin(answer.introducer(), id.introducer)) return fault;
  const AwaitedRight* awaited = awaited_.find(id);
  if (awaited == nullptr || awaited->hint != from.them()) return std::nullopt;
  if (answer.answer() == v1::ClaimAnswer::WAIT) awaited_.told_to_wait(id, world_.clock.now());
  if (answer.answer() == v1::ClaimAnswer::DENIED) settle_dead(*awaited_.take(id), "its home denies it");
  return std::nullopt;
}

void Introductions::settle_dead(const AwaitedRight& awaited, const char* why) {
  world_.log(world_.peers[awaited.by]->config().name + ": a right that it introduced is dead: " + why);
  DeadIntroductions& dead = dead_[awaited.by];
  ++dead.count;
  dead.last = why;
  settle(awaited, ipc::CarriedRight::dead(awaited.type));
}

void Introductions::settle(const AwaitedRight& awaited, ipc::CarriedRight right) {
  if (awaited.stand_in != nullptr) return keep_promise(*awaited.stand_in, std::move(right));
  if (awaited.ticket == 0) return;  // its message is gone: given up
  const Parking::Lane lane = parking_.lane_of(awaited.ticket);
  parking_.settle(awaited.ticket, awaited.slot, std::move(right));
  deliver_ready(lane);
}

void Introductions::keep_promise(const ipc::Port& stand_in, ipc::CarriedRight right) {
  Promise promise = promises_.take(stand_in);
  promise.fulfil(world_.engine, std::move(right));
  if (promise.ticket == 0) return;
  const Parking::Lane lane = parking_.lane_of(promise.ticket);
  parking_.settle(promise.ticket);
  deliver_ready(lane);
}

void Introductions::deliver_ready(const Parking::Lane& lane) {
  while (ipc::MessagePtr message = parking_.pop(lane)) {
    world_.moves->deliver(lane.peer, std::move(message));
    world_.registry.mark_dirty(lane.port);
    world_.registry.unpark(lane.port, lane.peer);
    world_.moves->went_on(lane.port);
  }
}

}  // namespace netmsg::proxy
