// SPDX-License-Identifier: Apache-2.0
// What the peers of one daemon share, and what they leave for the end of an event. Owned by Proxy; owner
// thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/engine.h"
#include "proxy/deaths.h"
#include "proxy/frame_memory.h"
#include "proxy/hash.h"
#include "proxy/moves.h"
#include "proxy/options.h"
#include "proxy/proxy.h"
#include "proxy/registry.h"
#include "proxy/transport.h"

namespace netmsg::proxy {

class Introductions;
class Peer;

// Something to tell the composition root when the engine's event is over.
struct Notice {
  enum class Kind { kUp, kDown, kUnreachable };
  Kind kind;
  PeerInfo peer;
  ipc::SendRight name_service;  // kUp
  std::string reason;           // the others
};

struct World {
  ipc::Engine& engine;
  const base::Clock& clock;
  Transport& transport;
  const Options options;
  const Callbacks callbacks;
  ipc::SendRight name_service;  // ours

  FrameMemory frame_memory{};
  Registry registry{Origin{options.node, options.incarnation}};
  std::uint64_t generation = 0;  // of the last Hello
  std::uint64_t receipts = 0;    // given so far
  std::uint64_t random = options.seed;
  std::map<NodeId, PeerIndex> open_nodes{};  // one session for each node, whatever names it goes by

  Moves* moves = nullptr;
  std::vector<Peer*> peers{};              // all; by index
  Introductions* introductions = nullptr;  // there when there are peers

  std::vector<PeerIndex> touched{};  // peers with bytes to write or proxies to look at
  std::deque<Notice> notices{};
  Deaths deaths{};  // why proxies died

  // The port of this proxy has died, as far as we shall ever know: so have the messages that were forced in, by whatever
  // daemon they went.
  void forced_died(const PortUid& proxy);
  std::uint64_t next_random() { return random = mix(random); }
  void log(const std::string& line) const {
    if (callbacks.log) callbacks.log(line);
  }
};

}  // namespace netmsg::proxy
