// SPDX-License-Identifier: Apache-2.0
// The shared-memory floor, written by hand: a ring of bytes each way, one writer and one reader; who waits looks and
// yields for 20 us, announces that he sleeps, and sleeps on a futex. No checks of what the other side writes: this is
// what the machine can do, not what a daemon may.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "tests/bench/wire.h"

namespace netmsg::bench {

// Where one process sleeps, whatever it waits for.
struct Bell {
  alignas(64) std::atomic<std::uint32_t> sleeping;
};
void ring(Bell& bell);
void sleep_unless(Bell& bell, const std::function<bool()>& ready);

// One direction. In shared memory that begins as zero; its bytes follow it.
class Ring {
 public:
  static constexpr std::size_t kHeadBytes = 192;
  static std::size_t capacity_for(std::size_t frame_bytes);

  bool push(std::span<const std::byte> frame, std::size_t capacity);
  // The next frame, in place; it is there until release().
  std::span<const std::byte> front(std::size_t capacity) const;
  void release(std::span<const std::byte> frame, std::size_t capacity);
  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_relaxed);
  }

 private:
  std::byte* at(std::uint64_t position, std::size_t capacity) const;

  alignas(64) std::atomic<std::uint64_t> head_;  // written so far
  alignas(64) std::atomic<std::uint64_t> tail_;  // read so far
};

// Both directions, as the process that makes the processes sees them.
struct RingPair {
  Ring* out = nullptr;
  Ring* in = nullptr;
  Bell* own = nullptr;
  Bell* other = nullptr;
  std::size_t capacity = 0;

  RingPair flipped() const { return {in, out, other, own, capacity}; }
};

class RingWire final : public Wire {
 public:
  explicit RingWire(RingPair pair) : pair_(pair) {}

  void send(std::span<const std::byte> frame) override;
  void flush() override { ring(*pair_.other); }
  std::span<const std::byte> receive() override;
  std::span<const std::byte> poll() override;
  bool empty() const { return pair_.in->empty(); }

 private:
  RingPair pair_;
  std::vector<std::byte> frame_;  // a copy: as a receiver has it
};

// The memory for `pairs` pairs of rings for frames up to `frame_bytes`.
class RingMemory {
 public:
  RingMemory(unsigned pairs, std::size_t frame_bytes);
  // Pair `number` between the processes that sleep at these bells.
  RingPair pair(unsigned number, unsigned own_bell, unsigned other_bell) const;
  Bell& bell(unsigned number) const;

 private:
  std::size_t capacity_;
  SharedMemory bells_;
  SharedMemory rings_;
};

}  // namespace netmsg::bench
