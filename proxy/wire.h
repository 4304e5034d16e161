// SPDX-License-Identifier: Apache-2.0
// Batches as bytes. Reading is by hand, item by item, so that a peer's bytes never become more objects than
// one frame's; writing lets protobuf encode one part at a time, which is the same thing (peer.proto, Batch:
// joined Batches).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "proxy/net_id.h"
#include "proxy/rope.h"

namespace netmsg::proxy {

// peer.proto, "Limits".
inline constexpr std::size_t kBatchBytesMax = 1U << 20;
inline constexpr std::size_t kJoinedBytesMax = 8U << 20;
inline constexpr std::uint32_t kFrameMessageMax = 4U << 20;  // of a message, in the frame itself
inline constexpr std::size_t kChunkDataMax = 256U << 10;
inline constexpr std::size_t kChunkPiecesMax = 1024;
inline constexpr std::size_t kChunkBytesMax = 512U << 10;  // encoded
inline constexpr std::size_t kTransfersMax = 16;
inline constexpr std::uint32_t kBulkWindowMin = 64U << 10;
// Our own choices: more is never under way, whatever a peer would take; with more data than that a message does not travel in one frame.
inline constexpr std::uint32_t kBulkWindowMax = 16U << 20;
inline constexpr std::uint64_t kFrameDataBytes = 64U << 10;
inline constexpr std::uint32_t kRightsMax = 16384;
inline constexpr Serial kSerialMax = (Serial{1} << 48) - 1;

// Walks over the items of one or several joined Batches, in the order of the bytes.
class BatchReader {
 public:
  enum class Item { kHello, kFrame, kApplied, kFence, kEnd, kMalformed };

  // What `bytes` refers to outlives the reader.
  explicit BatchReader(const Rope& bytes) : rest_(bytes) {}

  // Skips unknown fields. After kEnd or kMalformed there is nothing more.
  Item next();
  // Of the item that next() has found: the encoded Hello, Frame or Fence.
  const Rope& bytes() const { return bytes_; }
  FrameNumber applied() const { return applied_; }

 private:
  Rope rest_;
  Rope bytes_;
  FrameNumber applied_ = 0;
};

// Decodes one Frame; chunk.h does it for chunks. False: malformed, or more than kRightsMax rights (seen before memory is
// spent on them).
bool read_frame(const Rope& bytes, v1::Frame& frame);
bool read_hello(const Rope& bytes, v1::Hello& hello);
bool read_fence(const Rope& bytes, v1::Fence& fence);

// Collects what is to be sent into messages of at most kBatchBytesMax, unless one frame alone is larger.
class BatchWriter {
 public:
  void hello(const v1::Hello& hello);
  // Encodes it for this once.
  void frame(const v1::Frame& frame);
  // A frame that is kept encoded (frame_bytes.h).
  void item(std::string_view frame);
  // A chunk that is encoded already, as an item of a Batch: its bytes become the message's.
  void chunk(std::string frame);
  // Each message made from now on by take() ends with this.
  void applied(FrameNumber number) { applied_ = number; }
  // REQUIRES: nothing is added afterwards.
  void fence(const v1::Fence& fence);

  bool empty() const { return done_.empty() && current_.empty(); }
  // What has been collected; a single bare acknowledgement if that is nothing.
  std::vector<std::string> take();

 private:
  void append(const v1::Batch& part);
  void make_room(std::size_t size);
  void close_current();

  std::vector<std::string> done_;
  std::string current_;
  FrameNumber applied_ = 0;
};

}  // namespace netmsg::proxy
