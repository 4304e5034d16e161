// SPDX-License-Identifier: Apache-2.0
// What we write into Port::link_slot: enough to find a port's entry from the port, without a table.
//
//   exported port   (serial + 1) << 1              serial of ours
//   proxy           serial << 16 | peer << 1 | 1   serial of the peer's (below 2^48), index of the peer
//
// and into an ipc::Receipt:
//
//   message of a peer, forced in   serial << 16 | index of the peer     serial never used again
#pragma once

#include <cstdint>

#include "proxy/net_id.h"

namespace netmsg::proxy {

using PeerIndex = std::uint32_t;
inline constexpr PeerIndex kPeersMax = 1U << 15;

inline constexpr std::uint64_t export_slot(Serial serial) {
  return (serial + 1) << 1;
}
inline constexpr std::uint64_t proxy_slot(PeerIndex peer, Serial serial) {
  return serial << 16 | peer << 1 | 1;
}

inline constexpr std::uint64_t receipt_token(PeerIndex peer, std::uint64_t serial) {
  return serial << 16 | peer;
}
inline constexpr PeerIndex receipt_peer(std::uint64_t token) {
  return static_cast<PeerIndex>(token) & 0xFFFF;
}

inline constexpr bool is_export_slot(std::uint64_t slot) {
  return slot != 0 && (slot & 1) == 0;
}
inline constexpr bool is_proxy_slot(std::uint64_t slot) {
  return (slot & 1) != 0;
}

inline constexpr Serial exported_serial(std::uint64_t slot) {
  return (slot >> 1) - 1;
}
inline constexpr Serial proxy_serial(std::uint64_t slot) {
  return slot >> 16;
}
inline constexpr PeerIndex proxy_peer(std::uint64_t slot) {
  return static_cast<PeerIndex>(slot >> 1) & (kPeersMax - 1);
}

}  // namespace netmsg::proxy
