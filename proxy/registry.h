// SPDX-License-Identifier: Apache-2.0
// Every port of this daemon that has a uid: those at home here that others know, and the proxies. One for the daemon;
// it counts nothing and owns no right (exports.h and holders.h do, one for each session).
//
//   Port --link_slot--> Registry::Entry --PeerIndex--> Exports, Holders of that session
//     ^                       |
//     +------- PortRef -------+
//
//   entry          is there
//   at home here   from the first unit to the last one, and while messages for it are parked (the name-service port:
//                  always), or until the port dies
//   proxy          as long as the proxy; at most one for a uid, whatever session it came by (I9)
//
// Owner thread only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/ipc/port.h"
#include "daemon/ipc/right.h"
#include "proxy/link_slot.h"
#include "proxy/port_uid.h"
#include "proxy/uid_map.h"

namespace netmsg::proxy {

class Registry {
 public:
  struct Entry {
    PortUid uid;
    ipc::PortRef port;              // empty: the place is free
    std::optional<PeerIndex> home;  // of a proxy: whose session it lives by
    std::vector<PeerIndex> peers;   // of a port at home here: those that have units, each once
    bool dirty = false;             // its slot is in dirty_
    std::uint32_t epoch = 0;        // how often the receive right has gone from one daemon to another
    bool undrained = false;         // at home here, and some may still send by way of the old home: it stays
    // Of a port at home here: how many messages of each peer wait to be queued (parking.h), above 0.
    std::map<PeerIndex, std::uint32_t> parked{};
    std::uint32_t pins = 0;  // see RegistryPin
    std::uint64_t life = 0;  // no two entries have the same: a port may be forgotten and come again
  };

  explicit Registry(const Origin& us) : us_(us) {}
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();  // REQUIRES: no proxies, and no peer has units

  const Origin& us() const { return us_; }

  // Null if there is none. Valid until the entry is removed.
  Entry* find(const ipc::Port& port);
  const Entry* find(const ipc::Port& port) const;
  Entry* find(const PortUid& uid);
  const Entry* find(const PortUid& uid) const;
  // Has a port of this uid ever been exported by this run of ours?
  bool given_out(const PortUid& uid) const { return uid.origin == us_ && uid.serial < next_serial_; }

  // --- ports at home here ---
  // Gives the name-service port its serial, for good.
  void add_name_service(ipc::Port& port);
  // The port's uid, a new one if it has none; from now on `peer` is among those that know it.
  // REQUIRES: alive and not a proxy.
  PortUid share(ipc::Port& port, PeerIndex peer);
  // `peer` has no units any more. Does nothing for uids that are not there.
  void unshare(const PortUid& uid, PeerIndex peer);

  // A message of this peer's for the port waits, or waits no more. Returns the port's uid, a new one if it has none.
  PortUid park(ipc::Port& port, PeerIndex peer);
  // Does nothing for uids that are not there.
  void unpark(const PortUid& uid, PeerIndex peer);
  // How many of this peer's messages for the port wait.
  std::uint32_t parked(const PortUid& uid, PeerIndex peer) const;
  // How many more messages this peer may send to the port: what it has parked there counts against it, and only it.
  std::uint32_t room_for(const ipc::Port& port, PeerIndex peer) const;

  // Returns the entry's life; 0, and nothing is done, for a uid that is not there. unpin() does nothing if the entry of that
  // life is gone.
  std::uint64_t pin(const PortUid& uid);
  void unpin(const PortUid& uid, std::uint64_t life);

  // The peers that have units shall be told the port's room with what is written next. Does nothing for uids that are
  // not there.
  void mark_dirty(const PortUid& uid) { mark_dirty(find(uid)); }
  void mark_dirty(const ipc::Port& port) { mark_dirty(find(port)); }
  bool has_dirty() const { return !dirty_.empty(); }
  // Those that are still there, each once, in order. Valid until an entry is removed.
  std::vector<const Entry*> take_dirty();

  // --- proxies ---
  // REQUIRES: no entry for `uid`.
  void add_proxy(ipc::Port& proxy, const PortUid& uid, PeerIndex home);

  // --- ports that move ---
  // A port at home here goes to `home`, and is a proxy from now on; it gets a uid if it has none.
  Entry& leave(ipc::Port& port, PeerIndex home);
  // A proxy, or a port without a uid, is at home here from now on. It is undrained until drained().
  Entry& arrive(ipc::Port& port, const PortUid& uid, std::uint32_t epoch);
  void drained(const PortUid& uid);
  // A proxy lives by another session.
  void retarget(const PortUid& uid, PeerIndex home) { find(uid)->home = home; }

  // The port has died, or is about to: takes the entry out. REQUIRES: there is one.
  Entry remove(const ipc::Port& port);

  void check_invariants() const;

 private:
  Entry& add(ipc::Port& port, const PortUid& uid);
  void mark_dirty(Entry* entry);
  void forget_if_unknown(Entry& entry);

  const Origin us_;
  std::deque<Entry> entries_;         // by link_slot - 1
  std::vector<std::uint64_t> free_;   // slots
  UidMap<std::uint64_t> by_uid_;      // slots
  std::vector<std::uint64_t> dirty_;  // slots; whose entry is not dirty has gone
  Serial next_serial_ = kNameServiceSerial + 1;
  std::uint64_t lives_ = 0;
};

// Keeps the entry of a port at home here, or of one that comes home, and with it the port's uid, while nobody may have units
// of it.
class RegistryPin {
 public:
  RegistryPin() = default;
  RegistryPin(Registry& registry, const PortUid& uid)
      : registry_(&registry), uid_(uid), life_(registry.pin(uid)) {}
  RegistryPin(RegistryPin&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), uid_(other.uid_), life_(other.life_) {}
  RegistryPin& operator=(RegistryPin&& other) noexcept {
    std::swap(registry_, other.registry_);
    std::swap(uid_, other.uid_);
    std::swap(life_, other.life_);
    return *this;
  }
  ~RegistryPin() {
    if (registry_ != nullptr) registry_->unpin(uid_, life_);
  }

 private:
  Registry* registry_ = nullptr;
  PortUid uid_;
  std::uint64_t life_ = 0;
};

}  // namespace netmsg::proxy
