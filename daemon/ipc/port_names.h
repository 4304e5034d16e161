// SPDX-License-Identifier: Apache-2.0
// Port -> the name under which a space has send rights for it, in O(1). In one piece of memory, since most spaces have two or
// three of them: a node for each, and the buckets, are three times as much. Open addressing; the places behind one that becomes
// free move up, so none is ever passed by in vain. Ports' addresses are nobody's choice. Owner: the space. Owner thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Port;

class PortNames {
 public:
  std::size_t size() const { return size_; }

  // kNullName if it has none.
  Name find(const Port* port) const { return slots_.empty() ? kNullName : slots_[place_of(port)].name; }

  // From now on it is this one.
  void set(const Port* port, Name name) {
    if (4 * (size_ + 1) > 3 * slots_.size()) grow();
    Slot& slot = slots_[place_of(port)];
    if (slot.port == nullptr) ++size_;
    slot = {port, name};
  }

  // Idempotent.
  void erase(const Port* port) {
    if (slots_.empty()) return;
    std::size_t free = place_of(port);
    if (slots_[free].port == nullptr) return;
    for (std::size_t at = next(free); slots_[at].port != nullptr; at = next(at)) {
      if (!is_between(free, home_of(slots_[at].port), at)) slots_[std::exchange(free, at)] = slots_[at];
    }
    slots_[free] = {};
    --size_;
  }

 private:
  static constexpr std::size_t kSlotsMin = 4;

  struct Slot {
    const Port* port = nullptr;  // null: free
    Name name = kNullName;
  };

  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  // Where a search for it begins.
  std::size_t home_of(const Port* port) const {
    constexpr std::uint64_t kGoldenRatio =
        0x9E3779B97F4A7C15;  // of 2^64: neighbours end up far from each other
    return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(port) * kGoldenRatio) >> 32) &
           (slots_.size() - 1);
  }
  // Where it is, or would be. REQUIRES: there are slots, and one of them is free.
  std::size_t place_of(const Port* port) const {
    std::size_t at = home_of(port);
    while (slots_[at].port != port && slots_[at].port != nullptr) at = next(at);
    return at;
  }
  // On the way round from behind `begin` to `end`.
  static bool is_between(std::size_t begin, std::size_t at, std::size_t end) {
    return begin < end ? begin < at && at <= end : begin < at || at <= end;
  }
  void grow() {
    const std::vector<Slot> before =
        std::exchange(slots_, std::vector<Slot>(slots_.empty() ? kSlotsMin : 2 * slots_.size()));
    for (const Slot& slot : before) {
      if (slot.port != nullptr) slots_[place_of(slot.port)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two, or none
  std::size_t size_ = 0;
};

}  // namespace netmsg::ipc
