// SPDX-License-Identifier: Apache-2.0
// A holder's part (peer.proto, exchange 12 step 6): the port is at home elsewhere.
#include <utility>

#include "daemon/ipc/port.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"

namespace netmsg::proxy {

Check Moves::apply_moved(PeerIndex from, const v1::Moved& wire) {
  PortUid uid;
  Origin home;
  if (Check fault = read(from, wire.port(), uid)) return fault;
  if (Check fault = read_origin(wire.home(), home)) return fault;
  const bool here = sessions_.tables(from)->holders.find(uid) != nullptr;
  if (here && !sessions_.find(home) && !broken(Rule::kFollowWaits)) {
    const base::Instant until = in_half_a_lease();
    following_.emplace(uid, Following{from, home, wire.epoch(), until});
    due(until);
    return std::nullopt;
  }
  follow_home(from, uid, home, wire.epoch());
  if (!broken(Rule::kCloseAlways)) close_own_path(from, uid, wire.epoch());
  return std::nullopt;
}

void Moves::close_own_path(PeerIndex to, const PortUid& uid, std::uint32_t epoch) {
  v1::Frame frame;
  write_uid(ends(to), uid, *frame.mutable_path_close()->mutable_port());
  frame.mutable_path_close()->set_epoch(epoch);
  sessions_.append(to, frame);
}

// R6. The new home is told, and answers Died if it knows of no units: it may have said so before we knew the port. A proxy
// that was not there when it asked what we have is none of its own.
void Moves::follow_home(PeerIndex from, const PortUid& uid, const Origin& home, std::uint32_t epoch) {
  Tables& old = *sessions_.tables(from);
  if (old.holders.find(uid) == nullptr) return;
  const std::optional<PeerIndex> target = sessions_.find(home);
  const bool untold = target && sessions_.tables(*target)->answered.holds(uid, epoch);
  if (!target || *target == from || untold) {
    sessions_.lose_proxy(from, uid);
    return look_at(uid);
  }
  std::vector<ipc::MessagePtr> waiting = sessions_.recall(from, old.holders.find(uid)->port());
  Holder holder = std::move(*old.holders.take(uid));
  // Given back as the old home's, since the new one knows of them by its word only: it may have lied.
  holder.reported = holder.received;
  holder.reported_by = ends(from).them;
  if (!broken(Rule::kWindowIsTheHomes)) {
    holder.room = 0;
    holder.as_of = 0;
  }
  registry_.retarget(uid, *target);
  ipc::Port& proxy = holder.port();
  sessions_.tables(*target)->holders.adopt(uid, std::move(holder));
  engine_.set_window(proxy, broken(Rule::kWindowIsTheHomes) ? proxy.room() : 0, 0);
  close_own_path(*target, uid, epoch);
  for (ipc::MessagePtr& message : waiting) sessions_.send_on(std::move(message));
  sessions_.look_at(*target, uid);
}

// A session has opened: those that were waiting for it.
void Moves::follow_to(PeerIndex peer) {
  const Origin& home = ends(peer).them;
  for (auto at = following_.begin(); at != following_.end();) {
    if (at->second.home != home) {
      ++at;
      continue;
    }
    const auto [uid, following] = *at;
    at = following_.erase(at);
    follow_home(following.from, uid, home, following.epoch);
    close_own_path(following.from, uid, following.epoch);
  }
}

// Time is over. The old home is told that what it has of us is all that comes, and the new one that we have no units.
void Moves::give_up_following(base::Instant now) {
  for (auto at = following_.begin(); at != following_.end();) {
    if (now < at->second.until) {
      ++at;
      continue;
    }
    const auto [uid, following] = *at;
    at = following_.erase(at);
    sessions_.lose_proxy(following.from, uid);
    v1::Frame frame;
    write_uid(ends(following.from), uid, *frame.mutable_path_lost()->mutable_port());
    frame.mutable_path_lost()->set_epoch(following.epoch);
    sessions_.append(following.from, frame);
    look_at(uid);
  }
}

// The old home is lost, and the proxies with it.
void Moves::stop_following(PeerIndex from) {
  std::erase_if(following_, [from](const auto& each) { return each.second.from == from; });
}

}  // namespace netmsg::proxy
