// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory on its way (spec 02 §9): a handle to a memory object whose bytes never change again.
// States: none (length 0), or an object. Many handles may share one object, since nobody can tell; who keeps one
// pays for the whole length (Charge). Threads: the owner's.
//
// Where the bytes are kept is the object's business: here, or outside of the daemon's memory (the session layer's
// sealed files), and then whoever makes the object charges for it. What is outside may be unreadable: the kernel has no
// memory to bring a page back. The engine passes data on and never looks at it; the only regions that it reads are
// arrays of names, on their way in, and those have to be here.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class MemoryObject {
 public:
  virtual ~MemoryObject() = default;
  virtual std::uint64_t length() const = 0;
  // Are the bytes in the daemon's own memory? Then they count as buffered.
  virtual bool is_here() const = 0;
  // Copies `into.size()` bytes out, from `offset` on. False: they cannot be had, which only happens if they are not
  // here; `into` is worthless then. REQUIRES: they lie within the object.
  [[nodiscard]] virtual bool read(std::uint64_t offset, std::span<std::byte> into) const = 0;
};

class MemoryRef {
 public:
  MemoryRef() = default;  // none
  explicit MemoryRef(std::shared_ptr<const MemoryObject> object) : object_(std::move(object)) {}
  static MemoryRef of(Bytes bytes) { return MemoryRef(std::make_shared<const Buffered>(std::move(bytes))); }

  std::uint64_t length() const { return object_ ? object_->length() : 0; }
  bool is_here() const { return !object_ || object_->is_here(); }
  std::uint64_t buffered_bytes() const { return is_here() ? length() : 0; }
  // As the object's.
  [[nodiscard]] bool read(std::uint64_t offset, std::span<std::byte> into) const {
    NETMSG_CHECK(offset <= length());
    NETMSG_CHECK(into.size() <= length() - offset);
    return into.empty() || object_->read(offset, into);
  }
  // The same. REQUIRES: is_here().
  void read_here(std::uint64_t offset, std::span<std::byte> into) const {
    NETMSG_CHECK(is_here());
    NETMSG_CHECK(read(offset, into));
  }
  // For whoever made it.
  const std::shared_ptr<const MemoryObject>& object() const { return object_; }

 private:
  class Buffered final : public MemoryObject {
   public:
    explicit Buffered(Bytes bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t length() const override { return bytes_.size(); }
    bool is_here() const override { return true; }
    bool read(std::uint64_t offset, std::span<std::byte> into) const override {
      std::memcpy(into.data(), bytes_.data() + offset, into.size());
      return true;
    }

   private:
    const Bytes bytes_;
  };

  std::shared_ptr<const MemoryObject> object_;
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
