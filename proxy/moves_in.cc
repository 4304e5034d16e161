// SPDX-License-Identifier: Apache-2.0
// The new home's part and a holder's (peer.proto, exchanges 12 and 13): the port arrives, old paths are closed.
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

// Which path a frame of the old home is about.
template <typename Frame>
Check read_path(const Ends& ends, const Frame& wire, PortUid& uid, Origin& holder) {
  if (Check fault = read_uid(ends, wire.port(), uid)) return fault;
  return read_origin(wire.from(), holder);
}

// What a path has held back goes into the queue, in its order.
void deliver_all(ipc::Engine& engine, Undrained::Path& path) {
  while (!path.held.empty()) {
    ipc::MessagePtr message = std::move(path.held.front());
    path.held.pop_front();
    engine.deliver_held(std::move(message));
  }
}

}  // namespace

// --- the port arrives (exchange 12, step 4) ---

Check Moves::check_holders(PeerIndex from, const v1::Move& wire) const {
  const std::size_t limit = options_.limits.send_once_units;
  if (wire.holders_size() > kMoveHoldersMax) return Fault{v1::Fence::LIMIT, "too many holders"};
  if (wire.kept_once() > limit) return Fault{v1::Fence::LIMIT, "too many rights"};
  const Tables& theirs = *sessions_.tables(from);
  std::set<Origin> seen{theirs.ends.them};
  std::uint64_t once = theirs.exports.send_once_units() + wire.kept_once();
  for (const v1::Move::Holder& each : wire.holders()) {
    Origin holder;
    if (Check fault = read_origin(each.daemon(), holder)) return fault;
    if (!seen.insert(holder).second) return protocol_error("a holder twice");
    if (each.send() > kMoveUnitsMax) return protocol_error("more units than there can be");
    if (each.once() > limit) return Fault{v1::Fence::LIMIT, "too many rights"};
    once += each.once();
  }
  return once > limit ? Check(Fault{v1::Fence::LIMIT, "too many rights"}) : std::nullopt;
}

Check Moves::check_move(PeerIndex from, const v1::Move& wire, const PortUid& uid) {
  const Registry::Entry* known = std::as_const(registry_).find(uid);
  if (uid.serial == kNameServiceSerial) return protocol_error("a name service moves");
  if (uid.origin == registry_.us() && !registry_.given_out(uid))
    return protocol_error("a port of ours that was never given out");
  if ((known != nullptr && !known->home) || arrived_.count(uid) != 0)
    return protocol_error("a port that is at home here");
  if (wire.qlimit() > MACH_PORT_QLIMIT_MAX) return protocol_error("queue limit");
  if (Check fault = check_holders(from, wire)) return fault;
  if (Check fault = check_request(*sessions_.tables(from), wire.no_senders())) return fault;
  return check_request(*sessions_.tables(from), wire.port_destroyed());
}

Check Moves::arrive(PeerIndex from, ipc::Account& account, const v1::Move& wire,
                    std::vector<OpenRequest>& open) {
  PortUid uid;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (Check fault = check_move(from, wire, uid)) return fault;
  const Registry::Entry* known = std::as_const(registry_).find(uid);
  ipc::Charge charge = ipc::Charge::port(account);
  const bool elsewhere =
      known != nullptr && *known->home != from;  // M1, R6: nobody takes over another's port
  if (elsewhere || !charge) {
    refuse(from, uid);
    return std::nullopt;
  }
  ipc::ReceiveRight right = settle_here(from, uid, std::move(charge), wire);
  ipc::Port& port = *right.port();
  arrived_.emplace(uid, std::move(right));
  const auto enter = [&](Promise::Slot slot, const v1::Right& request) {
    Arrival left_open;
    port.*slot = enter_request(*sessions_.tables(from), engine_, request, left_open);
    for (const auto& each : left_open.introduced) open.push_back({ipc::PortRef(&port), slot, each, {}});
    for (const auto& each : left_open.contested) open.push_back({ipc::PortRef(&port), slot, {}, each});
  };
  enter(&ipc::Port::no_senders_request, wire.no_senders());
  enter(&ipc::Port::port_destroyed_request, wire.port_destroyed());
  return std::nullopt;
}

// As if it had come and died here at once.
void Moves::refuse(PeerIndex from, const PortUid& uid) {
  v1::Frame frame;
  write_uid(ends(from), uid, *frame.mutable_died()->mutable_port());
  sessions_.append(from, std::move(frame));
}

ipc::ReceiveRight Moves::settle_here(PeerIndex from, const PortUid& uid, ipc::Charge charge,
                                     const v1::Move& wire) {
  Tables& theirs = *sessions_.tables(from);
  std::optional<Holder> proxy = theirs.holders.take(uid);
  std::vector<ipc::MessagePtr> ours_waiting;
  if (proxy) ours_waiting = sessions_.recall(from, proxy->port());
  ipc::ReceiveRight right = proxy ? std::move(proxy->proxy) : engine_.make_remote_port(0);
  ipc::Port& port = *right.port();
  registry_.arrive(port, uid, wire.epoch());
  ipc::Belongings comes;
  comes.qlimit = wire.qlimit();
  const std::uint64_t ours =
      port.sorights();  // send-once rights that are here; the others are on their way back
  port.arrive(std::move(comes), std::move(charge));
  theirs.exports.adopt(port, Units::of(port, wire.kept() ? 1 : 0, wire.kept_once()));

  Undrained undrained{.by = from, .epoch = wire.epoch(), .since = clock_.now(), .port = ipc::PortRef(&port)};
  for (const v1::Move::Holder& each : wire.holders()) add_path(undrained, each, ours);
  if (auto waiting = waiting_.extract(&port)) {
    for (ipc::MessagePtr& message : waiting.mapped().messages) ours_waiting.push_back(std::move(message));
  }
  for (ipc::MessagePtr& message : ours_waiting) {  // behind those that come back
    Undrained::Path* own = undrained.find(registry_.us());
    engine_.count_held(*message);
    own != nullptr ? own->held.push_back(std::move(message)) : engine_.deliver_held(std::move(message));
  }
  registry_.mark_dirty(uid);
  if (undrained.paths.empty() || broken(Rule::kDrainBeforeMove)) {
    registry_.drained(uid);
  } else {
    undrained_.emplace(uid, std::move(undrained));
  }
  return right;
}

void Moves::add_path(Undrained& undrained, const v1::Move::Holder& wire, std::uint64_t ours) {
  Undrained::Path path;
  (void)read_origin(wire.daemon(), path.holder);
  ipc::Port& port = *undrained.port;
  if (path.holder == registry_.us()) {
    path.units = Units::of(port, 0, wire.once() - std::min(wire.once(), ours));
    port.closed = !broken(Rule::kEmbargo);
  } else if (path.peer = sessions_.find(path.holder); path.peer) {
    sessions_.tables(*path.peer)->exports.adopt(port, Units::of(port, wire.send(), wire.once()));
  } else {
    path.units = Units::of(port, wire.send(), wire.once());
    path.until = clock_.now() + options_.timing.lease;
    path.lost = true;
  }
  undrained.paths.push_back(std::move(path));
}

ipc::ReceiveRight Moves::claim(const PortUid& uid) {
  auto node = arrived_.extract(uid);
  return node.empty() ? ipc::ReceiveRight() : std::move(node.mapped());
}

void Moves::end_group() {
  const auto unclaimed = std::exchange(arrived_, {});
}

// --- the embargo (M7) ---

void Moves::deliver(PeerIndex from, ipc::MessagePtr message) {
  Undrained::Path* path = nullptr;
  if (!undrained_.empty() && !broken(Rule::kEmbargo)) {
    const Registry::Entry* entry = std::as_const(registry_).find(*message->destination.port());
    const auto found = entry != nullptr ? undrained_.find(entry->uid) : undrained_.end();
    if (found != undrained_.end()) path = found->second.find(from);
  }
  if (path == nullptr) return engine_.deliver(std::move(message));
  engine_.count_held(*message);
  path->held.push_back(std::move(message));
}

void Moves::hold(ipc::MessagePtr message) {
  const Registry::Entry* entry = std::as_const(registry_).find(*message->destination.port());
  const auto found = entry != nullptr ? undrained_.find(entry->uid) : undrained_.end();
  Undrained::Path* path = found != undrained_.end() ? found->second.find(registry_.us()) : nullptr;
  NETMSG_CHECK(path != nullptr);
  path->held.push_back(std::move(message));
}

// --- paths close (exchange 12, steps 7 and 8) ---

Check Moves::apply_path_close(PeerIndex from, const v1::PathClose& wire) {
  PortUid uid;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (!wire.has_from()) {
    const auto stub = stubs_.find(uid);
    if (stub == stubs_.end() && !sessions_.tables(from)->exports.holds(uid)) refuse(from, uid);
    if (stub == stubs_.end() || stub->second.epoch != wire.epoch() || !stub->second.told) return std::nullopt;
    const auto path = stub->second.waiting.find(from);
    if (path != stub->second.waiting.end()) path->second.closing = true;
    return std::nullopt;
  }
  Origin holder;
  if (Check fault = read_origin(wire.from(), holder)) return fault;
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.by != from || found->second.epoch != wire.epoch())
    return std::nullopt;
  if (Undrained::Path* path = found->second.find(holder)) path->closing = true;
  return std::nullopt;
}

void Moves::finish_closings() {
  std::vector<std::pair<PortUid, Origin>> done;
  for (const auto& [uid, port] : undrained_) {
    const bool waits = registry_.has_parked(uid, port.by) && !broken(Rule::kCloseAfterWaiting);
    for (const Undrained::Path& path : port.paths) {
      if (path.closing && !waits) done.emplace_back(uid, path.holder);
    }
  }
  for (const auto& [uid, holder] : done) close_path(uid, holder);
}

// What it held goes into the queue. If its units were not with the session that its proxy lives by now, that proxy is told
// that there is nothing behind it.
void Moves::close_path(const PortUid& uid, const Origin& holder) {
  const auto found = undrained_.find(uid);
  if (found == undrained_.end()) return;
  Undrained& port = found->second;
  Undrained::Path path = std::move(*port.find(holder));
  port.paths.erase(port.paths.begin() + (port.find(holder) - port.paths.data()));
  const ipc::PortRef here = port.port;
  const bool last = port.paths.empty();
  if (last) undrained_.erase(found);
  if (holder == registry_.us()) here->closed = false;
  deliver_all(engine_, path);
  if (path.lost) tell_lost(uid, holder);
  registry_.mark_dirty(uid);
  if (last) registry_.drained(uid);
}

// Its proxy, if it has one, lives by a session that has no units.
void Moves::tell_lost(const PortUid& uid, const Origin& holder) {
  const std::optional<PeerIndex> peer = sessions_.find(holder);
  if (!peer || sessions_.tables(*peer)->exports.holds(uid)) return;
  v1::Frame frame;
  write_uid(ends(*peer), uid, *frame.mutable_died()->mutable_port());
  sessions_.append(*peer, std::move(frame));
}

// --- somebody is lost (exchange 13) ---

Check Moves::apply_path_lost(PeerIndex from, const v1::PathLost& wire) {
  PortUid uid;
  Origin holder;
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.by != from || found->second.epoch != wire.epoch())
    return std::nullopt;
  lose_path(uid, holder);
  return std::nullopt;
}

// Its proxy is gone, or cannot be told from one that is: the units are taken away, and it is told so.
void Moves::lose_path(const PortUid& uid, const Origin& holder) {
  Undrained::Path* path = undrained_.at(uid).find(holder);
  if (path == nullptr) return;
  const Units gone = std::move(path->units);
  path->units = {};
  if (path->peer) {
    const std::optional<PeerIndex> peer = std::exchange(path->peer, std::nullopt);
    path->lost = true;
    sessions_.tables(*peer)->exports.forget(uid);
    sessions_.tables(*peer)->units_lost = true;
  }
  close_path(uid, holder);
}

// The old home is lost: all paths by it; a holder: its own, which the old home will close or lose.
void Moves::lose_paths_of(PeerIndex peer) {
  std::vector<std::pair<PortUid, Origin>> lost;
  for (auto& [uid, port] : undrained_) {
    if (Undrained::Path* path = port.find(peer)) {
      path->peer.reset();
      path->lost = true;
    }
    if (port.by != peer) continue;
    for (const Undrained::Path& path : port.paths) lost.emplace_back(uid, path.holder);
  }
  for (const auto& [uid, holder] : lost) {
    if (undrained_.count(uid) != 0) lose_path(uid, holder);
  }
}

void Moves::forget(const PortUid& uid) {
  auto node = undrained_.extract(uid);
  if (node.empty()) return;
  node.mapped().port->closed = false;
  for (Undrained::Path& path : node.mapped().paths) deliver_all(engine_, path);
}

// --- units that come by the old home ---

Check Moves::apply_handed(PeerIndex from, const v1::Handed& wire) {
  PortUid uid;
  Origin holder;
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.by != from) return std::nullopt;
  Undrained::Path* path = found->second.find(holder);
  if (path == nullptr) return std::nullopt;
  ipc::SendOnceRight right;
  if (path->peer) {
    right = sessions_.tables(*path->peer)->exports.use_once(uid);
  } else if (!path->units.once.empty()) {
    right = std::move(path->units.once.back());
    path->units.once.pop_back();
  }
  if (right) sessions_.tables(from)->exports.grant_once(std::move(right));
  return std::nullopt;
}

Check Moves::apply_release_from(PeerIndex from, const v1::Release& wire) {
  PortUid uid;
  Origin holder;
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.by != from) return std::nullopt;
  Undrained::Path* path = found->second.find(holder);
  if (path == nullptr) return std::nullopt;
  if (path->peer) {
    (void)sessions_.tables(*path->peer)->exports.release(uid, wire.units());
    return std::nullopt;
  }
  path->units.granted -= std::min(path->units.granted, wire.units());
  if (path->units.granted == 0) const ipc::SendRight gone = std::move(path->units.right);
  return std::nullopt;
}

// --- a holder (exchange 12, step 6) ---

Check Moves::apply_moved(PeerIndex from, const v1::Moved& wire) {
  PortUid uid;
  Origin home;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (Check fault = read_origin(wire.home(), home)) return fault;
  follow_home(from, uid, home, wire.epoch());
  if (!broken(Rule::kCloseAlways)) close_own_path(from, uid, wire.epoch());
  return std::nullopt;
}

void Moves::close_own_path(PeerIndex to, const PortUid& uid, std::uint32_t epoch) {
  v1::Frame frame;
  write_uid(ends(to), uid, *frame.mutable_path_close()->mutable_port());
  frame.mutable_path_close()->set_epoch(epoch);
  sessions_.append(to, std::move(frame));
}

// R6. Without a session with the new home the proxy dies. The new home is told, and answers Died if it knows of no units: it
// may have said so before we knew the port.
void Moves::follow_home(PeerIndex from, const PortUid& uid, const Origin& home, std::uint32_t epoch) {
  Tables& old = *sessions_.tables(from);
  if (old.holders.find(uid) == nullptr) return;
  const std::optional<PeerIndex> target = sessions_.find(home);
  if (!target || *target == from) {
    const std::optional<Holder> gone = old.holders.remove(uid);
    return;
  }
  std::vector<ipc::MessagePtr> waiting = sessions_.recall(from, old.holders.find(uid)->port());
  Holder holder = std::move(*old.holders.take(uid));
  holder.room = 0;
  holder.as_of = 0;
  registry_.retarget(uid, *target);
  ipc::Port& proxy = holder.port();
  sessions_.tables(*target)->holders.adopt(uid, std::move(holder));
  engine_.set_window(proxy, 0, 0);
  close_own_path(*target, uid, epoch);
  for (ipc::MessagePtr& message : waiting) sessions_.send_on(std::move(message));
  sessions_.look_at(*target, uid);
}

}  // namespace netmsg::proxy
