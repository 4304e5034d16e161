// SPDX-License-Identifier: Apache-2.0
// Ports at home here that one peer knows: the home's side of the tables (peer.proto, EXPORTS). One for each session:
// the units that the peer holds, as rights in the engine's books.
//
//   Port --link_slot--> Registry::Entry --PeerIndex--> Exports::Entry
//     ^                                                      |
//     +-------------- SendRight, SendOnceRight --------------+
//
// Owner thread only, inside an Event: giving up rights has consequences.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/ipc/port.h"
#include "daemon/ipc/right.h"
#include "proxy/registry.h"
#include "proxy/told_rooms.h"
#include "proxy/uid_map.h"
#include "proxy/units.h"

namespace netmsg::proxy {

class Exports {
 public:
  Exports(Registry& registry, PeerIndex peer) : registry_(registry), peer_(peer) {}
  Exports(const Exports&) = delete;
  Exports& operator=(const Exports&) = delete;
  ~Exports();  // REQUIRES: empty (drop_all)

  // Hands one unit to the peer (R1); the right goes into our books for it. `room`: what the peer is told of the port's room
  // together with it; none: it may not take that for news (a Move, an introduction). Returns the uid to tell. REQUIRES: the port
  // is alive and not a proxy.
  PortUid grant(ipc::SendRight right, std::optional<std::uint32_t> room = std::nullopt);
  PortUid grant_once(ipc::SendOnceRight right, std::optional<std::uint32_t> room = std::nullopt);

  // R8: the right that the peer may use because it holds a unit; empty if it does not. A send unit stays, a
  // send-once unit is used up.
  ipc::SendRight use(const PortUid& uid);
  ipc::SendOnceRight use_once(const PortUid& uid);

  // R4. False if that is more than the peer holds (nothing happens). Unknown uids are a race: true. Where another home has
  // told how many there are, more than that are all.
  bool release(const PortUid& uid, std::uint64_t units);
  // Of those that another home has told of, at most: they count with the peer no more.
  void release_reported(const PortUid& uid, std::uint64_t units);
  // All units of the port, from us or to us: it goes to another home, or has come from one. What is taken is no longer
  // shared as far as the registry knows, which is the caller's to see to.
  Units take(const PortUid& uid);
  void adopt(ipc::Port& port, Units units);
  // Exchange 13: the peer is asked what it has, and says what it had when it was asked. What it does not have any more is
  // given up; nobody gets more than there is.
  void ask_back(const PortUid& uid);
  void resync(const PortUid& uid, std::uint64_t send, std::uint64_t send_once);
  // The port has died; its rights are worthless.
  void forget(const PortUid& uid) { erase(uid); }
  // D1: takes everything back. No-senders and send-once notifications follow.
  void drop_all();

  bool holds(const PortUid& uid) const { return entries_.contains(uid); }
  bool has_send_units(const PortUid& uid) const;
  // Of ports that they have send units of.
  ToldRooms& told_rooms() { return told_rooms_; }
  const ToldRooms& told_rooms() const { return told_rooms_; }
  std::size_t ports() const { return entries_.size(); }
  std::size_t send_once_units() const { return send_once_units_; }
  // Without what is there by another home's word only: it may be nothing that the peer has ever asked for.
  std::size_t own_ports() const { return entries_.size() - reported_ports_; }
  std::size_t own_send_once_units() const {
    return send_once_units_ - static_cast<std::size_t>(reported_once_);
  }

  // In ascending order of uids.
  void for_each(const std::function<void(const PortUid&, std::uint64_t send, std::uint64_t send_once,
                                         const ipc::Port&)>& visit) const;
  // Each unit's right once, for audit.
  void for_each_right(const std::function<void(const ipc::Port&)>& send,
                      const std::function<void(const ipc::Port&)>& send_once) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  using Entry = Units;

  // Before an entry changes, and after.
  void discount(const Entry& entry);
  void count(const Entry& entry);
  void tell_with_unit(const PortUid& uid, std::optional<std::uint32_t> room);
  void erase_if_empty(const PortUid& uid);
  void erase(const PortUid& uid);

  Registry& registry_;
  const PeerIndex peer_;
  UidMap<Entry> entries_;
  std::size_t send_once_units_ = 0;
  std::size_t reported_ports_ = 0;
  std::uint64_t reported_once_ = 0;
  ToldRooms told_rooms_;
};

}  // namespace netmsg::proxy
