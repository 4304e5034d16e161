// SPDX-License-Identifier: Apache-2.0
#include "proxy/flight.h"

namespace netmsg::proxy {

void Flight::took_off(const PortUid& port, FrameNumber number) {
  const ByPort::iterator messages = by_port_.emplace(port).first;
  messages->second.numbers.push_back(number);
  ++messages->second.not_landed;
  in_order_.emplace_back(number, messages);
}

std::uint32_t Flight::outstanding(const PortUid& port, FrameNumber as_of) {
  const ByPort::iterator found = by_port_.find(port);
  if (found == by_port_.end()) return 0;
  forget_up_to(found->second, as_of);
  return static_cast<std::uint32_t>(found->second.numbers.size());
}

void Flight::landed(FrameNumber number) {
  for (; !in_order_.empty() && in_order_.front().first <= number; in_order_.pop_front()) {
    const ByPort::iterator port = in_order_.front().second;
    forget_up_to(port->second, number);
    if (--port->second.not_landed == 0) by_port_.erase(port);
  }
}

void Flight::forget_up_to(Messages& messages, FrameNumber number) {
  while (!messages.numbers.empty() && messages.numbers[0] <= number) messages.numbers.pop_front();
}

}  // namespace netmsg::proxy
