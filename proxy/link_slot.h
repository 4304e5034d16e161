// SPDX-License-Identifier: Apache-2.0
// What we write into the engine's objects: Port::link_slot is the place of the port's entry in the registry, plus one
// (registry.h); an ipc::Receipt of a peer's message that was forced in says whose it is:
//
//   serial << 16 | index of the peer     serial never used again
#pragma once

#include <cstdint>

namespace netmsg::proxy {

using PeerIndex = std::uint32_t;
inline constexpr PeerIndex kPeersMax = 1U << 15;

inline constexpr std::uint64_t receipt_token(PeerIndex peer, std::uint64_t serial) {
  return serial << 16 | peer;
}
inline constexpr PeerIndex receipt_peer(std::uint64_t token) {
  return static_cast<PeerIndex>(token) & 0xFFFF;
}

}  // namespace netmsg::proxy
