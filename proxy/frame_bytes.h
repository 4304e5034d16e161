// SPDX-License-Identifier: Apache-2.0
// Frames as the bytes that they travel as: items of a Batch, encoded once, one behind the other. They stay where they are
// until they are dropped, the earliest first, so a stream that resumes carries the same bytes again. One for each session.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>

#include "netmsg/v1/peer.pb.h"
#include "proxy/net_id.h"

namespace netmsg::proxy {

class FrameBytes {
 public:
  // The frame with this number, as an item of a Batch. Valid until it is dropped. REQUIRES: the frame itself has none.
  std::string_view add(const v1::Frame& frame, FrameNumber number);
  // The first one, which has so many bytes, is not needed any more.
  void drop(std::size_t size);

  // In memory, also what is not used.
  std::size_t capacity() const { return capacity_; }

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t capacity;
    std::size_t used = 0;
    std::size_t dropped = 0;  // of these
  };

  char* make_room(std::size_t size);
  void release_first();

  std::deque<Block> blocks_;  // all but the last one have something that is not dropped
  std::size_t capacity_ = 0;
};

}  // namespace netmsg::proxy
