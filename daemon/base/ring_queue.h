// SPDX-License-Identifier: Apache-2.0
// A queue of values in one piece of memory that grows and is used again: a queue that stays short takes nothing from the
// heap (std::deque takes and frees a piece every few values, and some when it is empty). Not thread-safe.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "daemon/base/check.h"

namespace netmsg::base {

// A T that was moved from holds nothing, and neither does its default value.
template <typename T>
class RingQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  template <typename Value = T>
  void push_back(Value&& value) {
    push_back() = std::forward<Value>(value);
  }
  // A default value, or one that was moved from: all of it is to be set. Valid until the next one is added.
  T& push_back() {
    if (size_ == slots_.size()) grow();
    return slots_[place(size_++)];
  }
  // REQUIRES: !empty().
  T pop_front() {
    NETMSG_CHECK(size_ > 0);
    T value = std::move(slots_[first_]);
    first_ = place(1);
    --size_;
    return value;
  }
  // The value at this place in line. REQUIRES: at < size().
  T& operator[](std::size_t at) {
    NETMSG_CHECK(at < size_);
    return slots_[place(at)];
  }

 private:
  static constexpr std::size_t kSlotsMin = 8;

  std::size_t place(std::size_t at) const {
    const std::size_t sum = first_ + at;
    return sum < slots_.size() ? sum : sum - slots_.size();
  }
  void grow() {
    std::vector<T> larger(slots_.empty() ? kSlotsMin : 2 * slots_.size());
    for (std::size_t at = 0; at < size_; ++at) larger[at] = std::move(slots_[place(at)]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace netmsg::base
