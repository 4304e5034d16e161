// SPDX-License-Identifier: Apache-2.0
#include "proxy/introductions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/world.h"

namespace netmsg::proxy {

namespace {

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
    if (!broken(Rule::kIntroducerAsksHome)) home.send(frame);
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
  third->send(frame);
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
  asker->send(frame);
  return std::nullopt;
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
  home->send(frame);
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
