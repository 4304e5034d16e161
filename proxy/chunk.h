// SPDX-License-Identifier: Apache-2.0
// A chunk that has come (peer.proto, exchange 9), read where it lies: its data is copied once, to where it belongs. No
// rights. Refers to the bytes of its frame; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "proxy/net_id.h"
#include "proxy/rope.h"

namespace netmsg::proxy {

struct Chunk {
  struct Piece {
    std::optional<v1::Part> part;
    Rope data;
  };

  std::uint64_t data_bytes() const;

  FrameNumber number = 0;
  std::uint64_t transfer = 0;
  std::vector<Piece> pieces;  // of more than there may be, one too many
  bool dropped = false;
};

// Is it one? Whatever else the frame holds is not looked at then.
bool holds_chunk(Rope frame);
// Decodes a Frame with a chunk. False: malformed, or it is above kChunkBytesMax.
bool read_chunk(Rope frame, Chunk& chunk);

}  // namespace netmsg::proxy
