// SPDX-License-Identifier: Apache-2.0
#include "proxy/told_rooms.h"

#include <utility>

namespace netmsg::proxy {

void ToldRooms::arrived(const PortUid& port) {
  const auto found = told_.find(port);
  if (found != told_.end()) ++found->second.used;
}

bool ToldRooms::can_wait(const PortUid& port, std::uint32_t room, base::Instant now) {
  const auto found = told_.find(port);
  if (found == told_.end()) return false;
  const std::uint32_t left = found->second.left();
  if (left <= room / 2 || left > room) return false;
  owed_.insert(port);
  if (!owed_since_) owed_since_ = now;
  return true;
}

void ToldRooms::told(const PortUid& port, std::uint32_t room) {
  told_[port] = {room, 0};
  not_owed(port);
}

void ToldRooms::one_more(const PortUid& port, std::uint32_t room) {
  if (told_.find(port) != told_.end()) told(port, room);
}

bool ToldRooms::one_more_unseen(const PortUid& port) {
  const bool was_owed = owed_.count(port) != 0;
  forget(port);
  return was_owed;
}

void ToldRooms::forget(const PortUid& port) {
  told_.erase(port);
  not_owed(port);
}

void ToldRooms::not_owed(const PortUid& port) {
  owed_.erase(port);
  if (owed_.empty()) owed_since_.reset();
}

std::vector<PortUid> ToldRooms::take_owed() {
  owed_since_.reset();
  const std::set<PortUid> owed = std::exchange(owed_, {});
  return {owed.begin(), owed.end()};
}

std::optional<std::uint32_t> ToldRooms::still_seen(const PortUid& port) const {
  return owed_.count(port) == 0 ? std::nullopt : std::optional(told_.at(port).left());
}

}  // namespace netmsg::proxy
