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

}  // namespace netmsg::proxy
