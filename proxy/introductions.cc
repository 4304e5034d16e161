// SPDX-License-Identifier: Apache-2.0
#include "proxy/introductions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/hash.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/world.h"

namespace netmsg::proxy {

namespace {

constexpr int kUnmatchedLeases = 2;  // that a unit waits for its message

const char* words(v1::GrantFailed::Reason reason) {
  switch (reason) {
    case v1::GrantFailed::REFUSED:
      return "its home has no such unit for us, or it is dead";
    case v1::GrantFailed::NOT_ALLOWED:
      return "its home does not talk to us";
    case v1::GrantFailed::DOWN:
      return "its home had no session with us in time";
    case v1::GrantFailed::LIMIT:
      return "a ceiling of its home";
    default:
      return "its home refuses";
  }
}

bool is_send_type(std::uint32_t type) {
  return type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

void visit(const ipc::CarriedRight& right, const ipc::RemoteLink::RightVisitor& visitor) {
  if (right.holds_send()) visitor.send(*right.port());
  if (right.holds_send_once()) visitor.send_once(*right.port());
  if (right.holds_receive()) visitor.receive(*right.port());
}

}  // namespace

Introductions::Introductions(World& world) : world_(world), awaited_(world.options.timing.lease) {}

Peer* Introductions::open_with(const Origin& them) const {
  const auto found = world_.open_nodes.find(them.node);
  if (found == world_.open_nodes.end()) return nullptr;
  Peer* peer = world_.peers[found->second];
  return peer->open() && peer->them() == them ? peer : nullptr;
}

Peer* Introductions::known_as(const NodeId& node) const {
  const auto found = std::find_if(world_.peers.begin(), world_.peers.end(), [&](const Peer* peer) {
    return peer->known() && peer->known()->node == node;
  });
  return found == world_.peers.end() ? nullptr : *found;
}

// Only a peer that has never said who it is, or is that one, can still be it.
bool Introductions::may_come(const Origin& them) const {
  return std::any_of(world_.peers.begin(), world_.peers.end(), [&](const Peer* peer) {
    const std::optional<Origin> known = peer->known();
    return !known || (known->node == them.node && known->incarnation <= them.incarnation);
  });
}

void Introductions::due(base::Instant at) {
  next_ = std::min(next_.value_or(at), at);
}

// --- introducer ---

// Steps 1 and 2; the message and the Releases are appended after this.
void Introductions::introduce(Peer& to, std::vector<Introducing>& rights) {
  for (Introducing& each : rights) {
    const Registry::Entry& entry = *world_.registry.find(*each.right.port());
    const PortUid port = entry.uid;
    Peer& home = *world_.peers[*entry.home];
    if (!home.open()) {  // R7: its proxies are about to die
      each.wire->set_value(v1::Right::DEAD);
      each.right.reset();
      continue;
    }
    v1::Frame frame;
    v1::Grant& grant = *frame.mutable_grant();
    write_uid(home.ends(), port, *grant.mutable_port());
    grant.set_type(each.wire->type());
    write_origin(to.them(), *grant.mutable_to());
    grant.set_session(to.nonce());
    grant.set_nonce(++last_nonce_);
    each.wire->set_value(v1::Right::INTRODUCED);
    write_uid(to.ends(), port, *each.wire->mutable_port());
    v1::Introduced& introduced = *each.wire->mutable_introduced();
    introduced.set_nonce(last_nonce_);
    write_origin(home.them(), *introduced.mutable_hint());
    introduced.set_session(home.nonce());
    if (broken(Rule::kGrantThenRelease)) {
      each.right.consume();
      home.release_if_unused(port);
    }
    if (!broken(Rule::kIntroducerAsksHome)) home.send(std::move(frame));
    ++home.tables()->grants_asked;
    each.right.consume();
  }
}

// Step 4, at the introducer and at the third daemon.
Check Introductions::grant_failed(Peer& from, const v1::GrantFailed& failed) {
  Origin to;
  if (Check fault = read_origin(failed.to(), to)) return fault;
  if (to == world_.registry.us()) {
    const IntroductionId id{from.them(), failed.nonce()};
    if (broken(Rule::kFailureSettles)) return std::nullopt;
    if (const auto awaited = awaited_.take(id)) settle_dead(*awaited, words(failed.reason()));
    return std::nullopt;
  }
  if (from.tables()->grants_asked == 0) return protocol_error("more failures than grants");
  --from.tables()->grants_asked;
  Origin introducer = world_.registry.us();
  if (failed.has_introducer()) {
    if (Check fault = read_origin(failed.introducer(), introducer)) return fault;
  }
  if (introducer != world_.registry.us()) return pass_back(failed, introducer);
  Peer* third = open_with(to);
  if (third == nullptr || third->nonce() != failed.session()) return std::nullopt;
  v1::Frame frame;
  *frame.mutable_grant_failed() = failed;
  frame.mutable_grant_failed()->clear_introducer();
  third->send(std::move(frame));
  return std::nullopt;
}

// To whoever has asked us when the port was at home here.
Check Introductions::pass_back(const v1::GrantFailed& failed, const Origin& introducer) {
  Peer* asker = open_with(introducer);
  if (asker == nullptr || asker->tables()->sent_on == 0) return std::nullopt;  // of a session before
  --asker->tables()->sent_on;
  v1::Frame frame;
  *frame.mutable_grant_failed() = failed;
  frame.mutable_grant_failed()->clear_introducer();
  asker->send(std::move(frame));
  return std::nullopt;
}

// --- home ---

Check Introductions::read_petition(Peer& from, const v1::Grant& grant, Petition& petition) const {
  if (Check fault = read_origin(grant.to(), petition.to)) return fault;
  petition.id = {from.them(), grant.nonce()};
  petition.session = grant.session();
  petition.by = from.index();
  petition.asker = from.them();
  petition.asked = from.nonce();
  if (grant.has_introducer()) return read_origin(grant.introducer(), petition.id.introducer);
  if (grant.nonce() <= from.tables()->grants_mark) return protocol_error("nonce of a grant");
  if (petition.to == world_.registry.us()) return protocol_error("a grant to ourselves");
  from.tables()->grants_mark = grant.nonce();
  return std::nullopt;
}

// What the peer holds, or may use on an old path (T4). NULL: it holds none. Only a port that has come from elsewhere can have
// been asked for there.
ipc::CarriedRight Introductions::unit_of(Peer& from, const PortUid& port, const v1::Grant& grant) const {
  const auto type = static_cast<ipc::RightType>(grant.type());
  const Registry::Entry* known = world_.registry.find(port);
  if (grant.has_introducer() && (known == nullptr || known->epoch == 0)) return ipc::CarriedRight::null(type);
  Exports& exports = from.tables()->exports;
  if (type == ipc::RightType::kSend) {
    if (ipc::SendRight right = exports.use(port)) return ipc::CarriedRight(std::move(right));
  } else if (ipc::SendOnceRight right = exports.use_once(port)) {
    if (broken(Rule::kGrantTransfersOnce)) exports.grant_once(ipc::SendOnceRight::mint(*right.port()));
    return ipc::CarriedRight(std::move(right));
  }
  return world_.moves->follow(from.index(), port, type);
}

// Step 3.
Check Introductions::grant(Peer& from, const v1::Grant& grant) {
  PortUid port;
  KeptUnit unit;
  if (!is_send_type(grant.type())) return protocol_error("type of a grant");
  if (Check fault = read_uid(from.ends(), grant.port(), port)) return fault;
  if (Check fault = read_petition(from, grant, unit.petition)) return fault;
  unit.pin =
      RegistryPin(world_.registry, port);  // its uid stays, though the introducer may have the last unit
  unit.right = unit_of(from, port, grant);
  bestow(from, std::move(unit));
  return std::nullopt;
}

// What is not given is given up here.
void Introductions::bestow(Peer& from, KeptUnit unit) {
  const Origin& to = unit.petition.to;
  if (unit.right.port() == nullptr) return fail(unit.petition, v1::GrantFailed::REFUSED);
  if (unit.right.port()->remote()) return hand_on(std::move(unit));
  if (to == world_.registry.us()) return receive_at_home(from, std::move(unit));
  if (Peer* there = open_with(to)) return give(*there, std::move(unit));
  if (!may_come(to)) return fail(unit.petition, v1::GrantFailed::NOT_ALLOWED);
  if (kept_.by(from.index()) >= world_.options.limits.kept_units)
    return fail(unit.petition, v1::GrantFailed::LIMIT);
  unit.until = world_.clock.now() + world_.options.timing.lease;
  due(unit.until);
  kept_.keep(std::move(unit));
}

// The port has moved on: its home is asked in its turn, in the introducer's name.
void Introductions::hand_on(KeptUnit unit) {
  const Petition& petition = unit.petition;
  const Registry::Entry& entry = *world_.registry.find(*unit.right.port());
  Peer& home = *world_.peers[*entry.home];
  Peer& introducer = *world_.peers[petition.by];
  if (!home.open() || broken(Rule::kGrantIsSentOn)) return fail(petition, v1::GrantFailed::DOWN);
  v1::Frame frame;
  v1::Grant& grant = *frame.mutable_grant();
  write_uid(home.ends(), entry.uid, *grant.mutable_port());
  grant.set_type(static_cast<std::uint32_t>(unit.right.type()));
  write_origin(petition.to, *grant.mutable_to());
  grant.set_session(petition.session);
  grant.set_nonce(petition.id.nonce);
  write_origin(petition.id.introducer, *grant.mutable_introducer());
  home.send(std::move(frame));
  ++home.tables()->grants_asked;
  if (introducer.open() && introducer.nonce() == petition.asked) {
    std::uint64_t& mark = introducer.tables()->grants_sent_on;
    mark = std::max(mark, petition.id.nonce);
    ++introducer.tables()->sent_on;
  }
  unit.right.consume();
}

// The port has moved to where the right is going.
void Introductions::receive_at_home(Peer& from, KeptUnit unit) {
  const PortUid port = world_.registry.find(*unit.right.port())->uid;
  const Petition& petition = unit.petition;
  match(petition.id,
        {port, std::move(unit.right), from.index(), petition.asker, petition.session, unmatched_until()});
}

void Introductions::give(Peer& to, KeptUnit unit) {
  if (unit.right.is_dead()) return fail(unit.petition, v1::GrantFailed::REFUSED);
  if (unit.right.port()->remote()) return hand_on(std::move(unit));
  if (!to.can_carry(*unit.right.port(), unit.right.type(), 0)) {
    return fail(unit.petition, v1::GrantFailed::LIMIT);
  }
  v1::Frame frame;
  v1::Granted& granted = *frame.mutable_granted();
  granted.set_type(static_cast<std::uint32_t>(unit.right.type()));
  granted.set_room(world_.registry.room_for(*unit.right.port(), to.index()));
  const PortUid port = unit.right.holds_send() ? to.tables()->exports.grant(unit.right.take_send())
                                               : to.tables()->exports.grant_once(unit.right.take_send_once());
  write_uid(to.ends(), port, *granted.mutable_port());
  write_origin(unit.petition.id.introducer, *granted.mutable_introducer());
  if (unit.petition.asker != unit.petition.id.introducer)
    write_origin(unit.petition.asker, *granted.mutable_asker());
  granted.set_session(unit.petition.session);
  granted.set_nonce(unit.petition.id.nonce);
  granted.set_as_of(to.applied_frames());
  to.send(std::move(frame));
}

void Introductions::fail(const Petition& petition, v1::GrantFailed::Reason reason) {
  Peer& introducer = *world_.peers[petition.by];
  if (!introducer.open() || introducer.nonce() != petition.asked) return;
  v1::Frame frame;
  v1::GrantFailed& failed = *frame.mutable_grant_failed();
  write_origin(petition.to, *failed.mutable_to());
  failed.set_session(petition.session);
  failed.set_nonce(petition.id.nonce);
  failed.set_reason(reason);
  if (petition.id.introducer != introducer.them())
    write_origin(petition.id.introducer, *failed.mutable_introducer());
  introducer.send(std::move(frame));
}

// Step 6.
Check Introductions::claim(Peer& from, const v1::Claim& claim) {
  Origin introducer;
  if (Check fault = read_origin(claim.introducer(), introducer)) return fault;
  v1::Frame frame;
  v1::ClaimAnswer& said = *frame.mutable_claim_answer();
  *said.mutable_introducer() = claim.introducer();
  said.set_nonce(claim.nonce());
  said.set_answer(answer(claim, introducer));
  from.send(std::move(frame));
  return std::nullopt;
}

v1::ClaimAnswer::Answer Introductions::answer(const v1::Claim& claim, const Origin& introducer) const {
  Peer* peer = known_as(introducer.node);
  if (peer == nullptr) return v1::ClaimAnswer::UNKNOWN;
  if (peer->known()->incarnation > introducer.incarnation) return v1::ClaimAnswer::DENIED;
  if (broken(Rule::kClaimByTheMark)) return v1::ClaimAnswer::WAIT;
  if (peer->open() && peer->nonce() == claim.session()) {
    // Whether another home grants it is not ours to say.
    if (peer->tables()->grants_sent_on >= claim.nonce()) return v1::ClaimAnswer::UNKNOWN;
    const bool applied = peer->tables()->grants_mark >= claim.nonce();
    return applied ? v1::ClaimAnswer::DENIED : v1::ClaimAnswer::WAIT;
  }
  return peer->last_fenced() == claim.session() ? v1::ClaimAnswer::DENIED : v1::ClaimAnswer::UNKNOWN;
}

// --- third ---

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

// --- sessions ---

void Introductions::opened(Peer& peer) {
  for (KeptUnit& unit : kept_.take_for(peer.them().node)) {
    if (unit.petition.to == peer.them()) {
      give(peer, std::move(unit));
    } else if (unit.petition.to.incarnation < peer.them().incarnation) {
      fail(unit.petition, v1::GrantFailed::DOWN);
    } else {
      kept_.keep(std::move(unit));
    }
  }
  for (const auto& [id, right] : awaited_.take_older(peer.them()))
    settle_dead(right, "its home was started again");
  awaited_.ask_now(peer.them(), world_.clock.now());
  due(world_.clock.now());
}

void Introductions::fenced(PeerIndex peer, const Origin& them, std::uint64_t session) {
  const auto dropped = broken(Rule::kUnmatchedIsReleased) ? std::vector<UnmatchedUnit>()
                                                          : unmatched_.take_session(them, session);
  const auto worthless = unmatched_.take_home(peer);
  deny_contested_of(peer);
  awaited_.ask_now(them, world_.clock.now());
  if (!awaited_.empty()) due(world_.clock.now());
}

void Introductions::drop_all() {
  awaited_.clear();
  const auto contested = contested_.take_if([](const ContestedUnit&) { return true; });
  const auto kept = kept_.take_all();
  const auto unmatched = unmatched_.take_all();
  for (auto& [lane, message] : parking_.take_all()) {
    message.reset();
    world_.registry.unpark(lane.port, lane.peer);
  }
  promises_.drop_all();
  next_.reset();
}

void Introductions::tick(base::Instant now) {
  if (!next_ || now < *next_) return;
  for (const KeptUnit& unit : kept_.take_late(now)) fail(unit.petition, v1::GrantFailed::DOWN);
  if (!broken(Rule::kUnmatchedIsReleased)) const auto dropped = unmatched_.take_late(now);
  if (!broken(Rule::kAwaitedAsks)) {
    for (const auto& [id, right] : awaited_.take_late(now)) settle_dead(right, "nobody knows of it");
    for (const auto& [id, right] : awaited_.take_questions(now)) ask(id, right);
  }
  give_up_contested(now);
  next_.reset();
  const auto ask_at = broken(Rule::kAwaitedAsks) ? std::nullopt : awaited_.next_deadline();
  const auto release_at = broken(Rule::kUnmatchedIsReleased) ? std::nullopt : unmatched_.next_deadline();
  for (const auto& at : {kept_.next_deadline(), release_at, contested_.next_deadline(), ask_at}) {
    if (at) due(*at);
  }
}

void Introductions::ask(const IntroductionId& id, const AwaitedRight& right) {
  Peer* home = open_with(right.hint);
  if (home == nullptr) return;
  v1::Frame frame;
  v1::Claim& claim = *frame.mutable_claim();
  write_origin(id.introducer, *claim.mutable_introducer());
  claim.set_nonce(id.nonce);
  claim.set_session(right.session);
  home->send(std::move(frame));
}

// --- looking in ---

void Introductions::for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const {
  kept_.for_each([&](const KeptUnit& unit) { visit(unit.right, visitor); });
  unmatched_.for_each([&](const UnmatchedUnit& unit) { visit(unit.right, visitor); });
  promises_.for_each_right(visitor);
  parking_.for_each([&](const ipc::Message& message) {
    visit(message.destination, visitor);
    visit(message.reply, visitor);
    for (const ipc::BodyRight& each : message.body) visit(each.right, visitor);
  });
}

void Introductions::add_to(PortRow& row) const {
  row.awaited = awaited_.to(row.uid) + contested_.to(row.uid);
  unmatched_.for_each([&](const UnmatchedUnit& unit) { row.unmatched += unit.port == row.uid ? 1 : 0; });
  kept_.for_each([&](const KeptUnit& unit) {
    row.kept += row.port != nullptr && unit.right.port() == row.port ? 1 : 0;
  });
}

const DeadIntroductions& Introductions::dead_by(PeerIndex introducer) const {
  static const DeadIntroductions none;
  const auto found = dead_.find(introducer);
  return found == dead_.end() ? none : found->second;
}

std::uint64_t Introductions::digest() const {
  const std::uint64_t digest = mix_in(mix_in(last_nonce_, kept_.size()), unmatched_.digest());
  const std::uint64_t waiting = mix_in(mix_in(digest, parking_.digest()), awaited_.digest());
  return mix_in(mix_in(waiting, promises_.size()), contested_.digest());
}

void Introductions::check_invariants() const {
  parking_.check_invariants();
}

}  // namespace netmsg::proxy
