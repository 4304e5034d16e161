// SPDX-License-Identifier: Apache-2.0
// Introductions at the port's home: units granted for somebody else, and what is claimed of them.
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/unit_type.h"
#include "proxy/world.h"

namespace netmsg::proxy {

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
  home.send(frame);
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
  to.send(frame);
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
  introducer.send(frame);
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
  from.send(frame);
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

}  // namespace netmsg::proxy
