// SPDX-License-Identifier: Apache-2.0
// The data of a message that travels in chunks ahead of it (peer.proto, exchange 9): its parts, by reference, to be read
// piece by piece. It is kept until the peer has applied its last chunk, so that any chunk can be read again. No rights.
// Owner: the transfer, and the frames of its chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/ipc/memory.h"
#include "daemon/ipc/message.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/net_id.h"

namespace netmsg::proxy {

class Cargo {
 public:
  // Where the next chunk begins.
  struct Place {
    std::size_t part = 0;
    std::uint64_t offset = 0;
  };

  // Null if the message is small enough to travel in one frame. Else takes its data over: the message keeps its header,
  // its rights, and a body that is small itself.
  static std::shared_ptr<const Cargo> unload(ipc::Message& message);

  // Gives the message back what was taken over.
  void restore(ipc::Message& message) const;

  struct Chunk {
    std::string frame;       // as an item of a Batch; empty: the memory cannot be read
    std::uint64_t data = 0;  // bytes of it
    Place next = {};         // where the next one begins
  };
  // The chunk of this transfer that begins at `place`, with `data_max` bytes unless there are less, or too many pieces: the
  // place and the data of a chunk make the same one again. REQUIRES: !at_end(place).
  Chunk load(std::uint64_t transfer, FrameNumber number, Place place, std::uint64_t data_max) const;
  bool at_end(const Place& place) const { return place.part == parts_.size(); }

 private:
  struct Part {
    ipc::MemoryRef memory;
    std::uint64_t begin;   // in the memory
    std::uint64_t length;  // above 0
    v1::Part head;
    std::span<const std::byte> here{};  // its bytes, where they can be had without being read
  };

  void add_body(ipc::Message& message);
  void add_memory(const ipc::Message& message);
  // Bytes of a part that follow each other in a chunk, and what stands before them.
  struct Piece {
    std::string head;
    const Part* part;
    std::uint64_t offset;
    std::uint64_t size;
  };
  Piece piece_at(Place& place, std::uint64_t room) const;
  static bool append(const Piece& piece, std::string& frame);

  std::vector<Part> parts_;  // not empty
};

// Where a chunk comes from: it can be loaded again.
struct Lading {
  std::uint64_t transfer;
  std::shared_ptr<const Cargo> cargo;
  Cargo::Place place;
  std::uint64_t data;
};

}  // namespace netmsg::proxy
