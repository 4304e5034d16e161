// SPDX-License-Identifier: Apache-2.0
#include "proxy/exports.h"

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

ExportRegistry::~ExportRegistry() {
  for (auto& [serial, entry] : entries_) {
    NETMSG_CHECK(serial == kNameServiceSerial);
    NETMSG_CHECK(entry.peers.empty());
    entry.port->link_slot = 0;
  }
}

void ExportRegistry::add_name_service(ipc::Port& port) {
  NETMSG_CHECK(port.link_slot == 0);
  entries_[kNameServiceSerial].port = ipc::PortRef(&port);
  port.link_slot = export_slot(kNameServiceSerial);
}

Serial ExportRegistry::share(ipc::Port& port, PeerIndex peer) {
  if (port.link_slot == 0) {
    port.link_slot = export_slot(next_serial_);
    entries_[next_serial_++].port = ipc::PortRef(&port);
  }
  const Serial serial = exported_serial(port.link_slot);
  std::vector<PeerIndex>& peers = find(serial)->peers;
  if (std::find(peers.begin(), peers.end(), peer) == peers.end()) peers.push_back(peer);
  return serial;
}

void ExportRegistry::unshare(Serial serial, PeerIndex peer) {
  Entry* entry = find(serial);
  if (entry == nullptr) return;
  entry->peers.erase(std::remove(entry->peers.begin(), entry->peers.end(), peer), entry->peers.end());
  if (!entry->peers.empty() || serial == kNameServiceSerial) return;
  entry->port->link_slot = 0;
  entries_.erase(serial);
  if (broken(Rule::kSerialsAreNew)) next_serial_ = serial;
}

ExportRegistry::Entry ExportRegistry::remove(Serial serial) {
  const auto node = entries_.extract(serial);
  if (node.empty()) return {};
  node.mapped().port->link_slot = 0;
  return std::move(node.mapped());
}

ExportRegistry::Entry* ExportRegistry::find(Serial serial) {
  const auto found = entries_.find(serial);
  return found == entries_.end() ? nullptr : &found->second;
}

void ExportRegistry::mark_dirty(Serial serial) {
  Entry* entry = find(serial);
  if (entry == nullptr || std::exchange(entry->dirty, true)) return;
  dirty_.push_back(serial);
}

std::vector<Serial> ExportRegistry::take_dirty() {
  for (const Serial serial : dirty_) {
    if (Entry* entry = find(serial)) entry->dirty = false;
  }
  return std::exchange(dirty_, {});
}

Exports::~Exports() {
  NETMSG_CHECK(entries_.empty());
}

Serial Exports::grant(ipc::SendRight right) {
  const Serial serial = registry_.share(*right.port(), peer_);
  Entry& entry = entries_[serial];
  // All units share the first one's right: that of another unit ends here, never as the last of its port.
  if (entry.granted > 0 && broken(Rule::kGrantEachUnit)) return serial;
  if (++entry.granted == 1) entry.right = std::move(right);
  return serial;
}

Serial Exports::grant_once(ipc::SendOnceRight right) {
  const Serial serial = registry_.share(*right.port(), peer_);
  entries_[serial].once.push_back(std::move(right));
  ++send_once_units_;
  return serial;
}

ipc::SendRight Exports::use(Serial serial) {
  const auto found = entries_.find(serial);
  if (found == entries_.end() || found->second.granted == 0) return {};
  return found->second.right.duplicate();
}

ipc::SendOnceRight Exports::use_once(Serial serial) {
  const auto found = entries_.find(serial);
  if (found == entries_.end() || found->second.once.empty()) return {};
  if (broken(Rule::kOnceIsUsedUp)) return ipc::SendOnceRight::mint(*found->second.once.back().port());
  ipc::SendOnceRight right = std::move(found->second.once.back());
  found->second.once.pop_back();
  --send_once_units_;
  erase_if_empty(serial);
  return right;
}

bool Exports::release(Serial serial, std::uint64_t units) {
  const auto found = entries_.find(serial);
  if (found == entries_.end()) return true;
  Entry& entry = found->second;
  if (units > entry.granted) return false;
  entry.granted = broken(Rule::kReleaseWhatCame) ? 0 : entry.granted - units;
  const ipc::SendRight given_up = entry.granted == 0 ? std::move(entry.right) : ipc::SendRight();
  erase_if_empty(serial);
  return true;  // the right goes last: what follows from that finds the tables in order
}

// In the order of serials, so that notifications come in an order that a seed reproduces.
void Exports::drop_all() {
  auto all = std::exchange(entries_, {});
  send_once_units_ = 0;
  std::vector<Serial> serials;
  serials.reserve(all.size());
  for (const auto& [serial, entry] : all) serials.push_back(serial);
  std::sort(serials.begin(), serials.end());
  for (const Serial serial : serials) {
    if (broken(Rule::kOnceOutlivesTheHolder)) {
      for (ipc::SendOnceRight& right : all.at(serial).once) right.consume();
    }
    registry_.unshare(serial, peer_);
    all.erase(serial);
  }
}

bool Exports::has_send_units(Serial serial) const {
  const auto found = entries_.find(serial);
  return found != entries_.end() && found->second.granted > 0;
}

void Exports::for_each(
    const std::function<void(Serial, std::uint64_t, std::uint64_t, const ipc::Port&)>& visit) const {
  std::map<Serial, const Entry*> sorted;
  for (const auto& [serial, entry] : entries_) sorted.emplace(serial, &entry);
  for (const auto& [serial, entry] : sorted) {
    visit(serial, entry->granted, entry->once.size(), *registry_.find(serial)->port);
  }
}

void Exports::for_each_right(const std::function<void(const ipc::Port&)>& send,
                             const std::function<void(const ipc::Port&)>& send_once) const {
  for (const auto& [serial, entry] : entries_) {
    if (entry.right) send(*entry.right.port());
    for (const ipc::SendOnceRight& right : entry.once) send_once(*right.port());
  }
}

std::uint64_t Exports::digest() const {
  std::uint64_t digest = 0;
  for (const auto& [serial, entry] : entries_) {
    digest += mix_in(mix_in(mix(serial), entry.granted), entry.once.size());  // in any order
  }
  return digest;
}

void Exports::check_invariants() const {
  std::size_t once = 0;
  for (const auto& [serial, entry] : entries_) {
    NETMSG_CHECK(entry.granted > 0 || !entry.once.empty());
    NETMSG_CHECK((entry.granted > 0) == static_cast<bool>(entry.right));
    const ExportRegistry::Entry* known = registry_.find(serial);
    NETMSG_CHECK(known != nullptr);
    NETMSG_CHECK(std::count(known->peers.begin(), known->peers.end(), peer_) == 1);
    NETMSG_CHECK(known->port->link_slot == export_slot(serial));
    once += entry.once.size();
  }
  NETMSG_CHECK(once == send_once_units_);
}

void Exports::erase_if_empty(Serial serial) {
  const Entry& entry = entries_.at(serial);
  if (entry.granted == 0 && entry.once.empty()) erase(serial);
}

void Exports::erase(Serial serial) {
  const auto node = entries_.extract(serial);
  if (node.empty()) return;
  send_once_units_ -= node.mapped().once.size();
  registry_.unshare(serial, peer_);
}

}  // namespace netmsg::proxy
