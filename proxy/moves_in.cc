// SPDX-License-Identifier: Apache-2.0
// The new home's part (peer.proto, exchange 12): the port arrives, old paths are closed.
#include <algorithm>
#include <deque>
#include <iterator>
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

// What was held back goes into the queue, in its order.
void deliver_all(ipc::Engine& engine, std::deque<ipc::MessagePtr>& held) {
  while (!held.empty()) {
    ipc::MessagePtr message = std::move(held.front());
    held.pop_front();
    engine.deliver_held(std::move(message));
  }
}

std::vector<Undrained::Path> take_closed(Undrained& port) {
  const auto stays = [&](const Undrained::Path& path) {
    const bool all_is_in = port.gone_on >= path.closes_at || broken(Rule::kCloseAfterWaiting);
    return path.state != Undrained::Path::State::kClosing || path.until || !all_is_in;
  };
  const auto first = std::stable_partition(port.paths.begin(), port.paths.end(), stays);
  std::vector<Undrained::Path> closed(std::make_move_iterator(first),
                                      std::make_move_iterator(port.paths.end()));
  port.paths.erase(first, port.paths.end());
  return closed;
}

}  // namespace

// --- the port arrives (exchange 12, step 4) ---

Check Moves::check_holders(PeerIndex from, const v1::Move& wire) const {
  const std::size_t limit = options_.limits.send_once_units;
  if (wire.holders_size() > kMoveHoldersMax) return Fault{v1::Fence::LIMIT, "too many holders"};
  if (wire.kept_once() > limit) return Fault{v1::Fence::LIMIT, "too many rights"};
  const Tables& theirs = *sessions_.tables(from);
  std::set<Origin> seen{theirs.ends.them};
  const auto said = hearsay_.find(from);  // before, of others
  std::uint64_t once = theirs.exports.own_send_once_units() + wire.kept_once();
  if (said != hearsay_.end()) once += said->second;
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
  if ((elsewhere && !broken(Rule::kHomeComesFromHome)) || !charge) {
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
  sessions_.append(from, frame);
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

  Undrained undrained{.by = from,
                      .old_home = ends(from).them,
                      .epoch = wire.epoch(),
                      .since = clock_.now(),
                      .port = ipc::PortRef(&port)};
  for (const v1::Move::Holder& each : wire.holders()) add_path(undrained, each, ours);
  while (waiting_.holds(&port)) ours_waiting.push_back(waiting_.pop(&port));
  for (ipc::MessagePtr& message : ours_waiting) {  // behind those that come back
    Undrained::Path* own = undrained.find(registry_.us());
    engine_.count_held(*message);
    own != nullptr ? own->held.push_back(std::move(message)) : engine_.deliver_held(std::move(message));
  }
  registry_.mark_dirty(uid);
  if (broken(Rule::kDrainBeforeMove)) {
    registry_.drained(uid);
  } else {
    close_or_open(undrained);
    undrained_.emplace(uid, std::move(undrained));
    due(in_leases(1));
  }
  return right;
}

void Moves::add_path(Undrained& undrained, const v1::Move::Holder& wire, std::uint64_t ours) {
  Undrained::Path path;
  (void)read_origin(wire.daemon(), path.holder);
  ipc::Port& port = *undrained.port;
  if (path.holder == registry_.us()) {
    path.units = told_of(undrained, 0, wire.once() - std::min(wire.once(), ours));
  } else if (path.peer = sessions_.find(path.holder); path.peer) {
    sessions_.tables(*path.peer)->exports.adopt(port, told_of(undrained, wire.send(), wire.once()));
  } else {
    path.units = told_of(undrained, wire.send(), wire.once());
  }
  undrained.paths.push_back(std::move(path));
}

// The old home says so: they count with it (R8).
Units Moves::told_of(Undrained& undrained, std::uint64_t send, std::uint64_t once) {
  Units units = Units::of(*undrained.port, send, once);
  units.once_reported = Hearsay(hearsay_[undrained.by], once);
  return units;
}

// It has a session with us now, and its units are with that.
void Moves::take_over(const PortUid& uid, Undrained& port, Undrained::Path& path, PeerIndex peer) {
  path.peer = peer;
  path.later = true;
  path.until.reset();
  sessions_.tables(peer)->exports.adopt(*port.port, std::exchange(path.units, {}));
  if (path.state == Undrained::Path::State::kOpen) return look_at(uid);
  path.state = Undrained::Path::State::kLost;
  ask_in_time(uid, port, path);
}

ipc::ReceiveRight Moves::claim(const PortUid& uid) {
  const auto found = arrived_.find(uid);
  return found == arrived_.end() ? ipc::ReceiveRight() : std::move(found->second);
}

// All messages of their queues are there. Those that have to wait are the peer's only ones for these ports so far.
void Moves::end_group() {
  for (auto& [uid, unclaimed] : std::exchange(arrived_, {})) {
    { const ipc::ReceiveRight gone = std::move(unclaimed); }
    const auto found = undrained_.find(uid);
    if (found == undrained_.end()) continue;
    Undrained& port = found->second;
    if (const std::uint32_t parked = registry_.parked(uid, port.by); parked > 0)
      port.queue_ends_at = port.gone_on + parked;
    close_or_open(port);
    look_at(uid);
  }
}

// --- the embargo (M7) ---

Undrained* Moves::undrained_at(const ipc::Port& port) {
  if (undrained_.empty()) return nullptr;
  const Registry::Entry* entry = std::as_const(registry_).find(port);
  const auto found = entry != nullptr ? undrained_.find(entry->uid) : undrained_.end();
  return found == undrained_.end() ? nullptr : &found->second;
}

void Moves::deliver(PeerIndex from, ipc::MessagePtr message) {
  Undrained* port = undrained_at(*message->destination.port());
  std::deque<ipc::MessagePtr>* held = nullptr;
  if (port != nullptr && port->by == from) {
    ++port->gone_on;
  } else if (port != nullptr) {
    held = port->held_from(port->find(from));
  }
  const bool destroyed = message->circular;  // which must not wait for itself
  if (held == nullptr || destroyed || broken(Rule::kEmbargo)) return engine_.deliver(std::move(message));
  engine_.count_held(*message);
  held->push_back(std::move(message));
}

void Moves::hold(ipc::MessagePtr message) {
  Undrained* port = undrained_at(*message->destination.port());
  NETMSG_CHECK(port != nullptr);
  std::deque<ipc::MessagePtr>* held = port->held_from(port->find(registry_.us()));
  NETMSG_CHECK(held != nullptr);
  held->push_back(std::move(message));
}

// --- paths close (exchange 12, steps 7 and 8) ---

// Null: the frame of that old home is about no path that is open.
Undrained::Path* Moves::open_path(PeerIndex by, const PortUid& uid, const Origin& holder) {
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.by != by) return nullptr;
  Undrained::Path* path = found->second.find(holder);
  return path != nullptr && path->state == Undrained::Path::State::kOpen ? path : nullptr;
}

Check Moves::apply_path_close(PeerIndex from, const v1::PathClose& wire) {
  PortUid uid;
  Origin holder;
  if (!wire.has_from()) {
    if (Check fault = read(from, wire.port(), uid)) return fault;
    const auto stub = stubs_.find(uid);
    const bool known = stub != stubs_.end() && stub->second.waiting.count(from) != 0;
    if (!known && !sessions_.tables(from)->exports.holds(uid)) refuse(from, uid);
    close_own(from, uid, wire.epoch(), Stub::Path::State::kClosing);
    return std::nullopt;
  }
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  Undrained::Path* path = open_path(from, uid, holder);
  if (path == nullptr || undrained_.at(uid).epoch != wire.epoch()) return std::nullopt;
  if (path->later && path->peer) {
    lose_path(uid, undrained_.at(uid), *path);
    return std::nullopt;
  }
  start_closing(uid, undrained_.at(uid), *path);
  if (!path->peer && !path->lost && !path->units.empty() && holder != registry_.us()) {
    path->until = in_leases(1);  // it has followed, and we do not see it yet
    due(*path->until);
  }
  return std::nullopt;
}

// What the old home has sent on comes first.
void Moves::start_closing(const PortUid& uid, const Undrained& port, Undrained::Path& path) {
  path.state = Undrained::Path::State::kClosing;
  path.closes_at = port.gone_on + registry_.parked(uid, port.by);
  path.until.reset();
  path.ask_again.reset();
  look_at(uid);
}

void Moves::finish_closings(const PortUid& uid) {
  const auto found = undrained_.find(uid);
  if (found == undrained_.end()) return;
  Undrained& port = found->second;
  std::vector<Undrained::Path> done = take_closed(port);
  std::deque<ipc::MessagePtr> behind_queue;
  if (port.queue_ends_at && port.gone_on >= *port.queue_ends_at) {
    port.queue_ends_at.reset();
    behind_queue = std::exchange(port.behind_queue, {});
  }
  close_or_open(port);
  const bool drained = port.paths.empty() && !port.queue_ends_at;
  if (drained) undrained_.erase(found);
  deliver_all(engine_, behind_queue);
  for (Undrained::Path& path : done) end_path(uid, path);
  if (!done.empty()) registry_.mark_dirty(uid);
  if (!drained) return;
  registry_.drained(uid);
  look_at(uid);
}

// Our own programs are like a holder if they were one.
void Moves::close_or_open(Undrained& port) {
  const bool waits = port.queue_ends_at || port.find(registry_.us()) != nullptr;
  port.port->closed = waits && !broken(Rule::kEmbargo);
}

// What it held goes into the queue. If its units were not with the session that its proxy lives by now, that proxy is told
// that there is nothing behind it.
void Moves::end_path(const PortUid& uid, Undrained::Path& path) {
  deliver_all(engine_, path.held);
  if (path.lost) tell_lost(uid, path.holder);
}

// Its proxy, if it has one, lives by a session that has no units.
void Moves::tell_lost(const PortUid& uid, const Origin& holder) {
  const std::optional<PeerIndex> peer = sessions_.find(holder);
  if (!peer || sessions_.tables(*peer)->exports.holds(uid)) return;
  v1::Frame frame;
  write_uid(ends(*peer), uid, *frame.mutable_died()->mutable_port());
  sessions_.append(*peer, frame);
}

// Its old home may have no units and mint rights of it all the same, for what comes by an open path.
void Moves::forget(const PortUid& uid, const std::vector<PeerIndex>& told) {
  look_at(uid);
  auto node = undrained_.extract(uid);
  if (node.empty()) return;
  Undrained& port = node.mapped();
  if (!port.paths.empty() && std::find(told.begin(), told.end(), port.by) == told.end())
    tell_lost(uid, port.old_home);
  port.port->closed = false;
  deliver_all(engine_, port.behind_queue);
  for (Undrained::Path& path : port.paths) deliver_all(engine_, path.held);
}

// --- units that come by the old home ---

Check Moves::apply_handed(PeerIndex from, const v1::Handed& wire) {
  PortUid uid;
  Origin holder;
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  Undrained::Path* path = open_path(from, uid, holder);
  if (path == nullptr) return std::nullopt;
  ipc::SendOnceRight right;
  if (path->peer) {
    right = sessions_.tables(*path->peer)->exports.use_once(uid);
  } else if (!path->units.once.empty()) {
    right = std::move(path->units.once.back());
    path->units.once.pop_back();
    path->units.once_reported.at_most(path->units.once.size());
  }
  if (right) sessions_.tables(from)->exports.grant_once(std::move(right));
  return std::nullopt;
}

Check Moves::apply_release_from(PeerIndex from, const v1::Release& wire) {
  PortUid uid;
  Origin holder;
  if (Check fault = read_path(ends(from), wire, uid, holder)) return fault;
  Undrained::Path* path = open_path(from, uid, holder);
  if (path == nullptr) return std::nullopt;
  if (path->peer) {
    (void)sessions_.tables(*path->peer)->exports.release(uid, wire.units());
    return std::nullopt;
  }
  path->units.granted -= std::min(path->units.granted, wire.units());
  path->units.reported = std::min(path->units.reported, path->units.granted);
  if (path->units.granted == 0) const ipc::SendRight gone = std::move(path->units.right);
  return std::nullopt;
}

}  // namespace netmsg::proxy
