// SPDX-License-Identifier: Apache-2.0
// Ports that have come here and that somebody may still send to by way of the old home (rules M7, M8; peer.proto,
// UNDRAINED). What such a daemon sends to us directly waits until its old path is closed, and so does what our own
// programs send if we were one: they must not overtake themselves. Nor must those who had no right any more when the port
// left, and whose messages are in the queue that it has come with: while that waits for rights, so does what anybody sends.
// One for the daemon.
//
//   path    event                                                     next
//   open    PathClose, by the old home                                closing
//   open    PathLost; the old home's session is over                  lost: the holder is asked what it has
//   open    its session is over                                       open: its units wait for the next one
//   lost    Resync: it has so many, the others are taken away         closing
//   lost    nobody answers in time: its units are taken away          closing
//   lost    its session is over, and its units with it                closing
//   closing its session is over, and its units with it                closing
//   closing all that the old home had sent by then has gone on, and   gone: what waited goes into the queue
//           the units are with a session or need none
//   any     the port dies                                             gone, with what waited
//
// What the old home has sent goes on in its order. So a place in it, once `gone_on` has reached it, says that all before has.
//
// Owner thread only, inside an Event.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/message.h"
#include "proxy/link_slot.h"
#include "proxy/port_uid.h"
#include "proxy/units.h"

namespace netmsg::proxy {

struct Undrained {
  struct Path {
    enum class State { kOpen, kLost, kClosing };
    Origin holder;                  // may be us
    std::optional<PeerIndex> peer;  // whose exports have its units; nullopt: no session, or us
    // Until there is a session; of our own: send-once rights that are on their way back.
    Units units{};
    bool lost = false;  // the units are gone: their session is over, or nobody has said what it has
    // The session has opened after the port came: the holder may have followed by one that is over for us.
    bool later = false;
    State state = State::kOpen;
    std::uint64_t closes_at = 0;  // closing: the place in what the old home has sent
    // Lost, or closing without a session: when the units are taken away.
    std::optional<base::Instant> until{};
    std::optional<base::Instant> ask_again{};  // lost: it could not say yet
    std::deque<ipc::MessagePtr> held{};        // what has come directly, or from our own programs
  };

  PeerIndex by;     // the old home
  Origin old_home;  // and who that was
  std::uint32_t epoch;
  base::Instant since;
  ipc::PortRef port;
  std::vector<Path> paths{};
  std::uint64_t gone_on = 0;  // of the old home's messages
  // The place of the last message of the queue that the port has come with, until the end of the event in which it is in.
  std::optional<std::uint64_t> queue_ends_at{};
  std::deque<ipc::MessagePtr> behind_queue{};  // from those that have no path

  // Where waits what somebody with that path sends, or with none? Null: it does not.
  std::deque<ipc::MessagePtr>* held_from(Path* path) {
    if (path != nullptr) return &path->held;
    return queue_ends_at ? &behind_queue : nullptr;
  }
  Path* find(const Origin& holder) {
    for (Path& path : paths) {
      if (path.holder == holder) return &path;
    }
    return nullptr;
  }
  Path* find(PeerIndex peer) {
    for (Path& path : paths) {
      if (path.peer == peer) return &path;
    }
    return nullptr;
  }
};

using UndrainedPorts = std::map<PortUid, Undrained>;  // ordered: peers choose what is looked up

}  // namespace netmsg::proxy
