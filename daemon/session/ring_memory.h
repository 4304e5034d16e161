// SPDX-License-Identifier: Apache-2.0
// The memory of a ring lane (proto/local/ring.h): made, sealed and mapped by the daemon. Its size never changes, so no
// access of ours can fault, whatever the client does to the file. Owner: the ring channel.
#pragma once

#include <optional>
#include <utility>

#include "daemon/base/unique_fd.h"
#include "proto/local/ring.h"

namespace netmsg::session {

class RingMemory {
 public:
  // The memory, and in *file the descriptor that the client is given. Nothing if the system has none left.
  static std::optional<RingMemory> make(base::UniqueFd* file);
  RingMemory(RingMemory&& other) noexcept : pair_(std::exchange(other.pair_, nullptr)) {}
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  // The pages of both windows are no more, until somebody writes there. Waits for whoever holds the file's lock.
  void give_back_windows() const;

  local::RingPair& operator*() const { return *pair_; }
  local::RingPair* operator->() const { return pair_; }

 private:
  explicit RingMemory(local::RingPair* pair) : pair_(pair) {}
  local::RingPair* pair_;  // null: moved from
};

}  // namespace netmsg::session
