// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

Registry::~Registry() {
  for (const auto& [uid, slot] : by_uid_) {
    Entry& entry = entries_[slot - 1];
    NETMSG_CHECK(uid == (PortUid{us_, kNameServiceSerial}));
    NETMSG_CHECK(entry.peers.empty());
    entry.port->link_slot = 0;
  }
}

Registry::Entry* Registry::find(const ipc::Port& port) {
  return port.link_slot == 0 ? nullptr : &entries_[port.link_slot - 1];
}

const Registry::Entry* Registry::find(const ipc::Port& port) const {
  return port.link_slot == 0 ? nullptr : &entries_[port.link_slot - 1];
}

Registry::Entry* Registry::find(const PortUid& uid) {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : &entries_[found->second - 1];
}

const Registry::Entry* Registry::find(const PortUid& uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : &entries_[found->second - 1];
}

void Registry::add_name_service(ipc::Port& port) {
  add(port, {us_, kNameServiceSerial});
}

PortUid Registry::share(ipc::Port& port, PeerIndex peer) {
  Entry* known = find(port);
  Entry& entry = known != nullptr ? *known : add(port, {us_, next_serial_++});
  std::vector<PeerIndex>& peers = entry.peers;
  if (std::find(peers.begin(), peers.end(), peer) == peers.end()) peers.push_back(peer);
  return entry.uid;
}

void Registry::unshare(const PortUid& uid, PeerIndex peer) {
  Entry* entry = find(uid);
  if (entry == nullptr) return;
  entry->peers.erase(std::remove(entry->peers.begin(), entry->peers.end(), peer), entry->peers.end());
  forget_if_unknown(*entry);
}

void Registry::forget_if_unknown(Entry& entry) {
  if (!entry.peers.empty() || entry.undrained || entry.uid.serial == kNameServiceSerial) return;
  if (!entry.parked.empty() || entry.pins > 0 || entry.home) return;
  const Serial serial = entry.uid.serial;
  remove(*entry.port);
  if (broken(Rule::kSerialsAreNew)) next_serial_ = serial;
}

Registry::Entry& Registry::leave(ipc::Port& port, PeerIndex home) {
  Entry* known = find(port);
  Entry& entry = known != nullptr ? *known : add(port, {us_, next_serial_++});
  entry.home = home;
  ++entry.epoch;
  return entry;
}

Registry::Entry& Registry::arrive(ipc::Port& port, const PortUid& uid, std::uint32_t epoch) {
  Entry* known = find(port);
  Entry& entry = known != nullptr ? *known : add(port, uid);
  entry.home.reset();
  entry.epoch = epoch;
  entry.undrained = true;
  return entry;
}

void Registry::drained(const PortUid& uid) {
  Entry& entry = *find(uid);
  entry.undrained = false;
  forget_if_unknown(entry);
}

std::uint64_t Registry::pin(const PortUid& uid) {
  Entry* entry = find(uid);
  if (entry == nullptr) return 0;
  ++entry->pins;
  return entry->life;
}

// A port that has died meanwhile has no entry, and no other port ever has its uid.
void Registry::unpin(const PortUid& uid, std::uint64_t life) {
  Entry* entry = find(uid);
  if (entry == nullptr || entry->life != life) return;
  --entry->pins;
  forget_if_unknown(*entry);
}

PortUid Registry::park(ipc::Port& port, PeerIndex peer) {
  Entry* known = find(port);
  Entry& entry = known != nullptr ? *known : add(port, {us_, next_serial_++});
  ++entry.parked[peer];
  return entry.uid;
}

void Registry::unpark(const PortUid& uid, PeerIndex peer) {
  Entry* entry = find(uid);
  if (entry == nullptr) return;
  const auto parked = entry->parked.find(peer);
  if (--parked->second > 0) return;
  entry->parked.erase(parked);
  forget_if_unknown(*entry);
}

std::uint32_t Registry::parked(const PortUid& uid, PeerIndex peer) const {
  const Entry* entry = find(uid);
  if (entry == nullptr) return 0;
  const auto parked = entry->parked.find(peer);
  return parked == entry->parked.end() ? 0 : parked->second;
}

std::uint32_t Registry::room_for(const ipc::Port& port, PeerIndex peer) const {
  const std::uint32_t room = port.room();
  const Entry* entry = find(port);
  if (entry == nullptr || entry->parked.empty()) return room;
  return room - std::min(room, parked(entry->uid, peer));
}

void Registry::add_proxy(ipc::Port& proxy, const PortUid& uid, PeerIndex home) {
  add(proxy, uid).home = home;
}

Registry::Entry Registry::remove(const ipc::Port& port) {
  Entry* entry = find(port);
  NETMSG_CHECK(entry != nullptr);
  free_.push_back(port.link_slot);
  by_uid_.erase(entry->uid);
  entry->port->link_slot = 0;
  return std::exchange(*entry, {});
}

Registry::Entry& Registry::add(ipc::Port& port, const PortUid& uid) {
  NETMSG_CHECK(port.link_slot == 0);
  if (free_.empty()) {
    entries_.emplace_back();
    free_.push_back(entries_.size());
  }
  const std::uint64_t slot = free_.back();
  NETMSG_CHECK(by_uid_.emplace(uid, slot).second);
  free_.pop_back();
  port.link_slot = slot;
  Entry& entry = entries_[slot - 1];
  entry.uid = uid;
  entry.life = ++lives_;
  entry.port = ipc::PortRef(&port);
  return entry;
}

void Registry::mark_dirty(Entry* entry) {
  if (entry == nullptr || std::exchange(entry->dirty, true)) return;
  dirty_.push_back(entry->port->link_slot);
}

std::vector<const Registry::Entry*> Registry::take_dirty() {
  std::vector<const Entry*> all;
  all.reserve(dirty_.size());
  for (const std::uint64_t slot : dirty_) {
    Entry& entry = entries_[slot - 1];
    if (std::exchange(entry.dirty, false)) all.push_back(&entry);
  }
  dirty_.clear();
  return all;
}

void Registry::check_invariants() const {
  NETMSG_CHECK(by_uid_.size() + free_.size() == entries_.size());
  for (const auto& [uid, slot] : by_uid_) {
    const Entry& entry = entries_[slot - 1];
    NETMSG_CHECK(entry.uid == uid);
    NETMSG_CHECK(entry.port->link_slot == slot);
    NETMSG_CHECK(entry.port->remote() == entry.home.has_value());
    NETMSG_CHECK(!entry.home || entry.peers.empty());
  }
}

}  // namespace netmsg::proxy
