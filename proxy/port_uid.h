// SPDX-License-Identifier: Apache-2.0
// What a port is called among daemons (peer.proto, "Ids"): the daemon and its run in which it was first exported, and
// a serial chosen there. A port keeps its uid when it moves, so a uid says nothing about where its home is. Plain
// values; knowing one gives no power (spec 09 §4).
#pragma once

#include <compare>
#include <cstdint>

#include "proxy/net_id.h"

namespace netmsg::proxy {

// One run of one daemon.
struct Origin {
  NodeId node;
  Incarnation incarnation = 0;

  bool operator==(const Origin&) const = default;
  std::strong_ordering operator<=>(const Origin& other) const {
    if (const auto order = incarnation <=> other.incarnation; std::is_neq(order)) return order;
    return node.bytes <=> other.node.bytes;
  }
};

struct PortUid {
  Origin origin;
  Serial serial = 0;

  bool operator==(const PortUid&) const = default;
  // Serial first: nearly always that decides.
  std::strong_ordering operator<=>(const PortUid& other) const {
    if (const auto order = serial <=> other.serial; std::is_neq(order)) return order;
    return origin <=> other.origin;
  }
};

// The same on every machine.
std::uint64_t digest_of(const Origin& origin);
std::uint64_t digest_of(const PortUid& uid);

}  // namespace netmsg::proxy
