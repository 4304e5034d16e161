// SPDX-License-Identifier: Apache-2.0
// What a daemon keeps for one open session (peer.proto, TABLES): empty when it opens, emptied by the fence.
#pragma once

#include "daemon/ipc/quota.h"
#include "proxy/answered.h"
#include "proxy/egress.h"
#include "proxy/exports.h"
#include "proxy/flight.h"
#include "proxy/forced.h"
#include "proxy/holders.h"
#include "proxy/options.h"
#include "proxy/outbound.h"
#include "proxy/registry.h"
#include "proxy/staging.h"
#include "proxy/uid_wire.h"

namespace netmsg::proxy {

class Moves;

struct Tables {
  Tables(ipc::Engine& engine, Registry& all, const Origin& them, PeerIndex index)
      : peer(index), ends{all.us(), them}, registry(all), exports(all, index), holders(engine, all, index) {}

  // D2, then D1: first our names for the peer's ports die (with what is queued there before them), then what the
  // peer held is taken back.
  void drop_all(DeathNumber why) {
    forced.drop_all();
    destroy(egress.take_all());
    holders.drop_all(why);
    exports.drop_all();
  }

  const PeerIndex peer;
  const Ends ends;
  Registry& registry;
  Moves* moves = nullptr;  // null: ports do not move here
  Exports exports;
  Holders holders;
  Flight flight;
  Forced forced;
  EgressQueues egress;
  Outbound outbound;
  Staging staging;
  Answered answered;
  std::uint64_t grants_mark = 0;     // the largest nonce in a Grant of theirs
  std::uint64_t grants_sent_on = 0;  // the largest of them that another home was asked for
  std::uint64_t sent_on = 0;         // how many of those have not failed, as far as we know
  bool units_lost = false;           // some of theirs went with a path of a port that has moved
  std::uint64_t grants_asked = 0;    // Grants of ours that they have not told us to have failed
};

// What the two sides of a session take: ours is checked against what comes, theirs before anything is sent.
struct MessageLimits {
  std::uint32_t bytes = 0;  // header included
  std::uint32_t rights = 0;
  std::uint32_t bulk_window = 0;
};

}  // namespace netmsg::proxy
