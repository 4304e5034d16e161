// SPDX-License-Identifier: Apache-2.0
// The frames that come in.
#include <algorithm>
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/translate.h"

namespace netmsg::proxy {

Check Peer::apply(const v1::Frame& frame) {
  switch (frame.body_case()) {
    case v1::Frame::kMessage:
      return apply_message(frame.message(), frame.number());
    case v1::Frame::kRelease:
      return apply_release(frame.release());
    case v1::Frame::kDied:
      return apply_died(frame.died());
    case v1::Frame::kCredit:
      return apply_credit(frame.credit());
    case v1::Frame::kAccepted:
      return apply_accepted(frame.accepted());
    case v1::Frame::kGrant:
      return world_.introductions->grant(*this, frame.grant());
    case v1::Frame::kGranted:
      return world_.introductions->granted(*this, frame.granted());
    case v1::Frame::kGrantFailed:
      return world_.introductions->grant_failed(*this, frame.grant_failed());
    case v1::Frame::kClaim:
      return world_.introductions->claim(*this, frame.claim());
    case v1::Frame::kClaimAnswer:
      return world_.introductions->claim_answer(*this, frame.claim_answer());
    case v1::Frame::kMove:
      return apply_move(frame.move());
    case v1::Frame::kMoved:
      world_.introductions->moved(*this, frame.moved());
      return world_.moves->apply_moved(index_, frame.moved());
    case v1::Frame::kPathClose:
      return world_.moves->apply_path_close(index_, frame.path_close());
    case v1::Frame::kPathLost:
      return world_.moves->apply_path_lost(index_, frame.path_lost());
    case v1::Frame::kMovedLost:
      return world_.moves->apply_moved_lost(index_, frame.moved_lost());
    case v1::Frame::kResync:
      return world_.moves->apply_resync(index_, frame.resync());
    case v1::Frame::kProbe:
      return world_.moves->apply_probe(index_, frame.probe());
    case v1::Frame::kHanded:
      return world_.moves->apply_handed(index_, frame.handed());
    case v1::Frame::kChunk:  // has a way of its own
    case v1::Frame::BODY_NOT_SET:
      break;
  }
  return protocol_error("unknown kind of frame");
}

// Exchange 2, steps 4 to 6.
Check Peer::apply_message(const v1::Message& message, FrameNumber number) {
  Freight freight;
  if (message.transfer() != 0) {
    if (Check fault = inbound_->claim(message.transfer(), freight)) return fault;
  } else {
    coming_.message(session_->last_heard());
  }
  Arrival arrival;
  if (Check fault = translate_in(*tables_, world_.engine, *account_, world_.options.limits, message,
                                 std::move(freight), arrival)) {
    return fault;
  }
  if (arrival.refused > 0) world_.log(config_.name + ": rights to ports that are dead or were not given");
  if (arrival.overdrawn) world_.log(config_.name + ": its messages are destroyed: too many bytes queued");
  if (message.forced()) {
    const std::uint64_t receipt = receipt_token(index_, ++world_.receipts);
    tables_->forced.received(receipt, {arrival.destination, number});
    arrival.message->receipt = ipc::Receipt(world_.engine.core(), receipt);
    if (broken(Rule::kAcceptedWhenItLeaves)) left_queue(receipt);
  }
  world_.introductions->arrived(*this, arrival, message.as_of());
  // It is under way no more, which is to be told even if the room is the same.
  world_.registry.mark_dirty(arrival.destination);
  tables_->exports.told_rooms().arrived(arrival.destination);
  if (broken(Rule::kRoomWithUnits)) return std::nullopt;
  for (const Arrival::Room& told : arrival.rooms) set_room(told.port, told.room, message.as_of());
  return std::nullopt;
}

// Exchange 12, step 4.
Check Peer::apply_move(const v1::Move& move) {
  std::vector<Moves::OpenRequest> open;
  if (Check fault = world_.moves->arrive(index_, *account_, move, open)) return fault;
  for (const Moves::OpenRequest& each : open) world_.introductions->requested(*this, each);
  return std::nullopt;
}

// Exchange 4, step 3.
Check Peer::apply_release(const v1::Release& release) {
  PortUid port;
  if (Check fault = read_uid(ends(), release.port(), port)) return fault;
  if (release.units() == 0) return protocol_error("release of nothing");
  if (release.has_from() && !world_.moves->comes_by(index_, port)) {
    if (!world_.moves->release_reported(index_, port, release.units()))
      tables_->exports.release_reported(port, release.units());
    return std::nullopt;
  }
  if (release.has_from()) return world_.moves->apply_release_from(index_, release);
  Check fault;
  if (world_.moves->release(index_, port, release.units(), fault)) return fault;
  if (tables_->exports.release(port, release.units())) return std::nullopt;
  if (tables_->units_lost) return std::nullopt;
  return protocol_error("release of more than was granted");
}

// Exchange 6, step 2.
Check Peer::apply_died(const v1::Died& died) {
  PortUid port;
  if (Check fault = read_uid(ends(), died.port(), port)) return fault;
  if (broken(Rule::kDiedIsApplied)) return std::nullopt;
  world_.introductions->died_elsewhere(index_, port);
  const Registry::Entry* known = world_.registry.find(port);
  // If it has come there from where its proxy's home is: the peer says it again (exchange 12, step 6).
  if (known != nullptr && known->home && *known->home != index_) return std::nullopt;
  world_.moves->died(index_, port);
  let_die(port);
  return std::nullopt;
}

void Peer::let_die(const PortUid& port) {
  const std::optional<Holder> gone = take_dying(port);
  if (!gone) return;
  if (died_at_home_ == 0)
    died_at_home_ = world_.deaths.add(index_, {Death::Cause::kPort, {}, world_.clock.now()});
  gone->port().death = died_at_home_;
}  // and with the entry the proxy

// Exchange 5.
Check Peer::apply_credit(const v1::Credit& credit) {
  PortUid port;
  if (Check fault = read_uid(ends(), credit.port(), port)) return fault;
  if (broken(Rule::kRoomIsTold)) {
    const Holder* holder = tables_->holders.find(port);
    if (holder != nullptr && holder->room == 0) return std::nullopt;
  }
  set_room(port, credit.room(), credit.as_of());
  return std::nullopt;
}

// Exchange 2, step 6.
Check Peer::apply_accepted(const v1::Accepted& accepted) {
  PortUid port;
  if (Check fault = read_uid(ends(), accepted.port(), port)) return fault;
  tables_->forced.accepted({port, accepted.message()});
  return std::nullopt;
}

void Peer::set_room(const PortUid& port, std::uint32_t room, FrameNumber as_of) {
  Holder* holder = tables_->holders.find(port);
  if (holder == nullptr) return world_.introductions->contested_room(index_, port, room, as_of);
  holder->room = room;
  holder->as_of = std::max(holder->as_of, as_of);
  refresh_window(port, *holder);
}

bool Peer::is_full_for(const PortUid& port) const {
  return tables_->holders.size() >= world_.options.limits.proxies && !tables_->holders.contains(port);
}

void Peer::refresh_window(const PortUid& port, Holder& holder) {
  const std::uint32_t outstanding =
      broken(Rule::kFlightIsCounted) ? 0 : tables_->flight.outstanding(port, holder.as_of);
  const std::uint32_t waiting =
      tables_->egress.waiting_for(holder.port().link_slot) + world_.moves->held_back(holder.port());
  world_.engine.set_window(holder.port(), congested_ ? 0 : holder.room, outstanding + waiting);
}

void Peer::refresh_all_windows() {
  std::vector<PortUid> ports;
  tables_->holders.for_each([&](const PortUid& port, const Holder&) { ports.push_back(port); });
  for (const PortUid& port : ports) {
    if (Holder* holder = tables_->holders.find(port)) refresh_window(port, *holder);
  }
}

}  // namespace netmsg::proxy
