// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/ring_wire.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "tests/bench/futex.h"

namespace netmsg::bench {

namespace {

constexpr std::int64_t kYieldNs = 20000;
constexpr std::size_t kAlign = 8;
constexpr std::uint64_t kWrap = UINT64_MAX;  // instead of a length: the next frame is at the ring's start
constexpr std::size_t kBellBytes = sizeof(Bell);

std::size_t room_of(std::size_t frame_bytes) {
  return sizeof(std::uint64_t) + (frame_bytes + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

void ring(Bell& bell) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (bell.sleeping.load(std::memory_order_relaxed) != 0 && bell.sleeping.exchange(0) != 0)
    futex(bell.sleeping, FUTEX_WAKE, 1);
}

void sleep_unless(Bell& bell, const std::function<bool()>& ready) {
  const std::int64_t until = now_ns() + kYieldNs;
  while (now_ns() < until) {
    if (ready()) return;
    ::sched_yield();
  }
  bell.sleeping.store(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!ready()) futex(bell.sleeping, FUTEX_WAIT, 1);
  bell.sleeping.store(0);
}

// Small ones stay within the cache; four large frames fit.
std::size_t Ring::capacity_for(std::size_t frame_bytes) {
  return std::bit_ceil(std::max<std::size_t>(std::size_t{64} << 10, 4 * room_of(frame_bytes)));
}

std::byte* Ring::at(std::uint64_t position, std::size_t capacity) const {
  auto* const self = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(this));
  return self + kHeadBytes + position % capacity;
}

bool Ring::push(std::span<const std::byte> frame, std::size_t capacity) {
  std::uint64_t head = head_.load(std::memory_order_relaxed);
  const std::size_t room = room_of(frame.size());
  const std::size_t to_end = capacity - head % capacity;
  const std::size_t needed = room <= to_end ? room : to_end + room;
  if (head + needed - tail_.load(std::memory_order_acquire) > capacity) return false;
  if (room > to_end) {
    std::memcpy(at(head, capacity), &kWrap, sizeof kWrap);
    head += to_end;
  }
  const std::uint64_t length = frame.size();
  std::memcpy(at(head, capacity), &length, sizeof length);
  std::memcpy(at(head, capacity) + sizeof length, frame.data(), frame.size());
  head_.store(head + room, std::memory_order_release);
  return true;
}

std::span<const std::byte> Ring::front(std::size_t capacity) const {
  std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  if (head_.load(std::memory_order_acquire) == tail) return {};
  std::uint64_t length = 0;
  std::memcpy(&length, at(tail, capacity), sizeof length);
  if (length == kWrap) {
    tail += capacity - tail % capacity;
    std::memcpy(&length, at(tail, capacity), sizeof length);
  }
  return {at(tail, capacity) + sizeof length, length};
}

void Ring::release(std::span<const std::byte> frame, std::size_t capacity) {
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const bool wrapped = frame.data() != at(tail, capacity) + sizeof(std::uint64_t);
  const std::uint64_t skipped = wrapped ? capacity - tail % capacity : 0;
  tail_.store(tail + skipped + room_of(frame.size()), std::memory_order_release);
}

void RingWire::send(std::span<const std::byte> frame) {
  while (!pair_.out->push(frame, pair_.capacity)) {
    ring(*pair_.other);
    ::sched_yield();
  }
}

std::span<const std::byte> RingWire::poll() {
  const std::span<const std::byte> found = pair_.in->front(pair_.capacity);
  if (found.empty()) return {};
  frame_.assign(found.begin(), found.end());
  pair_.in->release(found, pair_.capacity);
  return frame_;
}

std::span<const std::byte> RingWire::receive() {
  for (;;) {
    const std::span<const std::byte> frame = poll();
    if (!frame.empty()) return frame;
    sleep_unless(*pair_.own, [this] { return !empty(); });
  }
}

namespace {

std::size_t ring_bytes(std::size_t capacity) {
  return Ring::kHeadBytes + capacity;
}

}  // namespace

RingMemory::RingMemory(unsigned pairs, std::size_t frame_bytes)
    : capacity_(Ring::capacity_for(frame_bytes)),
      bells_((pairs + 1) * 2 * kBellBytes),
      rings_(pairs * 2 * ring_bytes(capacity_)) {}

Bell& RingMemory::bell(unsigned number) const {
  return *reinterpret_cast<Bell*>(bells_.data() + number * kBellBytes);
}

RingPair RingMemory::pair(unsigned number, unsigned own_bell, unsigned other_bell) const {
  std::byte* const out = rings_.data() + std::size_t{2} * number * ring_bytes(capacity_);
  return {reinterpret_cast<Ring*>(out), reinterpret_cast<Ring*>(out + ring_bytes(capacity_)), &bell(own_bell),
          &bell(other_bell), capacity_};
}

}  // namespace netmsg::bench
