// SPDX-License-Identifier: Apache-2.0
// Ports of ours that others know: the home's side of the tables (peer.proto, EXPORTS).
//
//   ExportRegistry   one for the daemon: which port has which serial, and which peers have units of it
//   Exports          one for each session: the units that one peer holds, as rights in the engine's books
//
//   Port --link_slot--> ExportRegistry::Entry --PeerIndex--> Exports::Entry
//     ^                                                            |
//     +-------------- SendRight, SendOnceRight --------------------+
//
// A port is in the registry from the first unit to the last one (the name-service port: always). Owner thread
// only, inside an Event: giving up rights has consequences.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "daemon/ipc/port.h"
#include "daemon/ipc/right.h"
#include "proxy/link_slot.h"
#include "proxy/net_id.h"

namespace netmsg::proxy {

class ExportRegistry {
 public:
  struct Entry {
    ipc::PortRef port;
    std::vector<PeerIndex> peers;  // that have units; each once
    bool dirty = false;            // in dirty_
  };

  ExportRegistry() = default;
  ExportRegistry(const ExportRegistry&) = delete;
  ExportRegistry& operator=(const ExportRegistry&) = delete;
  ~ExportRegistry();  // REQUIRES: no peer has units

  // Gives the name-service port its serial, for good.
  void add_name_service(ipc::Port& port);
  // The port's serial, a new one if it has none; from now on `peer` is among those that know it.
  Serial share(ipc::Port& port, PeerIndex peer);
  // `peer` has no units any more. Does nothing for serials that are not there.
  void unshare(Serial serial, PeerIndex peer);
  // The port has died: takes the entry out. An empty one if there is none.
  Entry remove(Serial serial);
  // Null if there is none.
  Entry* find(Serial serial);

  // The peers that have units shall be told the port's room
  // when the event ends. Does nothing for unknown serials.
  void mark_dirty(Serial serial);
  std::vector<Serial> take_dirty();

 private:
  std::unordered_map<Serial, Entry> entries_;
  std::vector<Serial> dirty_;
  Serial next_serial_ = kNameServiceSerial + 1;
};

class Exports {
 public:
  Exports(ExportRegistry& registry, PeerIndex peer) : registry_(registry), peer_(peer) {}
  Exports(const Exports&) = delete;
  Exports& operator=(const Exports&) = delete;
  ~Exports();  // REQUIRES: empty (drop_all)

  // Hands one unit to the peer (R1); the right goes into our books for it. Returns the serial to tell.
  // REQUIRES: the port is alive and not a proxy.
  Serial grant(ipc::SendRight right);
  Serial grant_once(ipc::SendOnceRight right);

  // R8: the right that the peer may use because it holds a unit; empty if it does not. A send unit stays, a
  // send-once unit is used up.
  ipc::SendRight use(Serial serial);
  ipc::SendOnceRight use_once(Serial serial);

  // R4. False if that is more than the peer holds (nothing happens). Unknown serials are a race: true.
  bool release(Serial serial, std::uint64_t units);
  // The port has died; its rights are worthless.
  void forget(Serial serial) { erase(serial); }
  // D1: takes everything back. No-senders and send-once notifications follow.
  void drop_all();

  bool has_send_units(Serial serial) const;
  std::size_t ports() const { return entries_.size(); }
  std::size_t send_once_units() const { return send_once_units_; }

  // In ascending order of serials.
  void for_each(const std::function<void(Serial, std::uint64_t send, std::uint64_t send_once,
                                         const ipc::Port&)>& visit) const;
  // Each unit's right once, for audit.
  void for_each_right(const std::function<void(const ipc::Port&)>& send,
                      const std::function<void(const ipc::Port&)>& send_once) const;
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  struct Entry {
    std::uint64_t granted = 0;
    ipc::SendRight right;  // there while granted > 0
    std::vector<ipc::SendOnceRight> once;
  };

  void erase_if_empty(Serial serial);
  void erase(Serial serial);

  ExportRegistry& registry_;
  const PeerIndex peer_;
  std::unordered_map<Serial, Entry> entries_;
  std::size_t send_once_units_ = 0;
};

}  // namespace netmsg::proxy
