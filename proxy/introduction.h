// SPDX-License-Identifier: Apache-2.0
// What the three daemons of an introduction call it (peer.proto, exchange 10).
#pragma once

#include <compare>
#include <cstdint>

#include "proxy/port_uid.h"

namespace netmsg::proxy {

struct IntroductionId {
  Origin introducer;
  std::uint64_t nonce = 0;  // of one counter of the introducer's

  bool operator==(const IntroductionId&) const = default;
  std::strong_ordering operator<=>(const IntroductionId& other) const {
    if (const auto order = nonce <=> other.nonce; std::is_neq(order)) return order;
    return introducer <=> other.introducer;
  }
};

// Rights that arrived dead because their introduction has failed. A program gets MACH_PORT_DEAD for one, which is no name
// that could be asked about; so the reason is told with the peer that has introduced it.
struct DeadIntroductions {
  std::uint64_t count = 0;  // since the start
  const char* last = "";    // why the last one is
};

}  // namespace netmsg::proxy
