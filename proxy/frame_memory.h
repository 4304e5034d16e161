// SPDX-License-Identifier: Apache-2.0
// Memory for the objects of the frame that is being made or read, used again for the next one: a frame is several
// objects of protobuf's, each of which would be a block of the heap. One for the daemon; owner thread only.
#pragma once

#include <google/protobuf/arena.h>

#include <array>

#include "netmsg/v1/peer.pb.h"

namespace netmsg::proxy {

class FrameMemory {
 public:
  FrameMemory() : arena_(first_.data(), first_.size()) {}
  FrameMemory(const FrameMemory&) = delete;
  FrameMemory& operator=(const FrameMemory&) = delete;

  // A frame, empty at first. What is made of one may make another: the memory is used again when the first loan is over.
  class Loan {
   public:
    explicit Loan(FrameMemory& memory)
        : memory_(memory), frame_(google::protobuf::Arena::CreateMessage<v1::Frame>(&memory.arena_)) {
      ++memory_.loans_;
    }
    ~Loan() {
      if (--memory_.loans_ == 0) memory_.arena_.Reset();
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    v1::Frame& operator*() const { return *frame_; }
    v1::Frame* operator->() const { return frame_; }

   private:
    FrameMemory& memory_;
    v1::Frame* const frame_;
  };

 private:
  std::array<char, 4096> first_;  // more is taken from the heap, and given back
  google::protobuf::Arena arena_;
  unsigned loans_ = 0;
};

}  // namespace netmsg::proxy
