// SPDX-License-Identifier: Apache-2.0
// Ports at home at one peer that we have proxies for: the holder's side of the tables (peer.proto, HOLDERS). One for
// each session. An entry owns its proxy: taking it out and dropping it kills the proxy (dead names) unless
// nobody had rights to it. Owner thread only, inside an Event.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/right.h"
#include "proxy/deaths.h"
#include "proxy/registry.h"
#include "proxy/uid_map.h"

namespace netmsg::proxy {

struct Holder {
  ipc::ReceiveRight proxy;
  std::uint64_t received = 0;  // send units that came and were not given back
  std::uint64_t reported = 0;  // of these: the home has heard of them from an old home only ...
  Origin reported_by;          // ... this one
  std::uint32_t room = 0;      // as the home has last told it ...
  FrameNumber as_of = 0;       // ... knowing our frames up to this one

  ipc::Port& port() const { return *proxy.port(); }
};

class Holders {
 public:
  Holders(ipc::Engine& engine, Registry& registry, PeerIndex peer)
      : engine_(engine), registry_(registry), peer_(peer) {}
  Holders(const Holders&) = delete;
  Holders& operator=(const Holders&) = delete;
  ~Holders();  // REQUIRES: empty (drop_all)

  // The entry of the peer's port, made if there is none, with its window at `room`. REQUIRES: the registry has no
  // other entry for it.
  Holder& obtain(const PortUid& uid, std::uint32_t room);
  // Null if there is none.
  Holder* find(const PortUid& uid);
  bool contains(const PortUid& uid) const { return entries_.contains(uid); }
  // A port that leaves for the peer: its proxy comes by settle(), in the same event.
  void expect(const PortUid& uid, std::uint64_t received) { entries_[uid].received = received; }
  void settle(const PortUid& uid, ipc::ReceiveRight proxy) { entries_.at(uid).proxy = std::move(proxy); }
  // An entry with a live proxy, from another session or to one. The registry's part is the caller's.
  std::optional<Holder> take(const PortUid& uid);
  void adopt(const PortUid& uid, Holder holder) { entries_.emplace(uid, std::move(holder)); }
  // Takes the entry out; nullopt if there is none.
  std::optional<Holder> remove(const PortUid& uid);
  // D2: all proxies die, for this reason.
  void drop_all(DeathNumber why);

  std::size_t size() const { return entries_.size(); }
  void for_each(const std::function<void(const PortUid&, const Holder&)>& visit) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  ipc::Engine& engine_;
  Registry& registry_;
  const PeerIndex peer_;
  UidMap<Holder> entries_;
};

}  // namespace netmsg::proxy
