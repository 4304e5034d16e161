// SPDX-License-Identifier: Apache-2.0
// Receive rights that go to another daemon and come from one (rules M1 to M8, N1; peer.proto, exchange 12), with what is
// left behind for it: stubs where a port was at home, undrained paths where it is now, messages that wait because of a
// port that must not go on yet. One for the daemon: an exchange goes through three sessions. Peers call it for their
// frames, the Proxy for what the engine says. Owner thread only, inside an Event.
//
//   file               part played
//   moves_out.cc       the old home: leave(), its stubs
//   moves_in.cc        the new home: arrivals, undrained paths
//   moves_lost.cc      the new home, and a holder that it asks, when the old one is lost
//   moves_follow.cc    a holder: Moved
//   moves_circle.cc    who has a message that waits: is it for itself?
//   moves.cc           messages that wait; time; looking in
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/engine.h"
#include "proxy/following.h"
#include "proxy/options.h"
#include "proxy/port_row.h"
#include "proxy/promises.h"
#include "proxy/registry.h"
#include "proxy/sessions.h"
#include "proxy/stubs.h"
#include "proxy/translate.h"
#include "proxy/undrained.h"
#include "proxy/waiting.h"

namespace netmsg::proxy {

class Moves {
 public:
  // All of them outlive it.
  Moves(ipc::Engine& engine, const base::Clock& clock, const Options& options, Registry& registry,
        Sessions& sessions)
      : engine_(engine), clock_(clock), options_(options), registry_(registry), sessions_(sessions) {}
  Moves(const Moves&) = delete;
  Moves& operator=(const Moves&) = delete;
  ~Moves();  // REQUIRES: all sessions are over

  // --- a message with receive rights goes out ---
  // The ports whose receive rights are in the message, and in the queues of these, and so on.
  static std::vector<ipc::Port*> carried_ports(const ipc::Message& message);
  // The same for one port.
  static std::vector<const ipc::Port*> carried_with(const ipc::Port& port);
  // Has it to wait (M8)? Then it does, and so does what follows it to the same port: send_on() when it is time.
  bool hold_back(ipc::MessagePtr& message);
  // How many messages wait for this proxy.
  std::uint32_t held_back(const ipc::Port& proxy) const { return waiting_.behind(proxy); }
  // May all ports that are in the message go on?
  bool drained(const ipc::Message& message) const { return !find_undrained(message); }
  // The port goes to that peer, as a proxy of whose tables it is left; `wire` says what goes along, but for the queue,
  // which is returned, and requests of third daemons, which are to be introduced. REQUIRES: drained; at home here.
  ipc::MessageQueue leave(PeerIndex to, ipc::Port& port, v1::Move& wire,
                          std::vector<Introducing>& introducing);
  // The frame that ends the group of these ports has this number, or it will never come: one that is not with the peer by
  // now has died.
  void left(PeerIndex to, const std::vector<PortUid>& ports, FrameNumber number);

  // --- the old home: a stub ---
  // A right that the peer used on an open path: it is one of ours at the new home now. NULL: none such.
  ipc::CarriedRight follow(PeerIndex from, const PortUid& uid, ipc::RightType type);
  // Do we stand for the port? Then its proxy stays.
  bool stands_for(const PortUid& uid) const { return stubs_.count(uid) != 0; }
  // Units given back on an open path. False: it is none. PROTOCOL: more than there are.
  bool release(PeerIndex from, const PortUid& uid, std::uint64_t units, Check& fault);
  // The same for units that another home before us has told of: more than there are, are all.
  bool release_reported(PeerIndex from, const PortUid& uid, std::uint64_t units);
  // The peer has applied our frames up to `number` (M5).
  void acknowledged(PeerIndex by, FrameNumber number);
  // The home says that the port is dead.
  void died(PeerIndex home, const PortUid& uid);

  // --- the new home ---
  // What a Move brings: a live port with its receive right to be claimed by a right of the group, or a refusal of which
  // the peer is told. `open`: its requests whose rights are not settled yet. PROTOCOL, LIMIT.
  struct OpenRequest {
    ipc::PortRef port;
    Promise::Slot slot;
    std::optional<Arrival::Introduced> introduced;  // one of the two
    std::optional<Arrival::Contested> contested;
  };
  Check arrive(PeerIndex from, ipc::Account& account, const v1::Move& wire, std::vector<OpenRequest>& open);
  // REQUIRES: asked for inside the group. Empty: refused, or claimed already.
  ipc::ReceiveRight claim(const PortUid& uid);
  // The group is over: what nobody has claimed dies.
  void end_group();
  // A message of the peer with all rights settled: into the queue, or behind its old path (M7).
  void deliver(PeerIndex from, ipc::MessagePtr message);
  // One of our own programs' messages, or one of the engine's, to a closed port.
  void hold(ipc::MessagePtr message);
  // A port at home here has died. `told`: the peers that know it already.
  void forget(const PortUid& uid, const std::vector<PeerIndex>& told);

  // Has the port come from there, and somebody may still send by that way?
  bool comes_by(PeerIndex old_home, const PortUid& uid) const {
    const auto found = undrained_.find(uid);
    return found != undrained_.end() && found->second.by == old_home && !found->second.paths.empty();
  }

  // --- frames ---
  Check apply_moved(PeerIndex from, const v1::Moved& wire);
  Check apply_path_close(PeerIndex from, const v1::PathClose& wire);
  Check apply_path_lost(PeerIndex from, const v1::PathLost& wire);
  Check apply_moved_lost(PeerIndex from, const v1::MovedLost& wire);
  Check apply_resync(PeerIndex from, const v1::Resync& wire);
  Check apply_probe(PeerIndex from, const v1::Probe& wire);
  Check apply_handed(PeerIndex from, const v1::Handed& wire);
  // Release with `from`.
  Check apply_release_from(PeerIndex from, const v1::Release& wire);

  // --- sessions ---
  // It has opened.
  void opened(PeerIndex peer);
  // It is over, its tables are not empty yet: what is not lost with it is taken out.
  void keep_units(Tables& lost);
  // They are.
  void fenced(PeerIndex peer);
  // All sessions are over, for good: who might still come does not.
  void drop_all();
  // A message for this port that was parked here, or waited for its data to go ahead, does so no more.
  void went_on(const PortUid& uid) { look_at(uid); }
  void tick(base::Instant now);
  std::optional<base::Instant> next_deadline() const { return next_; }
  // What can go on goes on.
  void end_of_event();

  // --- looking in ---
  void for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const;
  // Fills what is ours of the row of that uid and port.
  void add_to(PortRow& row) const;
  bool idle() const { return stubs_.empty() && undrained_.empty() && waiting_.empty() && following_.empty(); }
  std::uint64_t digest() const;
  void check_invariants() const;

 private:
  const Ends& ends(PeerIndex peer) { return sessions_.tables(peer)->ends; }
  // The number and all that follows it in frames of moves.
  Check read(PeerIndex from, const v1::Uid& wire, PortUid& uid);
  base::Instant in_leases(int count) const { return clock_.now() + count * options_.timing.lease; }
  base::Instant in_half_a_lease() const { return clock_.now() + options_.timing.lease / 2; }
  void due(base::Instant at) { next_ = std::min(next_.value_or(at), at); }

  // moves_out.cc
  Stub::Path* open_stub(PeerIndex from, const PortUid& uid);
  void send_on_release(PeerIndex from, const PortUid& uid, Stub::Path& path, std::uint64_t units);
  void write_holders(const PortUid& uid, Stub& stub, const std::vector<PeerIndex>& peers, v1::Move& wire);
  void tell_moved(const PortUid& uid, Stub& stub);
  void tell_died(const PortUid& uid, const Stub& stub);
  void close_own(PeerIndex from, const PortUid& uid, std::uint32_t epoch, Stub::Path::State how);
  bool waits_here(const PortUid& uid, const Stub& stub, PeerIndex peer, Stub::Path& path);
  void send_on_closings(const PortUid& uid);
  void end_if_done(const PortUid& uid);
  void lose_path_to(PeerIndex peer);

  // moves_in.cc
  Check check_holders(PeerIndex from, const v1::Move& wire) const;
  Check check_move(PeerIndex from, const v1::Move& wire, const PortUid& uid);
  void refuse(PeerIndex from, const PortUid& uid);
  ipc::ReceiveRight settle_here(PeerIndex from, const PortUid& uid, ipc::Charge charge, const v1::Move& wire);
  void add_path(Undrained& undrained, const v1::Move::Holder& wire, std::uint64_t ours);
  Units told_of(Undrained& undrained, std::uint64_t send, std::uint64_t once);
  Undrained* undrained_at(const ipc::Port& port);
  Undrained::Path* open_path(PeerIndex by, const PortUid& uid, const Origin& holder);
  void take_over(const PortUid& uid, Undrained& port, Undrained::Path& path, PeerIndex peer);
  void start_closing(const PortUid& uid, const Undrained& port, Undrained::Path& path);
  void finish_closings(const PortUid& uid);
  void close_or_open(Undrained& port);
  void end_path(const PortUid& uid, Undrained::Path& path);
  void tell_lost(const PortUid& uid, const Origin& holder);

  // moves_lost.cc
  void lose_path(const PortUid& uid, Undrained& port, Undrained::Path& path);
  void lose_paths_of(PeerIndex peer);
  void ask_in_time(const PortUid& uid, Undrained& port, Undrained::Path& path);
  void ask(const PortUid& uid, Undrained& port, Undrained::Path& path);
  void give_up(const PortUid& uid, const Undrained& port, Undrained::Path& path);

  // moves_follow.cc
  void follow_home(PeerIndex from, const PortUid& uid, const Origin& home, std::uint32_t epoch);
  void close_own_path(PeerIndex to, const PortUid& uid, std::uint32_t epoch);
  void follow_to(PeerIndex peer);
  void give_up_following(base::Instant now);
  void stop_following(PeerIndex from);

  // moves_circle.cc
  void seek_circles(base::Instant now);
  void start_lap(const ipc::Port* destination);
  void send_probe(const PortUid& port, v1::Probe probe);
  void came_round(const ipc::Port* destination, Waiting::Ticket carrier, std::uint64_t ways);
  void break_circle(const ipc::Port* destination, Waiting::Ticket carrier);

  // moves.cc
  void fence_the_silent(base::Instant now);
  void find_next_deadline();
  void look_at(const PortUid& uid);
  std::optional<PortUid> find_undrained(const ipc::Message& message) const;
  void go_on(const ipc::Port* destination);

  ipc::Engine& engine_;
  const base::Clock& clock_;
  const Options& options_;
  Registry& registry_;
  Sessions& sessions_;

  // Send-once units of others that are here by that daemon's word only.
  std::map<PeerIndex, std::uint64_t> hearsay_;
  Stubs stubs_;
  UndrainedPorts undrained_;
  std::map<PortUid, ipc::ReceiveRight> arrived_;  // by the group that is being applied; empty: claimed
  Waiting waiting_;
  Followings following_;
  std::set<PortUid> changed_;  // something about them may go on when the event ends
  // Stubs whose group is not acknowledged: the new home, the number of its frame.
  std::set<std::tuple<PeerIndex, FrameNumber, PortUid>> untold_;
  std::uint64_t last_lap_ = 0;
  std::optional<base::Instant> next_;  // something may be due then
};

}  // namespace netmsg::proxy
