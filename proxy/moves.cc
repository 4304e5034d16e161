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
  return std::any_of(stub.waiting.begin(), stub.waiting.end(),
                     [](const auto& path) { return !path.second.closing; });
}

StubRow row_of(const Stub& stub) {
  StubRow row{stub.target, stub.told.has_value(), static_cast<bool>(stub.guard), {}};
  for (const auto& [peer, path] : stub.waiting) {
    row.paths.push_back({peer, path.send, path.once, path.closing});
  }
  return row;
}

UndrainedRow row_of(const Undrained& port) {
  UndrainedRow row{port.by, {}};
  for (const Undrained::Path& path : port.paths) {
    row.paths.push_back(
        {path.holder, path.closing, path.held.size(), path.units.granted, path.units.once.size()});
  }
  return row;
}

// A wait that nothing ends any more: ports on their way into each other, through several hosts (M2).
constexpr int kLeasesOfWaiting = 6;

}  // namespace

Moves::~Moves() {
  NETMSG_CHECK(stubs_.empty());
  NETMSG_CHECK(arrived_.empty());
  NETMSG_CHECK(undrained_.empty());
  NETMSG_CHECK(waiting_.empty());
}

Check Moves::read(PeerIndex from, const v1::Uid& wire, PortUid& uid) {
  return read_uid(ends(from), wire, uid);
}

// --- messages that wait (M8) ---

bool Moves::drained(const ipc::Message& message) const {
  if (broken(Rule::kDrainBeforeMove)) return true;
  const std::vector<ipc::Port*> ports = carried_ports(message);
  return std::none_of(ports.begin(), ports.end(), [&](const ipc::Port* port) {
    const Registry::Entry* entry = std::as_const(registry_).find(*port);
    return entry != nullptr && (entry->undrained || !entry->parked.empty());
  });
}

bool Moves::hold_back(ipc::MessagePtr& message) {
  const ipc::Port* destination = message->destination.port();
  const auto queue = waiting_.find(destination);
  if (queue == waiting_.end() && drained(*message)) return false;
  if (queue == waiting_.end()) waiting_[destination].since = clock_.now();
  waiting_[destination].messages.push_back(std::move(message));
  return true;
}

std::uint32_t Moves::held_back(const ipc::Port& proxy) const {
  const auto queue = waiting_.find(&proxy);
  return queue == waiting_.end() ? 0 : static_cast<std::uint32_t>(queue->second.messages.size());
}

void Moves::go_on(const ipc::Port* destination) {
  for (auto queue = waiting_.find(destination); queue != waiting_.end(); queue = waiting_.find(destination)) {
    Waiting& waiting = queue->second;
    const bool dead = destination->dead();
    const bool too_long = clock_.now() >= waiting.since + kLeasesOfWaiting * options_.timing.lease;
    if (!dead && !too_long && !drained(*waiting.messages.front())) return;
    ipc::MessagePtr message = std::move(waiting.messages.front());
    const bool lost = !dead && !drained(*message);
    waiting.messages.pop_front();
    waiting.since = clock_.now();
    if (waiting.messages.empty()) waiting_.erase(queue);
    if (lost) message->destination.consume();
    if (!lost && !dead) sessions_.send_on(std::move(message));
  }
}

void Moves::end_of_event() {
  if (idle()) return;
  std::vector<const ipc::Port*> destinations;
  for (const auto& [destination, waiting] : waiting_) destinations.push_back(destination);
  finish_closings();
  for (const ipc::Port* destination : destinations) go_on(destination);
  send_on_closings();
}

// --- sessions and time ---

void Moves::fenced(PeerIndex peer, const Origin& them) {
  lose_path_to(peer, them);
  lose_paths_of(peer);
}

void Moves::tick(base::Instant now) {
  for (const auto& [uid, stub] : stubs_) {
    if (!stub.told || now < *stub.told + options_.timing.lease) continue;
    for (const auto& [peer, path] : stub.waiting) {
      if (!path.closing) sessions_.doom(peer, {v1::Fence::LEASE, "an old path was not closed in time"});
    }
  }
  for (auto& [uid, port] : undrained_) {
    for (Undrained::Path& path : port.paths) {
      if (!path.until || now < *path.until) continue;
      path.until.reset();
      const Units gone = std::exchange(path.units, {});
    }
    if (now < port.since + kLeasesOfWaiting * options_.timing.lease) continue;
    sessions_.doom(port.by, {v1::Fence::LEASE, "old paths were not closed in time"});
  }
}

std::optional<base::Instant> Moves::next_deadline() const {
  std::optional<base::Instant> first;
  const auto consider = [&](base::Instant at) { first = std::min(first.value_or(at), at); };
  const auto lease = options_.timing.lease;
  for (const auto& [uid, stub] : stubs_) {
    if (stub.told && waits_for_holder(stub)) consider(*stub.told + lease);
  }
  for (const auto& [uid, port] : undrained_) {
    consider(port.since + kLeasesOfWaiting * lease);
    for (const Undrained::Path& path : port.paths) {
      if (path.until) consider(*path.until);
    }
  }
  for (const auto& [port, waiting] : waiting_) consider(waiting.since + kLeasesOfWaiting * lease);
  return first;
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
  }
  for (const auto& [port, waiting] : waiting_) {
    for (const ipc::MessagePtr& message : waiting.messages) visit_rights(*message, visitor);
  }
}

void Moves::add_to(PortRow& row) const {
  if (const auto stub = stubs_.find(row.uid); stub != stubs_.end()) row.stub = row_of(stub->second);
  if (const auto here = undrained_.find(row.uid); here != undrained_.end())
    row.undrained = row_of(here->second);
  if (const auto waiting = waiting_.find(row.port); waiting != waiting_.end())
    row.held_back = waiting->second.messages.size();
}

std::uint64_t Moves::digest() const {
  std::uint64_t digest = waiting_.size();
  for (const auto& [uid, stub] : stubs_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), stub.epoch), stub.waiting.size());
  }
  for (const auto& [uid, port] : undrained_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), port.epoch), port.paths.size());
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
    NETMSG_CHECK(!port.paths.empty());
  }
  for (const auto& [port, waiting] : waiting_) NETMSG_CHECK(!waiting.messages.empty());
}

}  // namespace netmsg::proxy
