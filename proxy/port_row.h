// SPDX-License-Identifier: Apache-2.0
// What the daemon knows of one port beside what its open sessions count (UnitRow): where it is on its way from home to
// home, and rights to it that are not settled. For whoever looks; values, of one moment. Each part is filled by the table
// it is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/link_slot.h"
#include "proxy/port_uid.h"

namespace netmsg::ipc {
class Port;
}  // namespace netmsg::ipc

namespace netmsg::proxy {

// The port was at home here (stubs.h).
struct StubRow {
  struct Path {
    PeerIndex peer;
    std::uint64_t send;
    std::uint64_t send_once;
    bool closing;
  };
  PeerIndex target;
  bool told;   // the new home has it, and the holders have been sent Moved
  bool guard;  // it keeps a unit of its own until it ends
  std::vector<Path> paths;
};

// The port has come, and others may still send for it to its old home (undrained.h).
struct UndrainedRow {
  struct Path {
    Origin holder;
    bool closing;
    std::size_t held;  // messages that wait until it is closed
    // Units of a holder without a session, which it may still come for.
    std::uint64_t send;
    std::uint64_t send_once;
  };
  PeerIndex by;
  std::size_t held;  // messages of those without a path: they wait for the queue that it has come with
  std::vector<Path> paths;
};

struct PortRow {
  struct Parked {
    PeerIndex peer;
    std::uint32_t messages;
  };

  PortUid uid{};
  const ipc::Port* port =
      nullptr;              // valid until the next event; null: there is none, only rights on their way
  std::uint32_t epoch = 0;  // how often it has gone from one daemon to another, as far as this one knows
  std::optional<StubRow> stub{};
  std::optional<UndrainedRow> undrained{};
  std::size_t held_back = 0;     // messages to it that wait for ports in them to be drained (M8)
  std::vector<Parked> parked{};  // messages to it that wait for rights in them to be settled
  // Rights to it that are not settled (introductions.h).
  std::size_t awaited = 0;    // in messages that wait for them: introduced, or contested
  std::size_t unmatched = 0;  // units whose message has not come
  std::size_t kept = 0;       // units whose daemon has not come

  // Nothing of it is under way, but for what sessions know.
  bool settled() const {
    return !stub && !undrained && held_back + parked.size() + awaited + unmatched + kept == 0;
  }
};

}  // namespace netmsg::proxy
