// SPDX-License-Identifier: Apache-2.0
// The two ends of one ring (ring.h), for whoever has it mapped: positions are kept here, and nothing that the other side
// can write is believed. Neither end allocates, blocks or makes a system call.
//
// Owner: the lane. Threads: one at a time for each end. A signal handler may leave any function here for good (by
// longjmp): then it has had no effect, or its whole effect, but for a frame that was begun, which never was.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "proto/local/ring.h"

namespace netmsg::local {

class RingWriter {
 public:
  explicit RingWriter(Ring& ring) : words_(&ring.words), bytes_(ring.bytes) {}

  // Begins a frame of `size` bytes; false: there is no room for it now (or the reader lies).
  bool begin(std::size_t size) {
    const std::uint64_t unread = std::max(words_->head.load(std::memory_order_acquire), start_);
    if (unread > tail_ || tail_ - unread > kRingBytes) return false;
    const bool is_empty = unread == tail_;
    if (size > kRingBytes - (tail_ - unread)) return false;
    next_start_ = is_empty ? (tail_ + kRingBytes - 1) / kRingBytes * kRingBytes : start_;
    cursor_ = is_empty ? next_start_ : tail_;
    return true;
  }
  // The frame's next bytes. REQUIRES: begun, and no more than announced.
  void put(const void* from, std::size_t size) {
    if (size == 0) return;  // and `from` perhaps null
    const std::size_t at = cursor_ % kRingBytes;
    const std::size_t first = std::min(size, kRingBytes - at);
    std::memcpy(bytes_ + at, from, first);
    std::memcpy(bytes_, static_cast<const std::byte*>(from) + first, size - first);
    cursor_ += size;
  }
  // The frame is the reader's now.
  void publish() {
    if (next_start_ != start_) words_->start.store(next_start_, std::memory_order_relaxed);
    start_ = next_start_;
    tail_ = cursor_;
    words_->tail.store(tail_, std::memory_order_seq_cst);
  }
  // After publish(): has the reader to be woken, by us?
  bool wake_due() {
    return words_->asleep.load(std::memory_order_seq_cst) != 0 &&
           words_->asleep.exchange(0, std::memory_order_seq_cst) != 0;
  }
  // A frame goes another way (ring.h).
  void count_elsewhere() { words_->elsewhere.fetch_add(1, std::memory_order_seq_cst); }

  // Where what was published ends.
  std::uint64_t end() const { return tail_; }
  // Has the reader taken what was before `end`?
  bool was_read(std::uint64_t end) const { return words_->head.load(std::memory_order_acquire) >= end; }

 private:
  RingWords* words_;
  std::byte* bytes_;
  std::uint64_t start_ = 0;  // as published
  std::uint64_t tail_ = 0;   // likewise
  std::uint64_t next_start_ = 0;
  std::uint64_t cursor_ = 0;  // of the frame that was begun
};

class RingReader {
 public:
  explicit RingReader(Ring& ring) : words_(&ring.words), bytes_(ring.bytes) {}

  enum class Look { kEmpty, kSome, kBroken };
  // Is there anything? kBroken: the words cannot be true.
  Look look() {
    if (cursor_ != tail_) return Look::kSome;
    const std::uint64_t tail = words_->tail.load(std::memory_order_acquire);
    if (tail == tail_) return Look::kEmpty;
    const std::uint64_t from = std::max(cursor_, words_->start.load(std::memory_order_relaxed));
    if (from >= tail || tail - from > kRingBytes) return Look::kBroken;
    tail_ = tail;
    cursor_ = from;
    return Look::kSome;
  }
  // What look() has found and take() has not taken.
  std::size_t available() const { return static_cast<std::size_t>(tail_ - cursor_); }
  // Copies the next bytes, which the writer may overwrite from release() on. REQUIRES: as many are available.
  void take(void* to, std::size_t size) {
    if (size == 0) return;  // and `to` perhaps null
    const std::size_t at = cursor_ % kRingBytes;
    const std::size_t first = std::min(size, kRingBytes - at);
    std::memcpy(to, bytes_ + at, first);
    std::memcpy(static_cast<std::byte*>(to) + first, bytes_, size - first);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    cursor_ += size;
  }
  // The same, into nowhere.
  void skip(std::size_t size) { cursor_ += size; }
  void release() { words_->head.store(cursor_, std::memory_order_release); }

  // Asks for a bell. False: something has come meanwhile, no bell is wanted. REQUIRES: look() found nothing.
  bool fall_asleep() {
    words_->asleep.store(1, std::memory_order_seq_cst);
    if (words_->tail.load(std::memory_order_seq_cst) == tail_) return true;
    wake();
    return false;
  }
  void wake() { words_->asleep.store(0, std::memory_order_relaxed); }

  // Frames that went another way, so far.
  std::uint32_t elsewhere() const { return words_->elsewhere.load(std::memory_order_acquire); }

 private:
  RingWords* words_;
  const std::byte* bytes_;
  std::uint64_t tail_ = 0;    // as last seen
  std::uint64_t cursor_ = 0;  // what comes next
};

}  // namespace netmsg::local
