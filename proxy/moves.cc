// SPDX-License-Identifier: Apache-2.0
#include "proxy/moves.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

namespace {

// What a message that waits holds, for an audit.
void visit_rights(const ipc::Message& message, const ipc::RemoteLink::RightVisitor& visitor) {
  const auto visit = [&](const ipc::CarriedRight& right) {
    if (right.holds_send()) visitor.send(*right.port());
    if (right.holds_send_once()) visitor.send_once(*right.port());
    if (right.holds_receive()) visitor.receive(*right.port());
  };
  if (message.accepted && message.accepted->notify()) visitor.send_once(*message.accepted->notify().port());
  visit(message.destination);
  visit(message.reply);
  for (const ipc::BodyRight& item : message.body) visit(item.right);
}

void visit_units(const Units& units, const ipc::RemoteLink::RightVisitor& visitor) {
  if (units.right) visitor.send(*units.right.port());
  for (const ipc::SendOnceRight& right : units.once) visitor.send_once(*right.port());
}

// Somebody who was told of the new home has not answered. Paths that are closing have their own time: that of the messages
// that wait.
bool waits_for_holder(const Stub& stub) {
  return stub.told && std::any_of(stub.waiting.begin(), stub.waiting.end(), [](const auto& path) {
           return path.second.state == Stub::Path::State::kOpen;
         });
}

StubRow row_of(const Stub& stub) {
  StubRow row{stub.target, stub.told.has_value(), static_cast<bool>(stub.guard), {}};
  for (const auto& [peer, path] : stub.waiting) {
    row.paths.push_back({peer, path.send, path.once, path.state != Stub::Path::State::kOpen});
  }
  return row;
}

UndrainedRow row_of(const Undrained& port) {
  UndrainedRow row{port.by, port.behind_queue.size(), {}};
  for (const Undrained::Path& path : port.paths) {
    row.paths.push_back({path.holder, path.state == Undrained::Path::State::kClosing, path.held.size(),
                         path.units.granted, path.units.once.size()});
  }
  return row;
}

// How long an old home may leave paths open: longer than messages wait there for what they carry, one for another, where
// everybody answers in time.
constexpr int kLeasesOfPatience = 24;

}  // namespace

Moves::~Moves() {
  NETMSG_CHECK(stubs_.empty());
  NETMSG_CHECK(arrived_.empty());
  NETMSG_CHECK(undrained_.empty());
  NETMSG_CHECK(waiting_.empty());
  NETMSG_CHECK(following_.empty());
}

Check Moves::read(PeerIndex from, const v1::Uid& wire, PortUid& uid) {
  return read_uid(ends(from), wire, uid);
}

// --- messages that wait (M8) ---

std::optional<PortUid> Moves::find_undrained(const ipc::Message& message) const {
  if (broken(Rule::kDrainBeforeMove)) return std::nullopt;
  for (const ipc::Port* port : carried_ports(message)) {
    const Registry::Entry* entry = std::as_const(registry_).find(*port);
    if (entry == nullptr) continue;
    const bool parked = !entry->parked.empty() && !broken(Rule::kParkedHoldThePort);
    if (entry->undrained || parked) return entry->uid;
  }
  return std::nullopt;
}

bool Moves::hold_back(ipc::MessagePtr& message) {
  const ipc::Port* destination = message->destination.port();
  const bool behind = waiting_.holds(destination);
  const std::optional<PortUid> blocker = behind ? std::nullopt : find_undrained(*message);
  if (!behind && !blocker) return false;
  const PortUid uid = registry_.find(*destination)->uid;
  waiting_.push(uid, std::move(message));
  // It may have waited for its data, and will do so again, as another one.
  if (const auto stub = stubs_.find(uid); stub != stubs_.end()) {
    for (auto& [peer, path] : stub->second.waiting) path.behind.reset();
  }
  if (blocker) waiting_.block(destination, *blocker, in_half_a_lease());
  due(in_half_a_lease());
  return true;
}

// As far as the queue goes. When nothing waits any more for a stub, its paths may close.
void Moves::go_on(const ipc::Port* destination) {
  if (!waiting_.holds(destination)) return;
  const PortUid uid = waiting_.uid_of(destination);
  while (waiting_.holds(destination)) {
    const bool dead = destination->dead();
    const auto blocker = dead ? std::nullopt : find_undrained(waiting_.first(destination));
    if (blocker) return waiting_.block(destination, *blocker, in_half_a_lease());
    ipc::MessagePtr message = waiting_.pop(destination);
    if (!dead) sessions_.send_on(std::move(message));
  }
  look_at(uid);
}

void Moves::look_at(const PortUid& uid) {
  if (!idle()) changed_.insert(uid);
}

void Moves::end_of_event() {
  while (!changed_.empty()) {
    for (const PortUid& uid : std::exchange(changed_, {})) {
      finish_closings(uid);
      for (const ipc::Port* destination : waiting_.concerned_by(uid)) go_on(destination);
      send_on_closings(uid);
    }
  }
}

// --- sessions and time ---

// A port that was at home there has come here with units of theirs, or has gone on from there.
void Moves::opened(PeerIndex peer) {
  const Origin& them = ends(peer).them;
  for (auto& [uid, port] : undrained_) {
    Undrained::Path* path = port.find(them);
    if (path != nullptr && !path->peer && !path->lost) take_over(uid, port, *path, peer);
  }
  follow_to(peer);
}

void Moves::fenced(PeerIndex peer) {
  stop_following(peer);
  lose_path_to(peer);
  lose_paths_of(peer);
  for (const ipc::Port* destination : waiting_.destinations()) {
    if (destination->dead()) look_at(waiting_.uid_of(destination));
  }
}

void Moves::drop_all() {
  while (!undrained_.empty()) {
    const PortUid uid = undrained_.begin()->first;
    forget(uid, {});
    registry_.drained(uid);
  }
}

void Moves::tick(base::Instant now) {
  if (!next_ || now < *next_) return;
  give_up_following(now);
  fence_the_silent(now);
  for (auto& [uid, port] : undrained_) {
    for (Undrained::Path& path : port.paths) {
      if (path.until && now >= *path.until) {
        give_up(uid, port, path);
      } else if (path.ask_again && now >= *path.ask_again) {
        ask(uid, port, path);
      }
    }
  }
  seek_circles(now);
  find_next_deadline();
}

// Holders that do not close their paths, old homes that do not let us know.
void Moves::fence_the_silent(base::Instant now) {
  for (const auto& [uid, stub] : stubs_) {
    if (!stub.told || now < *stub.told + options_.timing.lease) continue;
    for (const auto& [peer, path] : stub.waiting) {
      if (path.state == Stub::Path::State::kOpen)
        sessions_.doom(peer, {v1::Fence::LEASE, "an old path was not closed in time"});
    }
  }
  for (const auto& [uid, port] : undrained_) {
    if (!port.paths.empty() && now >= port.since + kLeasesOfPatience * options_.timing.lease)
      sessions_.doom(port.by, {v1::Fence::LEASE, "old paths were not closed in time"});
  }
}

void Moves::find_next_deadline() {
  next_ = waiting_.next_lap();
  for (const auto& [uid, stub] : stubs_) {
    if (waits_for_holder(stub)) due(*stub.told + options_.timing.lease);
  }
  for (const auto& [uid, port] : undrained_) {
    if (clock_.now() < port.since + kLeasesOfPatience * options_.timing.lease)
      due(port.since + kLeasesOfPatience * options_.timing.lease);
    for (const Undrained::Path& path : port.paths) {
      if (path.until) due(*path.until);
      if (path.ask_again) due(*path.ask_again);
    }
  }
  for (const auto& [uid, following] : following_) due(following.until);
}

// --- looking in ---

void Moves::for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const {
  for (const auto& [uid, stub] : stubs_) {
    if (stub.guard) visitor.send(*stub.port);
  }
  for (const auto& [uid, port] : undrained_) {
    for (const Undrained::Path& path : port.paths) {
      visit_units(path.units, visitor);
      for (const ipc::MessagePtr& message : path.held) visit_rights(*message, visitor);
    }
    for (const ipc::MessagePtr& message : port.behind_queue) visit_rights(*message, visitor);
  }
  waiting_.for_each([&](const ipc::Message& message) { visit_rights(message, visitor); });
}

void Moves::add_to(PortRow& row) const {
  if (const auto stub = stubs_.find(row.uid); stub != stubs_.end()) row.stub = row_of(stub->second);
  if (const auto here = undrained_.find(row.uid); here != undrained_.end())
    row.undrained = row_of(here->second);
  if (row.port != nullptr) row.held_back = waiting_.behind(*row.port);
}

std::uint64_t Moves::digest() const {
  std::uint64_t digest = mix_in(waiting_.size(), following_.size());
  for (const auto& [uid, stub] : stubs_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), stub.epoch), stub.waiting.size());
  }
  for (const auto& [uid, port] : undrained_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), port.epoch), port.paths.size());
    digest = mix_in(digest, port.behind_queue.size());
  }
  return digest;
}

void Moves::check_invariants() const {
  NETMSG_CHECK(arrived_.empty());
  for (const auto& [uid, stub] : stubs_) {
    NETMSG_CHECK(!stub.waiting.empty());
    NETMSG_CHECK(stub.port->remote());
    NETMSG_CHECK(stub.group != 0);
  }
  for (const auto& [uid, port] : undrained_) {
    const Registry::Entry* entry = std::as_const(registry_).find(uid);
    NETMSG_CHECK(entry != nullptr);
    NETMSG_CHECK(entry->undrained && !entry->home);
    NETMSG_CHECK(!port.paths.empty() || port.queue_ends_at);
    NETMSG_CHECK(port.behind_queue.empty() || port.queue_ends_at);
    NETMSG_CHECK(!port.queue_ends_at || port.gone_on < *port.queue_ends_at);
  }
  waiting_.check_invariants();
}

}  // namespace netmsg::proxy
