// SPDX-License-Identifier: Apache-2.0
#include "proxy/holders.h"

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/hash.h"

namespace netmsg::proxy {

Holders::~Holders() {
  NETMSG_CHECK(entries_.empty());
}

Holder& Holders::obtain(const PortUid& uid, std::uint32_t room) {
  Holder& holder = entries_[uid];
  if (!holder.proxy) {
    holder.proxy = engine_.make_remote_port(room);
    registry_.add_proxy(holder.port(), uid, peer_);
    holder.room = room;
  }
  return holder;
}

Holder* Holders::find(const PortUid& uid) {
  const auto found = entries_.find(uid);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<Holder> Holders::take(const PortUid& uid) {
  auto node = entries_.extract(uid);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::optional<Holder> Holders::remove(const PortUid& uid) {
  auto node = entries_.extract(uid);
  if (node.empty()) return std::nullopt;
  registry_.remove(node.mapped().port());
  return std::move(node.mapped());
}

void Holders::drop_all(DeathNumber why) {
  auto all = entries_.take();
  for (const auto& [uid, holder] : all) holder.port().death = why;
  while (!all.empty()) {
    registry_.remove(all.begin()->second.port());
    all.erase(all.begin());
  }
}

void Holders::for_each(const std::function<void(const PortUid&, const Holder&)>& visit) const {
  for (const auto& [uid, holder] : entries_) visit(uid, holder);
}

std::uint64_t Holders::digest() const {
  std::uint64_t digest = 0;
  for (const auto& [uid, holder] : entries_) {
    digest = mix_in(mix_in(mix_in(digest, digest_of(uid)), holder.received), holder.room);
  }
  return digest;
}

void Holders::check_invariants() const {
  for (const auto& [uid, holder] : entries_) {
    const Registry::Entry* known = std::as_const(registry_).find(uid);
    NETMSG_CHECK(known != nullptr);
    NETMSG_CHECK(known->port.get() == &holder.port());
    NETMSG_CHECK(known->home == peer_);
    NETMSG_CHECK(holder.port().srights() == 0 || holder.received > 0);
    NETMSG_CHECK(holder.reported <= holder.received);
  }
}

}  // namespace netmsg::proxy
