// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory on its way (spec 02 §9): a handle to a memory object whose bytes never change again.
// States: none (length 0), or an object. Many handles may share one object, since nobody can tell; who keeps one
// pays for the whole length (Charge). Threads: any.
//
// The bytes are reached through read() alone: where they are kept is this file's business. The engine passes
// data on and never looks at it; the only regions that it reads are arrays of names, on their way in.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "daemon/base/check.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class MemoryRef {
 public:
  MemoryRef() = default;  // none
  static MemoryRef of(Bytes bytes) { return MemoryRef(std::move(bytes)); }

  std::uint64_t length() const { return bytes_ ? bytes_->size() : 0; }
  // Copies `into.size()` bytes out, from `offset` on. REQUIRES: they lie within the object.
  void read(std::uint64_t offset, std::span<std::byte> into) const {
    NETMSG_CHECK(offset <= length());
    NETMSG_CHECK(into.size() <= length() - offset);
    if (!into.empty()) std::memcpy(into.data(), bytes_->data() + offset, into.size());
  }

 private:
  explicit MemoryRef(Bytes bytes) : bytes_(std::make_shared<const Bytes>(std::move(bytes))) {}
  std::shared_ptr<const Bytes> bytes_;
};

// An out-of-line item of a message that is not empty. `memory` is none while the item is an array of rights in
// transit: the rights are in the message, and the array is made with the receiver's names.
struct Region {
  std::uint32_t slot;        // where its address goes: offset from the start of the message
  std::uint32_t rights = 0;  // elements of an array of rights; 0: data
  MemoryRef memory = {};
};

// Data arrives at the same offset within its page as it had at the sender's (02 §9). While the message is in
// transit that offset is all that stands in an address slot.
inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t page_offset(std::uint64_t address) {
  return address % kPageSize;
}

}  // namespace netmsg::ipc
