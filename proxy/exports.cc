// SPDX-License-Identifier: Apache-2.0
#include "proxy/exports.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

Exports::~Exports() {
  NETMSG_CHECK(entries_.empty());
}

PortUid Exports::grant(ipc::SendRight right, std::optional<std::uint32_t> room) {
  const PortUid uid = registry_.share(*right.port(), peer_);
  Entry& entry = entries_[uid];
  // All units share the first one's right: that of another unit ends here, never as the last of its port.
  if (entry.granted > 0 && broken(Rule::kGrantEachUnit)) return uid;
  discount(entry);
  if (++entry.granted == 1) entry.right = std::move(right);
  ++entry.granted_since;
  count(entry);
  tell_with_unit(uid, room);
  return uid;
}

PortUid Exports::grant_once(ipc::SendOnceRight right, std::optional<std::uint32_t> room) {
  const PortUid uid = registry_.share(*right.port(), peer_);
  Entry& entry = entries_[uid];
  discount(entry);
  entry.once.push_back(std::move(right));
  ++entry.once_since;
  count(entry);
  tell_with_unit(uid, room);
  return uid;
}

void Exports::tell_with_unit(const PortUid& uid, std::optional<std::uint32_t> room) {
  if (room) {
    told_rooms_.one_more(uid, *room);
  } else if (told_rooms_.one_more_unseen(uid)) {
    registry_.mark_dirty(uid);
  }
}

ipc::SendRight Exports::use(const PortUid& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end() || found->second.granted == 0) return {};
  return found->second.right.duplicate();
}

ipc::SendOnceRight Exports::use_once(const PortUid& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end() || found->second.once.empty()) return {};
  if (broken(Rule::kOnceIsUsedUp)) return ipc::SendOnceRight::mint(*found->second.once.back().port());
  Entry& entry = found->second;
  discount(entry);
  ipc::SendOnceRight right = std::move(entry.once.back());
  entry.once.pop_back();
  entry.once_reported.at_most(entry.once.size());
  count(entry);
  erase_if_empty(uid);
  return right;
}

bool Exports::release(const PortUid& uid, std::uint64_t units) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return true;
  Entry& entry = found->second;
  if (units > entry.granted && entry.reported == 0) return false;
  units = std::min(units, entry.granted);
  discount(entry);
  entry.granted = broken(Rule::kReleaseWhatCame) ? 0 : entry.granted - units;
  entry.reported = std::min(entry.reported, entry.granted);
  const ipc::SendRight given_up = entry.granted == 0 ? std::move(entry.right) : ipc::SendRight();
  count(entry);
  erase_if_empty(uid);
  return true;  // the right goes last: what follows from that finds the tables in order
}

void Exports::release_reported(const PortUid& uid, std::uint64_t units) {
  const auto found = entries_.find(uid);
  if (found != entries_.end()) (void)release(uid, std::min(units, found->second.reported));
}

// In order, so that notifications come in one that a seed reproduces.
Units Exports::take(const PortUid& uid) {
  auto node = entries_.extract(uid);
  if (node.empty()) return {};
  discount(node.mapped());
  told_rooms_.forget(uid);
  return std::move(node.mapped());
}

void Exports::adopt(ipc::Port& port, Units units) {
  if (units.empty()) return;
  const PortUid uid = registry_.share(port, peer_);
  Entry& entry = entries_[uid];
  discount(entry);
  entry.add(std::move(units));
  count(entry);
  told_rooms_.forget(uid);
}

void Exports::ask_back(const PortUid& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  found->second.granted_since = 0;
  found->second.once_since = 0;
}

// The rights go last: what follows from that finds the tables in order.
void Exports::resync(const PortUid& uid, std::uint64_t send, std::uint64_t send_once) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  Units gone;
  discount(entry);
  entry.granted = std::min(entry.granted, std::min(send, entry.granted) + entry.granted_since);
  if (entry.granted == 0) gone.right = std::move(entry.right);
  const std::uint64_t kept = std::min<std::uint64_t>(send_once, entry.once.size()) + entry.once_since;
  while (entry.once.size() > kept) {
    gone.once.push_back(std::move(entry.once.back()));
    entry.once.pop_back();
  }
  entry.reported = std::min(entry.reported, entry.granted);
  entry.once_reported.at_most(entry.once.size());
  count(entry);
  erase_if_empty(uid);
}

void Exports::drop_all() {
  auto all = entries_.take();
  send_once_units_ = reported_ports_ = 0;
  reported_once_ = 0;
  while (!all.empty()) {
    if (broken(Rule::kOnceOutlivesTheHolder)) {
      for (ipc::SendOnceRight& right : all.begin()->second.once) right.consume();
    }
    registry_.unshare(all.begin()->first, peer_);
    all.erase(all.begin());
  }
}

bool Exports::has_send_units(const PortUid& uid) const {
  const auto found = entries_.find(uid);
  return found != entries_.end() && found->second.granted > 0;
}

void Exports::for_each(
    const std::function<void(const PortUid&, std::uint64_t, std::uint64_t, const ipc::Port&)>& visit) const {
  for (const auto& [uid, entry] : entries_) {
    visit(uid, entry.granted, entry.once.size(), *registry_.find(uid)->port);
  }
}

void Exports::for_each_right(const std::function<void(const ipc::Port&)>& send,
                             const std::function<void(const ipc::Port&)>& send_once) const {
  for (const auto& [uid, entry] : entries_) {
    if (entry.right) send(*entry.right.port());
    for (const ipc::SendOnceRight& right : entry.once) send_once(*right.port());
  }
}

std::uint64_t Exports::digest() const {
  std::uint64_t digest = 0;
  for (const auto& [uid, entry] : entries_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), entry.granted), entry.once.size());
  }
  return digest;
}

void Exports::check_invariants() const {
  std::size_t once = 0;
  std::size_t reported_ports = 0;
  std::uint64_t reported_once = 0;
  for (const auto& [uid, entry] : entries_) {
    NETMSG_CHECK(entry.granted > 0 || !entry.once.empty());
    NETMSG_CHECK((entry.granted > 0) == static_cast<bool>(entry.right));
    const Registry::Entry* known = std::as_const(registry_).find(uid);
    NETMSG_CHECK(known != nullptr);
    NETMSG_CHECK(std::count(known->peers.begin(), known->peers.end(), peer_) == 1);
    NETMSG_CHECK(!known->home);
    NETMSG_CHECK(entry.reported <= entry.granted && entry.once_reported.count() <= entry.once.size());
    once += entry.once.size();
    reported_ports += entry.only_reported() ? 1 : 0;
    reported_once += entry.once_reported.count();
  }
  NETMSG_CHECK(once == send_once_units_);
  NETMSG_CHECK(reported_ports == reported_ports_ && reported_once == reported_once_);
}

void Exports::discount(const Entry& entry) {
  send_once_units_ -= entry.once.size();
  reported_once_ -= entry.once_reported.count();
  reported_ports_ -= entry.only_reported() ? 1 : 0;
}

void Exports::count(const Entry& entry) {
  send_once_units_ += entry.once.size();
  reported_once_ += entry.once_reported.count();
  reported_ports_ += entry.only_reported() ? 1 : 0;
}

void Exports::erase_if_empty(const PortUid& uid) {
  const Entry& entry = entries_.at(uid);
  if (entry.granted == 0 && entry.once.empty()) erase(uid);
}

void Exports::erase(const PortUid& uid) {
  const auto node = entries_.extract(uid);
  if (node.empty()) return;
  discount(node.mapped());
  told_rooms_.forget(uid);
  registry_.unshare(uid, peer_);
}

}  // namespace netmsg::proxy
