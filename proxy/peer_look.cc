// SPDX-License-Identifier: Apache-2.0
// Looking in: rows, rights, digest, invariants.
#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/introductions.h"
#include "proxy/peer.h"

namespace netmsg::proxy {

namespace {

std::chrono::milliseconds milliseconds_between(base::Instant from, base::Instant to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(to, from) - from);
}

// The states of peer.h.
const char* state_name(const std::optional<Stream>& stream, bool session) {
  if (!stream) return session ? "broken" : "down";
  if (stream->state() == Stream::State::kGreeted) return "open";
  if (session) return "resuming";
  return stream->state() == Stream::State::kDialing ? "dialing" : "hello";
}

void visit_right(const ipc::CarriedRight& right, const ipc::RemoteLink::RightVisitor& visitor) {
  if (right.holds_send()) visitor.send(*right.port());
  if (right.holds_send_once()) visitor.send_once(*right.port());
  if (right.holds_receive()) visitor.receive(*right.port());
}

// As of one in a queue.
void visit_rights(const ipc::Message& message, const ipc::RemoteLink::RightVisitor& visitor) {
  if (message.accepted && message.accepted->notify()) visitor.send_once(*message.accepted->notify().port());
  visit_right(message.destination, visitor);
  visit_right(message.reply, visitor);
  for (const ipc::BodyRight& item : message.body) visit_right(item.right, visitor);
}

}  // namespace

PeerRow Peer::row() const {
  PeerRow row;
  row.name = config_.name;
  row.address = config_.address;
  row.state = state_name(stream_, open());
  row.last_error = last_error_;
  if (last_fence_) {
    row.last_fence = {v1::Fence::Code_Name(last_fence_->fault.code), last_fence_->fault.text,
                      last_fence_->fault.theirs, milliseconds_between(last_fence_->when, world_.clock.now())};
  }
  row.queued_bytes = account_->bytes_used();
  row.dead_introductions = world_.introductions->dead_by(index_);
  if (known_) {
    row.node = known_->node.hex();
    row.node_name = known_->name;
    row.incarnation = known_->incarnation;
  }
  if (!open()) return row;
  row.age = milliseconds_between(session_->since(), world_.clock.now());
  row.lease_left = milliseconds_between(world_.clock.now(), session_->lease_ends());
  row.frames_sent = session_->sent();
  row.frames_applied = session_->applied();
  row.unacknowledged = session_->unacknowledged();
  row.kept_bytes = session_->unacknowledged_bytes();
  row.congested = congested_;
  row.proxies = static_cast<std::uint32_t>(tables_->holders.size());
  row.exports = static_cast<std::uint32_t>(tables_->exports.ports());
  row.send_once_units = static_cast<std::uint32_t>(tables_->exports.send_once_units());
  return row;
}

void Peer::add_to(Counters& counters) const {
  counters.frames_sent += past_.frames_sent + (session_ ? session_->sent() : 0);
  counters.frames_applied += past_.frames_applied + (session_ ? session_->applied() : 0);
  counters.unacknowledged += session_ ? session_->unacknowledged() : 0;
}

SessionRow Peer::session_row() const {
  SessionRow row{index_, session_->nonce(), session_->applied(), {}, {}, tables_->egress.size()};
  tables_->holders.for_each(
      [&](const PortUid&, const Holder& holder) { row.waiting += world_.moves->held_back(holder.port()); });
  row.unfinished = tables_->outbound.size() + inbound_->size() + tables_->staging.size() +
                   tables_->forced.size() + tables_->exports.told_rooms().owed();
  std::vector<UnitRow>& rows = row.units;
  tables_->exports.for_each(
      [&](const PortUid& uid, std::uint64_t send, std::uint64_t send_once, const ipc::Port& port) {
        const std::uint32_t room =
            tables_->exports.told_rooms().still_seen(uid).value_or(world_.registry.room_for(port, index_));
        rows.push_back({UnitRow::Side::kExport, uid, send, send_once, room, &port});
      });
  tables_->holders.for_each([&](const PortUid& uid, const Holder& holder) {
    rows.push_back({UnitRow::Side::kProxy, uid, holder.received, holder.port().sorights(),
                    holder.port().room(), &holder.port()});
  });
  row.kept = session_->kept();
  return row;
}

void Peer::for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const {
  if (!tables_) return;
  tables_->forced.for_each_right(visitor.send_once);
  tables_->egress.for_each([&](const ipc::Message& message) { visit_rights(message, visitor); });
  tables_->exports.for_each_right(visitor.send, visitor.send_once);
  tables_->holders.for_each([&](const PortUid&, const Holder& holder) { visitor.receive(holder.port()); });
}

std::uint64_t Peer::digest() const {
  if (!open()) return 0;
  std::uint64_t digest = mix_in(mix_in(known_->incarnation, session_->sent()), session_->applied());
  digest = mix_in(digest, tables_->forced.digest());
  digest = mix_in(mix_in(digest, tables_->egress.digest()), tables_->outbound.digest());
  digest = mix_in(digest, inbound_->digest());
  digest = mix_in(mix_in(digest, tables_->answered.digest()), tables_->exports.digest());
  return mix_in(digest, tables_->holders.digest());
}

void Peer::check_invariants() const {
  NETMSG_CHECK((tables_ != nullptr) == session_.has_value());
  NETMSG_CHECK(!carried() || session_);
  NETMSG_CHECK(!stream_ || stream_->state() != Stream::State::kOver);
  if (!open()) return;
  tables_->exports.check_invariants();
  tables_->holders.check_invariants();
}

}  // namespace netmsg::proxy
