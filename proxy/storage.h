// SPDX-License-Identifier: Apache-2.0
// The seam to where out-of-line memory from peers is kept while it comes and afterwards, so that large memory is not in
// the daemon's heap (peer.proto, exchange 9). The composition root gives one whose memory it can hand to programs; without
// one it all stays here. Owner thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "daemon/ipc/memory.h"
#include "proxy/link_slot.h"

namespace netmsg::proxy {

// One piece of memory that is coming. Destroyed at any time it leaves nothing behind.
class Site {
 public:
  virtual ~Site() = default;
  // The next bytes; never more than it was begun for. False: there is no room for them; only to be destroyed then.
  virtual bool append(std::span<const std::byte> bytes) = 0;
  // All bytes have come. None: it cannot be had. REQUIRES: nothing else is called afterwards.
  virtual ipc::MemoryRef finish() = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;
  // For `length` bytes, above 0, that belong at `address` within their page. It charges them to that peer, from now until
  // the last reference to the memory is gone. Null: the peer may not have more, or there is no room.
  virtual std::unique_ptr<Site> begin(PeerIndex peer, std::uint64_t length, std::uint32_t address) = 0;
};

}  // namespace netmsg::proxy
