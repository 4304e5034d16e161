// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/name_table.h"

#include <utility>

#include "daemon/base/check.h"

namespace netmsg::ipc {

NameTable::Slot* NameTable::slot(Name name) {
  if (is_near(name)) return &near_slot(name);
  const auto far = far_.find(name);
  return far == far_.end() ? nullptr : &far->second;
}

NameTable::Slot& NameTable::make_slot(Name name) {
  while (name <= next_ && !is_near(name)) grow();
  if (Slot* existing = slot(name)) return *existing;
  return far_[name];
}

// One more page; names that a caller chose in its range move in.
void NameTable::grow() {
  pages_.push_back(std::make_unique<Page>());
  while (!far_.empty() && is_near(far_.begin()->first)) {
    auto node = far_.extract(far_.begin());
    near_slot(node.key()) = std::move(node.mapped());
  }
}

Entry* NameTable::find(Name name) {
  Slot* found = slot(name);
  return found != nullptr && found->used ? &found->entry : nullptr;
}

// One more name is about to rest, so the rest of the oldest is over. A name that was taken by its number meanwhile, or freed again, is not
// meant.
void NameTable::age() {
  while (quarantine_.size() >= kQuarantine) {
    const Resting oldest = quarantine_.pop_front();
    Slot* found = slot(oldest.name);
    if (found == nullptr || found->rests_since != oldest.since) continue;
    found->rests_since = 0;
    if (!is_near(oldest.name)) {
      far_.erase(oldest.name);
    } else if (!found->rested) {
      found->rested = true;
      rested_.push_back(oldest.name);
    }
  }
}

bool NameTable::taken(Name name) {
  const Slot* found = slot(name);
  return found != nullptr && (found->used || found->rests_since != 0 || found->rested);
}

Name NameTable::pick() {
  NETMSG_CHECK(!full());
  while (!rested_.empty()) {
    const Name name = rested_.pop_front();
    slot(name)->rested = false;
    if (!taken(name)) return name;
  }
  while (taken(next_)) ++next_;
  return next_;
}

Entry& NameTable::insert(Name name) {
  NETMSG_CHECK(is_valid_name(name) && !full());
  Slot& free = make_slot(name);
  NETMSG_CHECK(!free.used);
  free.rests_since = 0;
  ++size_;
  free.used = true;
  return free.entry;
}

Entry NameTable::remove(Name name) {
  Slot* freed = slot(name);
  NETMSG_CHECK(freed != nullptr && freed->used);
  Entry entry = std::exchange(freed->entry, {});
  freed->used = false;
  freed->rests_since = ++frees_ & kFreesMax;
  --size_;
  age();
  quarantine_.push_back({name, frees_});
  return entry;
}

}  // namespace netmsg::ipc
