// SPDX-License-Identifier: Apache-2.0
// The new home's part, and a holder's, when what comes by the old home is lost (peer.proto, exchange 13).
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

namespace {

// That a holder may take to say what it has, and that we wait for a session with it: it hears of the end of its session with
// the old home within one.
constexpr int kLeasesOfAsking = 2;
// That a holder keeps in mind what it has said: as long as a unit of the old home may wait for its Moved.
constexpr int kLeasesOfMemory = 12;

}  // namespace

// --- the new home ---

// From the old home; without `from`, from a holder to the old home: it could not follow.
Check Moves::apply_path_lost(PeerIndex from, const v1::PathLost& wire) {
  PortUid uid;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (!wire.has_from()) {
    close_own(from, uid, wire.epoch(), Stub::Path::State::kLosing);
    return std::nullopt;
  }
  Origin holder;
  if (Check fault = read_origin(wire.from(), holder)) return fault;
  Undrained::Path* path = open_path(from, uid, holder);
  if (path == nullptr || undrained_.at(uid).epoch != wire.epoch()) return std::nullopt;
  lose_path(uid, undrained_.at(uid), *path);
  return std::nullopt;
}

// Step 2. Nothing more comes by this path; what has come before and what has not, only the holder can say.
void Moves::lose_path(const PortUid& uid, Undrained& port, Undrained::Path& path) {
  if (path.state != Undrained::Path::State::kOpen) return;
  path.state = Undrained::Path::State::kLost;
  const bool may_come = !path.lost && !path.units.empty() && path.holder != registry_.us();
  if ((!path.peer && !may_come) || broken(Rule::kLostIsAsked)) return give_up(uid, port, path);
  ask_in_time(uid, port, path);
}

void Moves::ask_in_time(const PortUid& uid, Undrained& port, Undrained::Path& path) {
  path.until = in_leases(kLeasesOfAsking);
  due(*path.until);
  if (path.peer) ask(uid, port, path);
}

// Step 3.
void Moves::ask(const PortUid& uid, Undrained& port, Undrained::Path& path) {
  Tables& theirs = *sessions_.tables(*path.peer);
  path.ask_again.reset();
  theirs.exports.ask_back(uid);
  v1::Frame frame;
  v1::MovedLost& lost = *frame.mutable_moved_lost();
  write_uid(theirs.ends, uid, *lost.mutable_port());
  lost.set_epoch(port.epoch);
  write_origin(port.old_home, *lost.mutable_from());
  sessions_.append(*path.peer, frame);
}

// Step 5.
Check Moves::apply_resync(PeerIndex from, const v1::Resync& wire) {
  PortUid uid;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  const auto found = undrained_.find(uid);
  if (found == undrained_.end() || found->second.epoch != wire.epoch()) return std::nullopt;
  Undrained::Path* path = found->second.find(from);
  if (path == nullptr || path->state != Undrained::Path::State::kLost) return std::nullopt;
  if (wire.wait()) {
    path->ask_again = clock_.now() + options_.timing.lease / 4;
    due(*path->ask_again);
    return std::nullopt;
  }
  start_closing(uid, found->second, *path);
  if (!broken(Rule::kResyncIsApplied)) sessions_.tables(from)->exports.resync(uid, wire.send(), wire.once());
  return std::nullopt;
}

// Nobody has said what it has: it has nothing, and is told so.
void Moves::give_up(const PortUid& uid, const Undrained& port, Undrained::Path& path) {
  start_closing(uid, port, path);
  const Units gone = std::exchange(path.units, {});
  if (const std::optional<PeerIndex> peer = std::exchange(path.peer, std::nullopt)) {
    sessions_.tables(*peer)->exports.forget(uid);
    sessions_.tables(*peer)->units_lost = true;
    path.lost = true;
  }
  if (path.lost) tell_lost(uid, path.holder);
}

// Step 8. As far as we know the holder's proxy lives by the old home, and what it has used may be on its way here.
void Moves::keep_units(Tables& lost) {
  for (auto& [uid, port] : undrained_) {
    Undrained::Path* path = port.find(lost.peer);
    if (path == nullptr || path->state != Undrained::Path::State::kOpen) continue;
    path->peer.reset();
    path->units = lost.exports.take(uid);
    registry_.unshare(uid, lost.peer);
  }
}

// The old home is lost: all paths by it; a holder: its own, if that is not open any more, and what it has was taken back.
void Moves::lose_paths_of(PeerIndex peer) {
  for (auto& [uid, port] : undrained_) {
    if (Undrained::Path* path = port.find(peer)) {
      path->peer.reset();
      path->lost = true;
      if (path->state == Undrained::Path::State::kLost) give_up(uid, port, *path);
    }
    if (port.by != peer) continue;
    for (Undrained::Path& path : port.paths) lose_path(uid, port, path);
  }
}

// --- a holder ---

// Step 4. As long as our proxy lives by the old home, we cannot know: Moved may be on its way, or Died. Without a session
// with it nothing more comes from there.
Check Moves::apply_moved_lost(PeerIndex from, const v1::MovedLost& wire) {
  PortUid uid;
  Origin old_home;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (Check fault = read_origin(wire.from(), old_home)) return fault;
  Tables& theirs = *sessions_.tables(from);
  const Registry::Entry* known = std::as_const(registry_).find(uid);
  const std::optional<PeerIndex> old = sessions_.find(old_home);
  v1::Frame frame;
  v1::Resync& answer = *frame.mutable_resync();
  write_uid(theirs.ends, uid, *answer.mutable_port());
  answer.set_epoch(wire.epoch());
  if (const Holder* holder = theirs.holders.find(uid)) {
    answer.set_send(holder->received);
    answer.set_once(holder->port().sorights());
  } else {
    answer.set_wait(known != nullptr && old && known->home == old);
  }
  if (old && !answer.wait() && !broken(Rule::kAnswerIsFinal)) {
    theirs.answered.note(uid, wire.epoch(), clock_.now(), in_leases(kLeasesOfMemory));
    if (theirs.answered.size() > options_.limits.proxies)
      return Fault{v1::Fence::LIMIT, "too many ports that have lost their old home"};
  }
  sessions_.append(from, frame);
  return std::nullopt;
}

}  // namespace netmsg::proxy
