// SPDX-License-Identifier: Apache-2.0
// Rights to ports at home at third daemons (rules R3, R5, D3, D7; peer.proto, exchange 10): this daemon in each of the
// three roles. One for the daemon, owned by Proxy; the frames come from the peers, and go back through them.
//
//   introducer A   introduce(): Grant, then the right INTRODUCED      grant_failed() passes on, nothing is kept
//   home B         grant(): Granted, or KeptUnits, or GrantFailed     claim() answers by the session's mark
//   third C        arrived(): queued, or Parking and Awaited          granted(): settled, or Unmatched; or Contested (R6)
//
// Owner thread only, inside an Event.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/remote_link.h"
#include "proxy/awaited.h"
#include "proxy/contested.h"
#include "proxy/fault.h"
#include "proxy/kept_units.h"
#include "proxy/moves.h"
#include "proxy/parking.h"
#include "proxy/port_row.h"
#include "proxy/promises.h"
#include "proxy/translate.h"
#include "proxy/unmatched.h"

namespace netmsg::proxy {

class Peer;
struct World;

class Introductions {
 public:
  explicit Introductions(World& world);
  Introductions(const Introductions&) = delete;
  Introductions& operator=(const Introductions&) = delete;

  // --- introducer ---
  // The rights that are to be introduced to `to`, whose message is about to be appended. Consumes them.
  void introduce(Peer& to, std::vector<Introducing>& rights);
  Check grant_failed(Peer& from, const v1::GrantFailed& failed);

  // --- home ---
  Check grant(Peer& from, const v1::Grant& grant);
  Check claim(Peer& from, const v1::Claim& claim);

  // --- third ---
  // A message of a peer's is all there but for what `arrival.introduced` leaves open: queued, parked or destroyed.
  // `as_of`: of the message.
  void arrived(Peer& from, Arrival& arrival, FrameNumber as_of);
  // A request of a port that has come with a group of theirs: the port has it as soon as it is settled.
  void requested(Peer& from, const Moves::OpenRequest& request);
  // A message that the engine wants to go to a port of nobody's. False, and nothing is taken: none that we have made.
  bool stands_in(const ipc::Port& port) const { return promises_.stands_in(port); }
  bool hold(ipc::MessagePtr& message) { return promises_.hold(message); }
  Check granted(Peer& from, const v1::Granted& granted);
  Check claim_answer(Peer& from, const v1::ClaimAnswer& answer);

  // --- units of ports that are at home elsewhere as far as we know (R6; introductions_contested.cc) ---
  // The peer tells that the port has moved; before the proxy follows. A frame with faults does nothing here.
  void moved(Peer& from, const v1::Moved& moved);
  void died_elsewhere(PeerIndex home, const PortUid& port);
  // Room of a port that has no proxy by that session.
  void contested_room(PeerIndex by, const PortUid& port, std::uint32_t room, FrameNumber as_of) {
    contested_.set_room(by, port, room, as_of);
  }
  // What is decided by now is settled.
  void end_of_event();

  // --- sessions ---
  // It has opened; it is over, its tables are empty.
  void opened(Peer& peer);
  void fenced(PeerIndex peer, const Origin& them, std::uint64_t session);
  // A port at home here has died.
  void port_died(const PortUid& port) { parking_.destination_died(port); }
  // All that is kept is given up.
  void drop_all();

  void tick(base::Instant now);
  std::optional<base::Instant> next_deadline() const { return next_; }

  // --- looking in ---
  // No unit and no message waits for another one.
  bool idle() const {
    return kept_.size() == 0 && unmatched_.empty() && parking_.empty() && awaited_.empty() &&
           promises_.size() == 0;
  }
  void for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const;
  // Fills what is ours of the row of that uid and port.
  void add_to(PortRow& row) const;
  // Rights that this peer has introduced and that are dead, since the start.
  const DeadIntroductions& dead_by(PeerIndex introducer) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  Peer* open_with(const Origin& them) const;
  // Of any incarnation, if there ever was a session.
  Peer* known_as(const NodeId& node) const;
  bool may_come(const Origin& them) const;
  void due(base::Instant at);

  Check read_petition(Peer& from, const v1::Grant& grant, Petition& petition) const;
  ipc::CarriedRight unit_of(Peer& from, const PortUid& port, const v1::Grant& grant) const;
  void bestow(Peer& from, KeptUnit unit);
  void give(Peer& to, KeptUnit unit);
  void hand_on(KeptUnit unit);
  void receive_at_home(Peer& from, KeptUnit unit);
  Check pass_back(const v1::GrantFailed& failed, const Origin& introducer);
  void fail(const Petition& petition, v1::GrantFailed::Reason reason);
  bool is_over(const IntroductionId& id, std::uint64_t session) const;
  base::Instant unmatched_until() const;
  std::optional<AwaitedRight> claimed_by(Peer& home, const IntroductionId& id, const PortUid& port,
                                         ipc::RightType type);
  void match(const IntroductionId& id, UnmatchedUnit unit);
  void keep_unmatched(const IntroductionId& id, UnmatchedUnit unit);
  v1::ClaimAnswer::Answer answer(const v1::Claim& claim, const Origin& introducer) const;

  // Settled at once, or it has to be awaited.
  bool pair(const Arrival::Introduced& right, ipc::Message& message);
  void follow_hint(const Arrival::Introduced& right);  // only when the rule against it is switched off
  void await(Peer& from, const Arrival::Introduced& right, ParkingTicket ticket,
             const ipc::Port* stand_in = nullptr);
  // introductions_contested.cc
  void contest(Peer& by, ContestedUnit unit);
  void contest(Peer& by, const Arrival::Contested& right, FrameNumber as_of, const AwaitedRight& waits);
  void count(ContestedUnit unit);
  void count_with(Peer& home, const ContestedUnit& unit, const Origin& granter);
  void count_as_ours(Peer& home, const ContestedUnit& unit);
  static void give_back(Peer& home, const ContestedUnit& unit, const Origin& granter);
  static void follow_with(Peer& home, const ContestedUnit& unit);
  void settle_contested(const ContestedUnit& unit, std::optional<ipc::CarriedRight> right, const char* why);
  void deny(const std::vector<ContestedUnit>& units, const char* why);
  void deny_contested_of(PeerIndex by);
  void give_up_contested(base::Instant now);

  void settle(const AwaitedRight& awaited, ipc::CarriedRight right);
  void keep_promise(const ipc::Port& stand_in, ipc::CarriedRight right);
  void settle_dead(const AwaitedRight& awaited, const char* why);
  void deliver_ready(const Parking::Lane& lane);
  void ask(const IntroductionId& id, const AwaitedRight& right);

  World& world_;
  std::uint64_t last_nonce_ = 0;
  KeptUnits kept_;
  Unmatched unmatched_;
  Parking parking_;
  Promises promises_;
  Awaited awaited_;
  Contested contested_;
  std::map<PeerIndex, DeadIntroductions> dead_;  // by introducer; for people
  std::optional<base::Instant> next_;            // something may be due then
};

}  // namespace netmsg::proxy
