// SPDX-License-Identifier: Apache-2.0
#include "proxy/holders.h"

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/hash.h"

namespace netmsg::proxy {

Holders::~Holders() {
  NETMSG_CHECK(entries_.empty());
}

Holder& Holders::obtain(Serial serial, std::uint32_t room) {
  Holder& holder = entries_[serial];
  if (!holder.proxy) {
    holder.proxy = engine_.make_remote_port(proxy_slot(peer_, serial), room);
    holder.room = room;
  }
  return holder;
}

Holder* Holders::find(Serial serial) {
  const auto found = entries_.find(serial);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<Holder> Holders::remove(Serial serial) {
  auto node = entries_.extract(serial);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void Holders::drop_all() {
  auto all = std::exchange(entries_, {});
  while (!all.empty()) all.erase(all.begin());
}

void Holders::for_each(const std::function<void(Serial, const Holder&)>& visit) const {
  for (const auto& [serial, holder] : entries_) visit(serial, holder);
}

std::uint64_t Holders::digest() const {
  std::uint64_t digest = 0;
  for (const auto& [serial, holder] : entries_) {
    digest = mix_in(mix_in(mix_in(digest, serial), holder.received), holder.room);
  }
  return digest;
}

void Holders::check_invariants() const {
  for (const auto& [serial, holder] : entries_) {
    NETMSG_CHECK(holder.port().remote());
    NETMSG_CHECK(holder.port().link_slot == proxy_slot(peer_, serial));
    NETMSG_CHECK(holder.port().srights() == 0 || holder.received > 0);
  }
}

}  // namespace netmsg::proxy
