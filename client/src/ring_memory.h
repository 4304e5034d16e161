// SPDX-License-Identifier: Apache-2.0
// The memory of a ring lane (proto/local/ring.h), mapped. A forked child does not have it: it could write into its parent's
// lane. States: empty, mapped. Owner: the channel.
#pragma once

#include <utility>

#include "client/src/descriptor.h"
#include "proto/local/ring.h"

namespace netmsg::client {

class RingMemory {
 public:
  // Of the file that came with a lane, which is closed; empty without one, or without room for it.
  explicit RingMemory(Descriptor file);
  RingMemory(RingMemory&& other) noexcept : pair_(std::exchange(other.pair_, nullptr)) {}
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  explicit operator bool() const { return pair_ != nullptr; }
  local::RingPair* operator->() const { return pair_; }
  // In a forked child, which has nothing there any more.
  void forget() { pair_ = nullptr; }

 private:
  local::RingPair* pair_ = nullptr;
};

}  // namespace netmsg::client
