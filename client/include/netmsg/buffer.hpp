// SPDX-License-Identifier: Apache-2.0
// Room for the bytes of a message: small ones in the object itself, others in memory that grows. Owns bytes only;
// what they stand for is Message's and ReceivedMessage's. The header is all zero in a new one, and in one that has
// been moved from.
#pragma once

#include <mach/message.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace netmsg::detail {

class Buffer {
 public:
  Buffer() { *header() = {}; }
  ~Buffer() = default;
  Buffer(Buffer&& other) noexcept { take(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

  std::byte* data() { return grown_ == nullptr ? inline_ : reinterpret_cast<std::byte*>(grown_.get()); }
  const std::byte* data() const { return const_cast<Buffer*>(this)->data(); }
  mach_msg_header_t* header() { return reinterpret_cast<mach_msg_header_t*>(data()); }
  const mach_msg_header_t* header() const { return reinterpret_cast<const mach_msg_header_t*>(data()); }
  std::uint32_t capacity() const { return capacity_; }

  // Room for `size` bytes, the first `used` of which stay. False: no memory, and nothing has changed.
  bool reserve(std::uint64_t size, std::uint32_t used) {
    if (size <= capacity_) return true;
    if (size > kLargest) return false;
    const std::uint64_t words =
        std::max<std::uint64_t>(size, std::uint64_t{2} * capacity_) / sizeof(Word) + 1;
    std::unique_ptr<Word[]> grown(new (std::nothrow) Word[words]);
    if (grown == nullptr) return false;
    std::memcpy(grown.get(), data(), used);
    grown_ = std::move(grown);
    capacity_ = static_cast<std::uint32_t>(words * sizeof(Word));
    return true;
  }

 private:
  using Word = std::uint64_t;  // messages are aligned to 8 bytes
  static constexpr std::uint32_t kInline = 256;
  // Far above what any daemon takes; below it no computation overflows.
  static constexpr std::uint64_t kLargest = std::uint64_t{1} << 30;

  void take(Buffer& other) {
    grown_ = std::move(other.grown_);
    capacity_ = std::exchange(other.capacity_, kInline);
    if (grown_ == nullptr) std::memcpy(inline_, other.inline_, kInline);
    *other.header() = {};
  }

  std::uint32_t capacity_ = kInline;
  std::unique_ptr<Word[]> grown_;  // set when inline_ has become too small; never cleared but by a move
  alignas(Word) std::byte inline_[kInline];
};

}  // namespace netmsg::detail
