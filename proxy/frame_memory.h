// SPDX-License-Identifier: Apache-2.0
// Memory for the objects of the frame that is being made or read, used again for the next one: a frame is several
// objects of protobuf's, each of which would be a block of the heap. One for the daemon; owner thread only.
#pragma once

#include <google/protobuf/arena.h>

#include <array>
#include <cstddef>

#include "netmsg/v1/peer.pb.h"

namespace netmsg::proxy {

class FrameMemory {
 public:
  FrameMemory() : arena_(first_.data(), first_.size()) {}
  FrameMemory(const FrameMemory&) = delete;
  FrameMemory& operator=(const FrameMemory&) = delete;

  // A frame, empty at first, which will have about so many bytes of data. What is made of one may make another: the memory is
  // used again when no loan is left.
  class Loan {
   public:
    explicit Loan(FrameMemory& memory, std::size_t data = 0)
        : memory_(memory), frame_(google::protobuf::Arena::CreateMessage<v1::Frame>(&memory.arena_)) {
      ++memory_.loans_;
      memory_.spent_ += kFrameBytes + data;
    }
    ~Loan() {
      if (--memory_.loans_ == 0 && memory_.spent_ > memory_.first_.size() / 2) memory_.start_over();
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
  static constexpr std::size_t kFrameBytes = 512;  // its objects

  // Costs as much as the objects of a frame: so not for each.
  void start_over() {
    arena_.Reset();
    spent_ = 0;
  }

  std::array<char, 32U << 10> first_;  // more is taken from the heap, and given back
  google::protobuf::Arena arena_;
  unsigned loans_ = 0;
  std::size_t spent_ = 0;  // since it has started over, about
};

}  // namespace netmsg::proxy
