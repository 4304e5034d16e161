// SPDX-License-Identifier: Apache-2.0
// What the kernel says about a descriptor, now. What the event loop says may have been meant for another one, which was closed
// in the same turn: asio uses its records again at once. Who cannot find out by reading asks here.
#pragma once

#include <poll.h>

namespace netmsg::base {

// Is one of `events` (POLLIN ...), an error or the other side's end there? Does not wait. False also without a descriptor.
inline bool poll_now(int fd, short events) {
  pollfd waiting{fd, events, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

}  // namespace netmsg::base
