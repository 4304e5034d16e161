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
#include <span>

#include "proto/local/frame.h"
#include "proto/local/ring.h"

namespace netmsg::local {

// How a reader sleeps, in `asleep`.
enum class Sleep : std::uint32_t { kNot = 0, kAtTheBell = 1, kAtTheWord = 2 };

class RingWriter {
 public:
  explicit RingWriter(Ring& ring) : words_(&ring.words), bytes_(ring.bytes), window_(ring.window) {}

  // Begins a frame of `size` bytes; false: there is no room for it now (or the reader lies).
  bool begin(std::size_t size) {
    const std::uint64_t unread = std::max(words_->head.load(std::memory_order_acquire), start_);
    if (unread > tail_ || tail_ - unread > kRingBytes) return false;
    const bool is_empty = unread == tail_;
    if (size > kRingBytes - (tail_ - unread)) return false;
    next_start_ = is_empty ? (tail_ + kRingBytes - 1) / kRingBytes * kRingBytes : start_;
    cursor_ = is_empty ? next_start_ : tail_;
    in_window_ = false;
    return true;
  }
  // Begins a frame whose payload goes through the window, and puts its header. False: it is too large, or what was
  // written before is not read. REQUIRES: the window may be used.
  bool begin_in_window(FrameHeader header) {
    if (header.length > kWindowBytes || !was_read(tail_) || !begin(sizeof header)) return false;
    header.zero = kInWindow;
    put(&header, sizeof header);
    in_window_ = true;
    in_window_at_ = 0;
    return true;
  }
  // The client's: may the window be used, until stop_filling()? False: not now.
  bool start_filling() {
    words_->filling.store(1, std::memory_order_seq_cst);
    if (words_->window.load(std::memory_order_seq_cst) != 0) return true;
    stop_filling();
    return false;
  }
  // Published, or not begun.
  void stop_filling() { words_->filling.store(0, std::memory_order_seq_cst); }
  // The frame's next bytes. REQUIRES: begun, and no more than announced.
  void put(const void* from, std::size_t size) {
    if (size == 0) return;  // and `from` perhaps null
    if (in_window_) return put_in_window(from, size);
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
  // After publish(): has the reader to be woken, by us, and where? What is no Sleep is one at the bell.
  Sleep take_sleeper() {
    if (words_->asleep.load(std::memory_order_seq_cst) == 0) return Sleep::kNot;
    const auto slept = static_cast<Sleep>(words_->asleep.exchange(0, std::memory_order_seq_cst));
    return slept == Sleep::kNot || slept == Sleep::kAtTheWord ? slept : Sleep::kAtTheBell;
  }
  bool wake_due() { return take_sleeper() != Sleep::kNot; }
  std::atomic<std::uint32_t>& sleep_word() { return words_->asleep; }
  // A frame goes another way (ring.h).
  void count_elsewhere() { words_->elsewhere.fetch_add(1, std::memory_order_seq_cst); }

  // Where what was published ends.
  std::uint64_t end() const { return tail_; }
  // Has the reader taken what was before `end`?
  bool was_read(std::uint64_t end) const { return words_->head.load(std::memory_order_acquire) >= end; }

 private:
  void put_in_window(const void* from, std::size_t size) {
    std::memcpy(window_ + in_window_at_, from, size);
    in_window_at_ += size;
  }

  RingWords* words_;
  std::byte* bytes_;
  std::byte* window_;
  bool in_window_ = false;        // there goes what is put
  std::size_t in_window_at_ = 0;  // likewise
  std::uint64_t start_ = 0;       // as published
  std::uint64_t tail_ = 0;        // likewise
  std::uint64_t next_start_ = 0;
  std::uint64_t cursor_ = 0;  // of the frame that was begun
};

class RingReader {
 public:
  explicit RingReader(Ring& ring) : words_(&ring.words), bytes_(ring.bytes), window_(ring.window) {}

  enum class Look { kEmpty, kSome, kBroken };
  // Is there anything? kBroken: the words cannot be true.
  Look look() {
    if (available() != 0) return Look::kSome;
    const std::uint64_t tail = words_->tail.load(std::memory_order_acquire);
    if (tail == tail_) return Look::kEmpty;
    const std::uint64_t from = std::max(cursor_, words_->start.load(std::memory_order_relaxed));
    if (from >= tail || tail - from > kRingBytes) return Look::kBroken;
    tail_ = tail;
    cursor_ = from;
    return Look::kSome;
  }
  // The header that was taken says that its payload, of so many bytes, is in the window: it comes next. False: it cannot be.
  bool go_to_window(std::size_t size) {
    if (size > kWindowBytes) return false;
    window_left_ = size;
    window_at_ = 0;
    return true;
  }
  // What look() has found and take() has not taken: of the window as long as something of it is left.
  std::size_t available() const {
    return window_left_ > 0 ? window_left_ : static_cast<std::size_t>(tail_ - cursor_);
  }
  // Copies the next bytes, which the writer may overwrite from release() on. REQUIRES: as many are available.
  void take(void* to, std::size_t size) {
    if (size == 0) return;  // and `to` perhaps null
    const Pieces next = peek(size);
    std::memcpy(to, next.first.data(), next.first.size());
    if (!next.second.empty())
      std::memcpy(static_cast<std::byte*>(to) + next.first.size(), next.second.data(), next.second.size());
    std::atomic_signal_fence(std::memory_order_seq_cst);
    skip(size);
  }
  // The next bytes where they are, for who copies them, once: the other side may change them at any moment. REQUIRES: as
  // many are available.
  struct Pieces {
    std::span<const std::byte> first;
    std::span<const std::byte> second;
  };
  Pieces peek(std::size_t size) const {
    if (window_left_ > 0) return {{window_ + window_at_, size}, {}};
    const std::size_t at = cursor_ % kRingBytes;
    const std::size_t first = std::min(size, kRingBytes - at);
    return {{bytes_ + at, first}, {bytes_, size - first}};
  }
  // As take(), into nowhere.
  void skip(std::size_t size) {
    if (window_left_ == 0) {
      cursor_ += size;
      return;
    }
    window_left_ -= size;
    window_at_ += size;
  }
  // What was taken may be overwritten: of a window when all of it was.
  void release() {
    if (window_left_ == 0) words_->head.store(cursor_, std::memory_order_release);
  }

  // The daemon's: the window may be used.
  void open_window() { words_->window.store(1, std::memory_order_seq_cst); }
  // It may not be used from now on. False: it is being used, and may be. REQUIRES: look() found nothing.
  bool close_window() {
    words_->window.store(0, std::memory_order_seq_cst);
    if (words_->filling.load(std::memory_order_seq_cst) == 0 &&
        words_->tail.load(std::memory_order_seq_cst) == tail_)
      return true;
    open_window();
    return false;
  }

  // Asks to be woken. False: something has come meanwhile, nobody need do so. REQUIRES: look() found nothing.
  bool fall_asleep(Sleep how = Sleep::kAtTheBell) {
    words_->asleep.store(static_cast<std::uint32_t>(how), std::memory_order_seq_cst);
    if (words_->tail.load(std::memory_order_seq_cst) == tail_) return true;
    wake();
    return false;
  }
  void wake() { words_->asleep.store(0, std::memory_order_relaxed); }
  std::atomic<std::uint32_t>& sleep_word() { return words_->asleep; }

  // Frames that went another way, so far.
  std::uint32_t elsewhere() const { return words_->elsewhere.load(std::memory_order_seq_cst); }

 private:
  RingWords* words_;
  const std::byte* bytes_;
  const std::byte* window_;
  std::size_t window_left_ = 0;  // of a payload in it
  std::size_t window_at_ = 0;
  std::uint64_t tail_ = 0;    // as last seen
  std::uint64_t cursor_ = 0;  // what comes next
};

}  // namespace netmsg::local
