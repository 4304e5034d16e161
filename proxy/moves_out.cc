// SPDX-License-Identifier: Apache-2.0
// The old home's part (peer.proto, exchanges 12 and 13): the port leaves, and a stub stays.
#include <algorithm>
#include <set>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"
#include "proxy/translate.h"

namespace netmsg::proxy {

namespace {

template <typename Port>
void add_ports(const ipc::Message& message, std::vector<Port*>& ports) {
  for (const ipc::BodyRight& item : message.body) {
    if (item.right.holds_receive() && !item.right.is_dead()) ports.push_back(item.right.port());
  }
}

// M2: by a work list, whatever the depth. Nothing comes twice: a receive right is in one message.
template <typename Port>
void add_queued_ports(std::vector<Port*>& ports) {
  for (std::size_t at = 0; at < ports.size(); ++at) {
    ports[at]->queue.for_each([&](const ipc::Message& each) { add_ports(each, ports); });
  }
}

// A path by us is closed; is lost.
v1::Frame path_close(const Ends& ends, const PortUid& uid, std::uint32_t epoch, const Origin& holder) {
  v1::Frame frame;
  v1::PathClose& close = *frame.mutable_path_close();
  write_uid(ends, uid, *close.mutable_port());
  close.set_epoch(epoch);
  write_origin(holder, *close.mutable_from());
  return frame;
}

v1::Frame path_lost(const Ends& ends, const PortUid& uid, std::uint32_t epoch, const Origin& holder) {
  v1::Frame frame;
  v1::PathLost& lost = *frame.mutable_path_lost();
  write_uid(ends, uid, *lost.mutable_port());
  lost.set_epoch(epoch);
  write_origin(holder, *lost.mutable_from());
  return frame;
}

}  // namespace

std::vector<ipc::Port*> Moves::carried_ports(const ipc::Message& message) {
  std::vector<ipc::Port*> ports;
  add_ports(message, ports);
  add_queued_ports(ports);
  return ports;
}

std::vector<const ipc::Port*> Moves::carried_with(const ipc::Port& port) {
  std::vector<const ipc::Port*> ports{&port};
  add_queued_ports(ports);
  return ports;
}

// --- the port leaves (exchange 12, steps 2 and 3) ---

ipc::MessageQueue Moves::leave(PeerIndex to, ipc::Port& port, v1::Move& wire,
                               std::vector<Introducing>& introducing) {
  Tables& theirs = *sessions_.tables(to);
  Registry::Entry& entry = registry_.leave(port, to);
  NETMSG_CHECK(!entry.undrained);
  const PortUid uid = entry.uid;
  const bool kept = port.srights() > 0 && !broken(Rule::kStubKeepsAUnit);
  ipc::Belongings goes = port.depart();

  Stub stub{.target = to, .epoch = entry.epoch, .told = {}, .port = ipc::PortRef(&port), .guard = {}};
  if (kept) stub.guard = ipc::SendRight::mint(port);
  write_uid(theirs.ends, uid, *wire.mutable_port());
  wire.set_epoch(stub.epoch);
  wire.set_qlimit(goes.qlimit);
  write_holders(uid, stub, std::exchange(entry.peers, {}), wire);
  wire.set_kept(kept);
  wire.set_kept_once(port.sorights());
  theirs.holders.expect(uid, kept ? 1 : 0);
  stubs_.insert_or_assign(uid, std::move(stub));

  if (goes.no_senders_request && !broken(Rule::kRequestsGoAlong)) {
    leave_right(theirs, ipc::CarriedRight(std::move(goes.no_senders_request)), *wire.mutable_no_senders(),
                introducing);
  }
  if (goes.port_destroyed_request) {
    leave_right(theirs, ipc::CarriedRight(std::move(goes.port_destroyed_request)),
                *wire.mutable_port_destroyed(), introducing);
  }
  return std::move(goes.queue);
}

// Their units become the new home's to count; the paths by which they come to us stay open.
void Moves::write_holders(const PortUid& uid, Stub& stub, const std::vector<PeerIndex>& peers,
                          v1::Move& wire) {
  for (const PeerIndex peer : peers) {
    Tables& tables = *sessions_.tables(peer);
    Units units = tables.exports.take(uid);
    v1::Move::Holder& holder = *wire.add_holders();
    write_origin(tables.ends.them, *holder.mutable_daemon());
    holder.set_send(units.granted);
    holder.set_once(units.once.size());
    stub.waiting[peer] = {tables.ends.them, units.granted, units.once.size()};
    units.go();
  }
}

void Moves::left(PeerIndex to, const std::vector<PortUid>& ports, FrameNumber number) {
  for (const PortUid& uid : ports) {
    const auto found = stubs_.find(uid);
    if (found == stubs_.end()) continue;
    found->second.group = number;
    untold_.emplace(to, number, uid);
    Tables& theirs = *sessions_.tables(to);
    if (!theirs.holders.find(uid)->proxy) {  // what carried it could not travel: it has died
      const std::optional<Holder> gone = theirs.holders.take(uid);
      died(to, uid);
      continue;
    }
    if (broken(Rule::kMovedAfterAck)) tell_moved(uid, found->second);
    look_at(uid);
    end_if_done(uid);
    sessions_.look_at(to, uid);
  }
}

// M5.
void Moves::acknowledged(PeerIndex by, FrameNumber number) {
  for (auto at = untold_.lower_bound({by, 0, {}}); at != untold_.end();) {
    const auto& [target, group, uid] = *at;
    if (target != by || group > number) return;
    const auto stub = stubs_.find(uid);
    const bool still = stub != stubs_.end() && stub->second.target == by && stub->second.group == group;
    if (still && !stub->second.told) tell_moved(uid, stub->second);
    at = untold_.erase(at);
  }
}

void Moves::tell_moved(const PortUid& uid, Stub& stub) {
  stub.told = clock_.now();
  due(in_leases(1));
  for (const auto& [peer, path] : stub.waiting) {
    if (path.state != Stub::Path::State::kOpen) continue;
    v1::Frame frame;
    const Ends& to = ends(peer);
    write_uid(to, uid, *frame.mutable_moved()->mutable_port());
    frame.mutable_moved()->set_epoch(stub.epoch);
    write_origin(ends(stub.target).them, *frame.mutable_moved()->mutable_home());
    sessions_.append(peer, frame);
  }
}

// --- what comes by an open path (M4, T4) ---

ipc::CarriedRight Moves::follow(PeerIndex from, const PortUid& uid, ipc::RightType type) {
  const auto stub = stubs_.find(uid);
  if (stub == stubs_.end()) return ipc::CarriedRight::null(type);
  const auto found = stub->second.waiting.find(from);
  if (found == stub->second.waiting.end() || found->second.state != Stub::Path::State::kOpen)
    return ipc::CarriedRight::null(type);
  Stub::Path& path = found->second;
  if (type == ipc::RightType::kSend) {
    if (path.send == 0 || !stub->second.guard) return ipc::CarriedRight::null(type);
    return ipc::CarriedRight(stub->second.guard.duplicate());
  }
  if (path.once == 0) return ipc::CarriedRight::null(type);
  --path.once;
  v1::Frame frame;
  write_uid(ends(stub->second.target), uid, *frame.mutable_handed()->mutable_port());
  write_origin(ends(from).them, *frame.mutable_handed()->mutable_from());
  if (!broken(Rule::kOnceIsHanded)) sessions_.append(stub->second.target, frame);
  return ipc::CarriedRight(ipc::SendOnceRight::mint(*stub->second.port));
}

bool Moves::release(PeerIndex from, const PortUid& uid, std::uint64_t units, Check& fault) {
  Stub::Path* path = open_stub(from, uid);
  if (path == nullptr) return false;
  if (units > path->send) {
    fault = protocol_error("release of more than was granted");
    return true;
  }
  send_on_release(from, uid, *path, units);
  return true;
}

bool Moves::release_reported(PeerIndex from, const PortUid& uid, std::uint64_t units) {
  Stub::Path* path = open_stub(from, uid);
  if (path == nullptr) return false;
  units = std::min(units, path->send);
  if (units > 0) send_on_release(from, uid, *path, units);
  return true;
}

// Null: we do not stand for the port, or not for that one.
Stub::Path* Moves::open_stub(PeerIndex from, const PortUid& uid) {
  const auto stub = stubs_.find(uid);
  if (stub == stubs_.end()) return nullptr;
  const auto path = stub->second.waiting.find(from);
  const bool open = path != stub->second.waiting.end() && path->second.state == Stub::Path::State::kOpen;
  return open ? &path->second : nullptr;
}

void Moves::send_on_release(PeerIndex from, const PortUid& uid, Stub::Path& path, std::uint64_t units) {
  path.send -= units;
  if (broken(Rule::kReleaseIsSentOn)) return;
  const PeerIndex target = stubs_.at(uid).target;
  v1::Frame frame;
  write_uid(ends(target), uid, *frame.mutable_release()->mutable_port());
  frame.mutable_release()->set_units(units);
  write_origin(ends(from).them, *frame.mutable_release()->mutable_from());
  sessions_.append(target, frame);
}

// --- the paths close (M6) ---

// A holder's word about its own path. Whom we did not wait for has followed us from elsewhere, or has nothing to close.
void Moves::close_own(PeerIndex from, const PortUid& uid, std::uint32_t epoch, Stub::Path::State how) {
  const auto stub = stubs_.find(uid);
  if (stub == stubs_.end() || !stub->second.told || stub->second.epoch != epoch) return;
  const auto path = stub->second.waiting.find(from);
  if (path == stub->second.waiting.end() || path->second.state != Stub::Path::State::kOpen) return;
  path->second.state = how;
  look_at(uid);
}

// Does anything that came by this path? Messages that wait because of a port in them wait for the proxy, whoever they are
// from. So do those whose data goes ahead, but of them only what was there when the path closed counts: our own programs may
// send such without end.
bool Moves::waits_here(const PortUid& uid, const Stub& stub, PeerIndex peer, Stub::Path& path) {
  if (registry_.parked(uid, peer) > 0) return true;
  if (broken(Rule::kCloseAfterWaiting)) return false;
  if (waiting_.holds(stub.port.get())) return true;
  const EgressQueues& egress = sessions_.tables(stub.target)->egress;
  const std::uint64_t slot = stub.port->link_slot;
  if (!path.behind) path.behind = egress.last(slot);
  const Ticket first = egress.first(slot);
  return first != 0 && first <= *path.behind;
}

// A path that is closing is closed when nothing that came by it waits here.
void Moves::send_on_closings(const PortUid& uid) {
  const auto found = stubs_.find(uid);
  if (found == stubs_.end() || found->second.group == 0) return;
  Stub& stub = found->second;
  for (auto at = stub.waiting.begin(); at != stub.waiting.end();) {
    const auto here = at++;
    if (here->second.state == Stub::Path::State::kOpen || waits_here(uid, stub, here->first, here->second))
      continue;
    const bool closed = here->second.state == Stub::Path::State::kClosing || broken(Rule::kLostPathIsLost);
    const auto say = closed ? path_close : path_lost;
    v1::Frame frame = say(ends(stub.target), uid, stub.epoch, here->second.holder);
    if (frame.has_path_close() || !broken(Rule::kLostPathIsTold)) sessions_.append(stub.target, frame);
    stub.waiting.erase(here);
  }
  end_if_done(uid);
}

void Moves::end_if_done(const PortUid& uid) {
  const auto found = stubs_.find(uid);
  if (found == stubs_.end() || found->second.group == 0 || !found->second.waiting.empty()) return;
  const PeerIndex target = found->second.target;
  const auto gone = stubs_.extract(found);
  sessions_.look_at(target, uid);
}

// --- somebody is lost (exchange 13) ---

void Moves::tell_died(const PortUid& uid, const Stub& stub) {
  for (const auto& [peer, path] : stub.waiting) {
    const Tables* tables = sessions_.tables(peer);
    if (tables == nullptr) continue;
    v1::Frame frame;
    write_uid(tables->ends, uid, *frame.mutable_died()->mutable_port());
    sessions_.append(peer, frame);
  }
}

void Moves::died(PeerIndex home, const PortUid& uid) {
  following_.erase(uid);
  look_at(uid);  // so are the messages that wait for it
  const auto found = stubs_.find(uid);
  if (found == stubs_.end() || found->second.target != home) return;
  const auto gone = stubs_.extract(found);
  tell_died(uid, gone.mapped());
}

// What it has sent before may wait here still: its path is lost when that has gone on.
void Moves::lose_path_to(PeerIndex peer) {
  std::vector<PortUid> dead;
  untold_.erase(untold_.lower_bound({peer, 0, {}}), untold_.lower_bound({peer + 1, 0, {}}));
  for (auto& [uid, stub] : stubs_) {
    if (stub.target == peer) dead.push_back(uid);
    const auto path = stub.waiting.find(peer);
    if (path == stub.waiting.end() || path->second.state != Stub::Path::State::kOpen) continue;
    path->second.state = Stub::Path::State::kLosing;
    look_at(uid);
  }
  for (const PortUid& uid : dead) died(peer, uid);
}

}  // namespace netmsg::proxy
