// SPDX-License-Identifier: Apache-2.0
// The identifiers that daemons use among themselves (peer.proto, "Ids"): which daemon, which run of it, which
// port. Plain values; knowing one gives no power (spec 09 §4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace netmsg::proxy {

// A host's daemon, whichever run of it: 128 bits that its
// certificate carries as the URI `netmsg:node:<32 hex>`.
struct NodeId {
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const NodeId&) const = default;
  // As 128-bit big-endian numbers.
  bool operator<(const NodeId& other) const { return bytes < other.bytes; }

  // 32 lower-case hexadecimal digits, and back; nullopt for anything else.
  std::string hex() const;
  static std::optional<NodeId> from_hex(std::string_view text);
  // The 16 bytes as they stand in a frame, and back; nullopt for another length.
  std::string wire() const;
  static std::optional<NodeId> from_wire(std::string_view bytes);
};

// One run of a node's daemon: strictly increasing over the runs of one node.
using Incarnation = std::uint64_t;

// A port's number within the incarnation in which it was first exported. 0 is the name service; never reused.
using Serial = std::uint64_t;
inline constexpr Serial kNameServiceSerial = 0;

// A frame's number in its direction of a session: 1, 2, 3, ...
using FrameNumber = std::uint64_t;

}  // namespace netmsg::proxy
