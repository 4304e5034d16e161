// SPDX-License-Identifier: Apache-2.0
// The names of one space: name -> entry in O(1), and which name comes next (spec 01 §2). The engine chooses
// small integers upwards; a freed name rests until at least kQuarantine later frees, so that a stale use of
// it meets KERN_INVALID_NAME instead of somebody else's right. Names far above those (chosen by the caller)
// are kept apart.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "daemon/base/ring_queue.h"
#include "daemon/ipc/entry.h"

namespace netmsg::ipc {

class NameTable {
 public:
  static constexpr std::size_t kQuarantine = 1024;

  // `limit` entries at most, `first` is the first name the engine chooses.
  NameTable(std::uint32_t limit, Name first) : limit_(limit), next_(first) {}

  std::uint32_t size() const { return size_; }
  bool full() const { return size_ >= limit_; }

  // Null if the name denotes nothing.
  Entry* find(Name name);

  // A name nobody uses; the caller inserts it next. REQUIRES: !full().
  Name pick();

  // REQUIRES: the name is valid and denotes nothing; !full().
  Entry& insert(Name name);

  // The entry leaves the table; the caller decides what becomes of its rights. The name starts to rest.
  // REQUIRES: the name denotes something.
  Entry remove(Name name);

  // In ascending order of names. `visit(Name, Entry&)` must not insert or remove.
  template <typename Visitor>
  void for_each(Visitor visit) {
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      for (std::size_t at = 0; at < kPageSize; ++at) {
        Slot& slot = (*pages_[page])[at];
        if (slot.used) visit(static_cast<Name>(page * kPageSize + at + 1), slot.entry);
      }
    }
    for (auto at = far_.begin(); at != far_.end();) {
      auto& [name, slot] = *at++;
      if (slot.used) visit(name, slot.entry);
    }
  }

 private:
  static constexpr std::size_t kPageSize = 4;  // most programs have few names, and an idle one has these

  static constexpr std::uint64_t kFreesMax =
      ~std::uint64_t{0} >> 2;  // never reached: the mask is for the compiler
  struct Slot {
    Entry entry;                         // holds nothing unless it is used
    std::uint64_t rests_since : 62 = 0;  // number of the free that put it to rest; 0: not resting
    bool rested : 1 = false;             // listed in rested_
    bool used : 1 = false;
  };
  using Page = std::array<Slot, kPageSize>;
  struct Resting {
    Name name = kNullName;
    std::uint64_t since = 0;
  };

  // In the pages, if there are so many; the null name would be in none.
  static std::size_t place_of(Name name) { return static_cast<Name>(name - 1); }
  bool is_near(Name name) const { return place_of(name) / kPageSize < pages_.size(); }
  Slot& near_slot(Name name) { return (*pages_[place_of(name) / kPageSize])[place_of(name) % kPageSize]; }
  Slot* slot(Name name);
  Slot& make_slot(Name name);
  void grow();
  void age();
  bool taken(Name name);

  std::uint32_t limit_;
  std::uint32_t size_ = 0;
  Name next_;  // no name above it has been chosen by the engine
  std::uint64_t frees_ = 0;
  std::vector<std::unique_ptr<Page>> pages_;  // names up to pages_.size() * kPageSize
  std::map<Name, Slot> far_;                  // all others; a resting slot is forgotten when its rest is over
  base::RingQueue<Resting> quarantine_;       // kQuarantine at most, oldest first
  base::RingQueue<Name> rested_;  // near names to be used again, each once; some may be in use by now
};

}  // namespace netmsg::ipc
