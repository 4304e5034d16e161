// SPDX-License-Identifier: Apache-2.0
// What the engine says, and what goes out for it.
#include <algorithm>
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/mutant.h"
#include "proxy/peer.h"
#include "proxy/translate.h"

namespace netmsg::proxy {

namespace {

v1::Frame release_of(const Ends& ends, const PortUid& port, std::uint64_t units, const Origin* by = nullptr) {
  v1::Frame frame;
  write_uid(ends, port, *frame.mutable_release()->mutable_port());
  frame.mutable_release()->set_units(units);
  if (by != nullptr) write_origin(*by, *frame.mutable_release()->mutable_from());
  return frame;
}

}  // namespace

bool Peer::can_carry(const ipc::Port& port, ipc::RightType type, std::uint32_t others) const {
  if (!open() || !can_translate(*tables_, port, type)) return false;
  if (port.remote()) return true;
  if (type == ipc::RightType::kReceive && !can_go(Moves::carried_with(port))) return false;
  const PeerLimits& limits = world_.options.limits;
  return tables_->exports.own_ports() + others < limits.exports &&
         tables_->exports.own_send_once_units() + others < limits.send_once_units;
}

// Without a session nothing travels: its proxies are about to die.
ipc::RemoteLink::CarryLimits Peer::carry_limits() const {
  if (!open()) return {0, 0};
  return {known_->limits.bytes, known_->limits.rights};
}

// A message waits for its data to have gone ahead (exchange 9), or for one before it to the same port.
void Peer::forward(ipc::MessagePtr message) {
  if (!open()) {
    // Its session has just died, and the proxy is about to: the message is destroyed with its rights, but a
    // send-once destination goes silently, as on a dead port. Its notification would come back here.
    return message->destination.consume();
  }
  const std::uint64_t slot = message->destination.port()->link_slot;
  std::shared_ptr<const Cargo> cargo = Cargo::unload(*message);
  if (!cargo && !tables_->egress.holds(slot)) return send_off(std::move(message), 0);
  const Ticket ticket = tables_->egress.push(slot, std::move(message), cargo ? 1 : 0);
  if (cargo) tables_->outbound.add(ticket, std::move(cargo));
  touch();
}

void Peer::send_off(ipc::MessagePtr message, std::uint64_t transfer) {
  const std::vector<ipc::Port*> ports = Moves::carried_ports(*message);
  const FrameMemory::Loan frame(world_.frame_memory, message->size() + message->memory_bytes());
  frame->mutable_message()->set_transfer(transfer);
  const bool may_go = world_.moves->drained(*message) && can_go({ports.begin(), ports.end()}) &&
                      pack(*tables_, known_->limits, *message, *frame->mutable_message());
  if (!may_go) return refuse(*message, transfer);
  const std::vector<PortUid> moved = send_ports(ports);
  const FrameNumber number = send(*message, *frame);
  if (!moved.empty()) world_.moves->left(index_, moved, number);
}

// Exchange 12, step 1: may these ports go, with all that is queued at them?
bool Peer::can_go(const std::vector<const ipc::Port*>& ports) const {
  std::size_t messages = 0;
  std::uint64_t bytes = 0;
  bool travels = true;
  const bool all = std::all_of(ports.begin(), ports.end(), [&](const ipc::Port* port) {
    port->queue.for_each([&](const ipc::Message& each) {
      ++messages;
      travels = travels && each.size() + each.memory_bytes() <= kFrameMessageMax;
      bytes += each.size() + each.memory_bytes() + 64 * (each.body.size() + 4);
    });
    return !port->remote() && can_go_along(*tables_, known_->limits, *port);
  });
  return all && travels && ports.size() <= kGroupPortsMax && messages < kGroupMessagesMax &&
         bytes <= kGroupBytesMax / 2;
}

// Steps 2 and 3: first what they are, then what is queued at them.
std::vector<PortUid> Peer::send_ports(const std::vector<ipc::Port*>& ports) {
  std::vector<PortUid> moved;
  std::vector<ipc::MessageQueue> queues;
  for (ipc::Port* port : ports) {
    v1::Frame frame;
    std::vector<Introducing> introducing;
    queues.push_back(world_.moves->leave(index_, *port, *frame.mutable_move(), introducing));
    world_.introductions->introduce(*this, introducing);
    append(frame);
    moved.push_back(world_.registry.find(*port)->uid);
  }
  for (ipc::MessageQueue& queue : queues) {
    while (ipc::MessagePtr message = queue.pop()) send_queued(std::move(message));
  }
  return moved;
}

void Peer::send_queued(ipc::MessagePtr message) {
  v1::Frame frame;
  if (broken(Rule::kQueueGoesAlong)) return;
  frame.mutable_message()->set_queued(true);
  if (!pack(*tables_, known_->limits, *message, *frame.mutable_message())) return refuse(*message, 0);
  send(*message, frame);
}

// It cannot travel, and is destroyed by the caller.
void Peer::refuse(ipc::Message& message, std::uint64_t transfer) {
  world_.log(config_.name + ": a message that cannot travel was destroyed");
  stale_.push_back(uid_of(message));  // its place in the window is free again
  if (transfer != 0) drop_transfer(transfer, message.take_charge());
  touch();
}

PortUid Peer::uid_of(const ipc::Message& message) const {
  return world_.registry.find(*message.destination.port())->uid;
}

FrameNumber Peer::send(ipc::Message& message, v1::Frame& frame) {
  const PortUid port = uid_of(message);
  std::vector<Introducing> introducing;
  leave_packed(*tables_, session_->applied(), message, *frame.mutable_message(), introducing);
  world_.introductions->introduce(*this, introducing);
  if (broken(Rule::kReleaseAfterUse)) release_if_unused(port);
  if (broken(Rule::kAppendedIsGone)) {
    for (const v1::Right& right : frame.message().rights()) {
      PortUid granted;
      if (right.value() != v1::Right::GRANTED || read_uid({ends().them, ends().us}, right.port(), granted))
        continue;
      tables_->exports.release(granted, 1);
    }
  }
  if (frame.message().transfer() == 0) going_.message(world_.clock.now());
  // Its sender pays until the peer has applied it: one program cannot fill what we keep for a slow peer. For a forced
  // one it pays until that has left its queue.
  const bool forced = message.accepted != nullptr || message.receipt;
  frame.mutable_message()->set_forced(forced);
  const FrameNumber number = append(frame, forced ? ipc::Charge() : message.take_charge());
  if (forced) {
    tables_->forced.sent({port, number}, RegistryPin(world_.registry, port), std::move(message.accepted),
                         std::move(message.receipt), message.take_charge());
  }
  // Who has no send right to the port has no window either: replies cost nothing here.
  const Holder* holder = tables_->holders.find(port);
  if (holder == nullptr || holder->received > 0) tables_->flight.took_off(port, number);
  return number;
}

void Peer::send_off_ready(std::uint64_t slot) {
  while (const ipc::Message* first = tables_->egress.ready(slot)) {
    if (!world_.moves->drained(*first)) return hold_back(slot);
    std::optional<Departure> next = tables_->egress.pop(slot);
    world_.moves->went_on(uid_of(*next->message));
    const bool has_gone_ahead = tables_->outbound.end(next->ticket);
    send_off(std::move(next->message), has_gone_ahead ? next->ticket : 0);
  }
}

// Since its data has gone ahead, something was parked for a port in it (M8): it waits like one that has not begun, and what is
// behind it too. The data goes again.
void Peer::hold_back(std::uint64_t slot) {
  for (ipc::MessagePtr& message : recall(slot)) {
    if (!world_.moves->hold_back(message)) forward(std::move(message));
  }
}

// Bytes of data; 0: there is no chunk to send, or what is under way already is all that may be.
std::uint64_t Peer::next_chunk_max() const {
  if (!open() || !carried() || !tables_->outbound.has_chunk()) return 0;
  const Pace::Limits pace = going_.at(world_.clock.now());
  const std::uint64_t window = std::min<std::uint64_t>(known_->limits.bulk_window, pace.under_way);
  const std::uint64_t chunk = std::min(pace.chunk, window);
  return session_->bulk_under_way() + chunk > window ? 0 : chunk;
}

// One chunk at a time, when the stream has nothing else to write and the peer takes it (exchange 9, step 3).
void Peer::ask_for_turn() {
  if (asked_for_turn_ || next_chunk_max() == 0) return;
  asked_for_turn_ = true;
  world_.transport.tell_when_drained(stream_->id());
}

void Peer::drained() {
  asked_for_turn_ = false;
  const std::uint64_t chunk_max = next_chunk_max();
  if (chunk_max == 0) return;  // no longer
  touch();
  Outbound::Load load = tables_->outbound.load(session_->sent() + 1, chunk_max);
  const Ticket ticket = load.lading.transfer;
  if (load.frame.empty()) return take_back(ticket);
  session_->append_chunk(std::move(load.frame), std::move(load.lading));
  going_.chunk(session_->sent(), world_.clock.now());
  if (!load.last && !broken(Rule::kDataIsWhole)) return;
  const std::uint64_t slot = tables_->egress.find(ticket)->destination.port()->link_slot;
  tables_->egress.settle(ticket);
  send_off_ready(slot);
}

// Its memory cannot be read any more. The destination lives, and may hear of a send-once right that is given up here.
void Peer::take_back(Ticket ticket) {
  world_.log(config_.name + ": a message whose memory cannot be read was destroyed");
  const ipc::MessagePtr lost = tables_->egress.take_back(ticket);
  const std::uint64_t slot = lost->destination.port()->link_slot;
  stale_.push_back(uid_of(*lost));
  world_.moves->went_on(stale_.back());
  if (tables_->outbound.end(ticket)) drop_transfer(ticket, lost->take_charge());
  send_off_ready(slot);
}

// Exchange 9, step 7.
void Peer::destroy_waiting(std::uint64_t slot) {
  std::vector<Departure> lost = tables_->egress.take_all(slot);
  for (const Departure& each : lost) {
    if (!tables_->outbound.end(each.ticket)) continue;
    drop_transfer(each.ticket, each.message->take_charge());
    if (!broken(Rule::kRightsWithTheMessage)) continue;
    for (ipc::BodyRight& item : each.message->body) {  // they have gone with the first chunk
      if (item.right.holds_send() && !item.right.port()->remote())
        tables_->exports.grant(item.right.take_send());
    }
  }
  destroy(std::move(lost));
}

// A proxy on its way out. Its queue dies before anybody hears of it (spec 01 §10): also what was forced into it by way of
// the daemons where the port was at home before.
std::optional<Holder> Peer::take_dying(const PortUid& proxy) {
  world_.forced_died(proxy);
  if (const Holder* holder = tables_->holders.find(proxy)) destroy_waiting(holder->port().link_slot);
  return tables_->holders.remove(proxy);
}

void Peer::lose_proxy(const PortUid& proxy) {
  const std::optional<Holder> gone = take_dying(proxy);
  if (!gone) return;
  gone->port().death = world_.deaths.add(index_, {Death::Cause::kMoved, {}, world_.clock.now()});
}

// The destination is at home elsewhere by now: what waits for it here goes there, as it was sent.
std::vector<ipc::MessagePtr> Peer::recall(std::uint64_t slot) {
  std::vector<ipc::MessagePtr> messages;
  for (Departure& each : tables_->egress.take_all(slot)) {
    if (const auto cargo = tables_->outbound.cargo(each.ticket)) cargo->restore(*each.message);
    if (tables_->outbound.end(each.ticket)) drop_transfer(each.ticket, {});
    messages.push_back(std::move(each.message));
  }
  return messages;
}

// Its chunks keep the data until they are acknowledged, and it is paid for as long.
void Peer::drop_transfer(std::uint64_t transfer, ipc::Charge charge) {
  v1::Frame frame;
  frame.mutable_chunk()->set_transfer(transfer);
  frame.mutable_chunk()->set_dropped(true);
  append(frame, std::move(charge));
}

FrameNumber Peer::append(const v1::Frame& frame, ipc::Charge charge) {
  touch();
  const FrameNumber number = session_->append(frame, std::move(charge));
  if (session_->unacknowledged_bytes() > 4 * world_.options.limits.unacknowledged) {
    doomed_ = Fault{v1::Fence::LIMIT, "too much that the peer has not applied"};
  }
  return number;
}

void Peer::doom(Fault why) {
  if (open() && !doomed_) doomed_ = std::move(why);
}

void Peer::unreferenced(const PortUid& proxy) {
  if (!open()) return;
  unreferenced_.push_back(proxy);
  touch();
}

// Exchange 6, step 1.
void Peer::port_died(const PortUid& port) {
  if (!open()) return;
  v1::Frame frame;
  write_uid(ends(), port, *frame.mutable_died()->mutable_port());
  if (!broken(Rule::kDiedIsTold)) append(frame);
  tables_->exports.forget(port);
}

void Peer::room_changed(const PortUid& port, std::uint32_t room, bool may_wait) {
  if (!open() || !tables_->exports.has_send_units(port)) return;
  const bool waits = may_wait && tables_->exports.told_rooms().can_wait(port, room, world_.clock.now());
  waits ? touch() : tell_room(port, room);  // a deadline, if nothing else
}

void Peer::tell_room(const PortUid& port, std::uint32_t room) {
  tables_->exports.told_rooms().told(port, room);
  const FrameMemory::Loan frame(world_.frame_memory);
  v1::Credit& credit = *frame->mutable_credit();
  write_uid(ends(), port, *credit.mutable_port());
  credit.set_room(room);
  credit.set_as_of(session_->applied());
  append(*frame);
}

// Together with what is said anyway, or as late as an acknowledgement.
void Peer::tell_owed_rooms(base::Instant now) {
  const std::optional<base::Instant> due = owed_due();
  if (!due || (now < *due && !session_->speaks(now))) return;
  for (const PortUid& port : tables_->exports.told_rooms().take_owed()) {
    const Registry::Entry* entry = world_.registry.find(port);
    if (entry == nullptr || entry->home || !tables_->exports.has_send_units(port)) continue;
    tell_room(port, world_.registry.room_for(*entry->port, index_));
  }
}

std::optional<base::Instant> Peer::owed_due() const {
  const std::optional<base::Instant> since =
      open() ? tables_->exports.told_rooms().owed_since() : std::nullopt;
  return since ? std::optional(*since + world_.options.timing.ack_delay) : std::nullopt;
}

// Exchange 2, step 6.
void Peer::left_queue(std::uint64_t receipt) {
  const std::optional<Forced::Sent> message = open() ? tables_->forced.left(receipt) : std::nullopt;
  if (!message || broken(Rule::kAcceptedIsTold)) return;
  v1::Frame frame;
  write_uid(ends(), message->port, *frame.mutable_accepted()->mutable_port());
  frame.mutable_accepted()->set_message(message->number);
  append(frame);
}

void Peer::end_of_event() {
  for (const PortUid& port : std::exchange(unreferenced_, {})) release_if_unused(port);
  for (const PortUid& port : std::exchange(stale_, {})) {
    if (Holder* holder = open() ? tables_->holders.find(port) : nullptr) refresh_window(port, *holder);
  }
  close_windows_if_congested();
}

// C4: nobody sends more before the peer has caught up.
void Peer::close_windows_if_congested() {
  if (!open() || congested_ || session_->unacknowledged_bytes() <= world_.options.limits.unacknowledged)
    return;
  congested_ = true;
  const ipc::Event event(world_.engine);  // one for all of them, if there is none
  refresh_all_windows();
}

// Exchange 4, steps 1 and 2.
void Peer::release_if_unused(const PortUid& port) {
  Holder* holder = open() ? tables_->holders.find(port) : nullptr;
  if (holder == nullptr || holder->port().srights() > 0 || broken(Rule::kReleaseAtAll)) return;
  const std::uint64_t reported = std::exchange(holder->reported, 0);
  const std::uint64_t own = std::exchange(holder->received, 0) - reported;
  if (own > 0) {
    if (broken(Rule::kReleaseOnce)) append(release_of(ends(), port, own));
    append(release_of(ends(), port, own));
  }
  if (reported > 0) append(release_of(ends(), port, reported, &holder->reported_by));
  if (holder->port().referenced() || world_.moves->stands_for(port))
    return;  // send-once rights have no Release
  const std::optional<Holder> gone = tables_->holders.remove(port);
}

}  // namespace netmsg::proxy
