// SPDX-License-Identifier: Apache-2.0
// Which of our messages to a port the home did not know of when it told us its
// room (peer.proto, exchange 5). One for each session. Kept by uid and not by proxy, so that a proxy that
// is made again while messages of its forerunner are under way starts with the right count.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "daemon/base/ring_queue.h"
#include "proxy/port_uid.h"
#include "proxy/uid_map.h"

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
  struct Messages {
    base::RingQueue<FrameNumber> numbers;  // that the home did not know of
    std::size_t not_landed = 0;            // in in_order_, above 0
  };
  using ByPort = UidMap<Messages>;

  static void forget_up_to(Messages& messages, FrameNumber number);

  std::deque<std::pair<FrameNumber, ByPort::iterator>> in_order_;
  ByPort by_port_;
};

}  // namespace netmsg::proxy
