// SPDX-License-Identifier: Apache-2.0
// The data of a message that travels in chunks ahead of it (peer.proto, exchange 9): its parts, by reference, to be read
// piece by piece. It is kept until the peer has applied its last chunk, so that any chunk can be read again. No rights.
// Owner: the transfer, and the frames of its chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/ipc/memory.h"
#include "daemon/ipc/message.h"
#include "netmsg/v1/peer.pb.h"

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

  // Fills in the pieces of the chunk at `place`, as many as may be; returns where the next one begins. The same place
  // gives the same pieces. An empty chunk: the memory cannot be read. REQUIRES: !at_end(place).
  Place load(Place place, v1::Chunk& chunk) const;
  bool at_end(const Place& place) const { return place.part == parts_.size(); }

 private:
  struct Part {
    ipc::MemoryRef memory;
    std::uint64_t begin;   // in the memory
    std::uint64_t length;  // above 0
    v1::Part head;
  };

  void add_body(ipc::Message& message);
  void add_memory(const ipc::Message& message);
  bool load_piece(Place& place, std::uint64_t room, v1::Chunk& chunk) const;

  std::vector<Part> parts_;  // not empty
};

// Bytes of data in a chunk.
std::uint64_t data_bytes(const v1::Chunk& chunk);

}  // namespace netmsg::proxy
