// SPDX-License-Identifier: Apache-2.0
#include "proxy/flight.h"

namespace netmsg::proxy {

void Flight::took_off(Serial serial, FrameNumber number) {
  in_order_.emplace_back(number, serial);
  by_serial_[serial].push_back(number);
}

std::uint32_t Flight::outstanding(Serial serial, FrameNumber as_of) {
  forget_up_to(serial, as_of);
  const auto found = by_serial_.find(serial);
  return found == by_serial_.end() ? 0 : static_cast<std::uint32_t>(found->second.size());
}

void Flight::landed(FrameNumber number) {
  while (!in_order_.empty() && in_order_.front().first <= number) {
    forget_up_to(in_order_.front().second, number);
    in_order_.pop_front();
  }
}

void Flight::forget_up_to(Serial serial, FrameNumber number) {
  const auto found = by_serial_.find(serial);
  if (found == by_serial_.end()) return;
  std::deque<FrameNumber>& numbers = found->second;
  while (!numbers.empty() && numbers.front() <= number) numbers.pop_front();
  if (numbers.empty()) by_serial_.erase(found);
}

}  // namespace netmsg::proxy
