// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/active_lanes.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace netmsg::session {

void ActiveLanes::join(Member& member) {
  member.active_at_ = busy_rounds_;
  if (std::exchange(member.active_, true)) return;
  member.place_ = members_.size();
  members_.push_back(&member);
  post_turn();
}

void ActiveLanes::leave(Member& member) {
  if (!std::exchange(member.active_, false)) return;
  members_[member.place_] = nullptr;
  if (!in_round_) forget_gone();
}

// Outside of a round there is nothing to wait for.
void ActiveLanes::answered(Member& member) {
  join(member);
  if (!in_round_) return member.ring();
  member.owed_ring_ = true;
  any_owed_ = true;
}

void ActiveLanes::post_turn() {
  if (std::exchange(turn_posted_, true)) return;
  asio::post(io_, [self = shared_from_this()] { self->turn(); });
}

void ActiveLanes::turn() {
  turn_posted_ = false;
  for (int left = kRoundsPerTurn; left > 0 && !members_.empty(); --left) {
    if (round()) continue;
    if (!goes_on_waiting()) {
      park_all();
      break;
    }
    local::yield_once(patience_);
  }
  if (!members_.empty()) post_turn();
}

bool ActiveLanes::round() {
  in_round_ = true;
  const bool found = look_at_all();
  ring_owed();
  in_round_ = false;
  forget_gone();
  if (found && std::exchange(waiting_, false)) patience_.over(Clock::now());
  return found;
}

// Members may join and leave meanwhile: places stay where they are. Who joins is looked at in the next round, or a round
// would not end as long as lanes are answered and ask again.
bool ActiveLanes::look_at_all() {
  bool found = false;
  for (std::size_t at = 0, count = members_.size(); at < count; ++at) {
    Member* const member = members_[at];
    if (member == nullptr) continue;
    const bool some = member->look();
    found = found || some;
    if (members_[at] == nullptr) continue;
    if (some) member->active_at_ = busy_rounds_;
    if (busy_rounds_ - member->active_at_ > kBusyRoundsMax) park(*member);
  }
  if (found) ++busy_rounds_;
  return found;
}

// Who is told may leave something for another one: a lane that turns out to be broken ends.
void ActiveLanes::ring_owed() {
  while (std::exchange(any_owed_, false)) {
    for (std::size_t at = 0; at < members_.size(); ++at) {
      if (Member* const member = members_[at]; member != nullptr && std::exchange(member->owed_ring_, false))
        member->ring();
    }
  }
}

// A turn that found nothing is part of the same wait.
bool ActiveLanes::goes_on_waiting() {
  return std::exchange(waiting_, true) ? patience_.goes_on() : patience_.begin(Clock::now(), awake());
}

// As long as the most patient member. REQUIRES: outside of a round.
std::chrono::microseconds ActiveLanes::awake() const {
  std::chrono::microseconds longest{0};
  for (const Member* member : members_) longest = std::max(longest, member->awake());
  return longest;
}

void ActiveLanes::park_all() {
  in_round_ = true;
  for (Member* member : members_) {
    if (member != nullptr) park(*member);
  }
  in_round_ = false;
  forget_gone();
}

void ActiveLanes::park(Member& member) {
  member.active_at_ = busy_rounds_;
  if (member.park()) leave(member);
}

void ActiveLanes::forget_gone() {
  std::erase(members_, nullptr);
  for (std::size_t at = 0; at < members_.size(); ++at) members_[at]->place_ = at;
}

}  // namespace netmsg::session
