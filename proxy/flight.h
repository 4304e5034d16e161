// SPDX-License-Identifier: Apache-2.0
// Which of our messages to a port the home did not know of when it told us its
// room (peer.proto, exchange 5). One for each session. Kept by uid and not by proxy, so that a proxy that
// is made again while messages of its forerunner are under way starts with the right count.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "proxy/port_uid.h"

namespace netmsg::proxy {

class Flight {
 public:
  // Our frame `number` is a message to `port`. REQUIRES: numbers only grow.
  void took_off(const PortUid& port, FrameNumber number);
  // How many of them have numbers above as_of. REQUIRES: as_of never goes back for one port.
  std::uint32_t outstanding(const PortUid& port, FrameNumber as_of);
  // The home has applied our frames up to `number`.
  void landed(FrameNumber number);

 private:
  void forget_up_to(const PortUid& port, FrameNumber number);

  std::deque<std::pair<FrameNumber, PortUid>> in_order_;
  std::map<PortUid, std::deque<FrameNumber>> by_port_;  // no empty ones
};

}  // namespace netmsg::proxy
