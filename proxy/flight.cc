// SPDX-License-Identifier: Apache-2.0
#include "proxy/flight.h"

namespace netmsg::proxy {

void Flight::took_off(const PortUid& port, FrameNumber number) {
  in_order_.emplace_back(number, port);
  by_port_[port].push_back(number);
}

std::uint32_t Flight::outstanding(const PortUid& port, FrameNumber as_of) {
  forget_up_to(port, as_of);
  const auto found = by_port_.find(port);
  return found == by_port_.end() ? 0 : static_cast<std::uint32_t>(found->second.size());
}

void Flight::landed(FrameNumber number) {
  while (!in_order_.empty() && in_order_.front().first <= number) {
    forget_up_to(in_order_.front().second, number);
    in_order_.pop_front();
  }
}

void Flight::forget_up_to(const PortUid& port, FrameNumber number) {
  const auto found = by_port_.find(port);
  if (found == by_port_.end()) return;
  std::deque<FrameNumber>& numbers = found->second;
  while (!numbers.empty() && numbers.front() <= number) numbers.pop_front();
  if (numbers.empty()) by_port_.erase(found);
}

}  // namespace netmsg::proxy
