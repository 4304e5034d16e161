// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/windows.h"

#include <utility>

namespace netmsg::session {

bool Windows::open(Member& member, User& user, Users& users) {
  if (member.state_ != Member::State::kClosed) return false;
  WindowSlots slots = users.take_windows(user);
  if (!slots.of_user || !slots.of_all) return false;
  member.state_ = Member::State::kOpen;
  member.used_ = true;
  member.user_ = &user;
  member.slots_ = std::move(slots);
  members_.push_back(&member);
  if (members_.size() == 1) wait();
  return true;
}

void Windows::leave(Member& member) {
  if (member.state_ == Member::State::kClosed) return;
  std::erase(members_, &member);
  forget(member);
  if (members_.empty()) timer_.cancel();
}

void Windows::forget(Member& member) {
  member.state_ = Member::State::kClosed;
  member.slots_ = {};
}

void Windows::wait() {
  timer_.expires_after(kTick);
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->tick();
  });
}

void Windows::tick() {
  for (Member* member : members_) look_at(*member);
  std::erase_if(members_, [](const Member* member) { return member->state_ == Member::State::kClosed; });
  if (!members_.empty()) wait();
}

void Windows::look_at(Member& member) {
  if (member.state_ == Member::State::kLeaving) {
    if (member.being_given_back_.expired()) forget(member);
  } else if (!std::exchange(member.used_, false) && member.close_window()) {
    give_back(member);
  }
}

// The thread keeps the memory, also if the lane goes meanwhile; what it keeps it by tells when it is done.
void Windows::give_back(Member& member) {
  const auto held = std::make_shared<const std::shared_ptr<const RingMemory>>(member.memory());
  member.state_ = Member::State::kLeaving;
  member.being_given_back_ = held;
  member.user_->closer.run([held] { (*held)->give_back_windows(); });
}

}  // namespace netmsg::session
