// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/meetings.h"

#include <utility>

namespace netmsg::sim {

namespace {

// The shortest of what a daemon waits for a session, half a lease (peer.proto, exchange 12 step 6), by a clock that is fast.
constexpr Time kLong = std::chrono::milliseconds(2'300);

}  // namespace

Meetings::Meetings(std::size_t hosts, const Time& now) : hosts_(hosts), now_(now), ends_(hosts * hosts) {}

bool Meetings::opened(HostIndex here, HostIndex there) {
  const bool was_long = apart_for_long(here, there);
  end(here, there).open = true;
  return was_long;
}

void Meetings::ended(HostIndex here, HostIndex there) {
  End& other = end(there, here);
  other.alone = other.open;
  end(here, there) = {false, false, now_};
}

bool Meetings::someone_is_apart(std::uint32_t hosts) const {
  return are_any(hosts, &Meetings::apart_for_long);
}

bool Meetings::someone_is_alone(std::uint32_t hosts) const {
  return are_any(hosts, &Meetings::half_over);
}

bool Meetings::are_any(std::uint32_t hosts, bool (Meetings::*what)(HostIndex, HostIndex) const) const {
  for (HostIndex a = 0; a < hosts_; ++a) {
    for (HostIndex b = a + 1; b < hosts_; ++b) {
      if ((hosts >> a & 1) != 0 && (hosts >> b & 1) != 0 && (this->*what)(a, b)) return true;
    }
  }
  return false;
}

bool Meetings::half_over(HostIndex a, HostIndex b) const {
  return ends_[a * hosts_ + b].alone || ends_[b * hosts_ + a].alone;
}

bool Meetings::apart_for_long(HostIndex a, HostIndex b) const {
  const auto long_closed = [this](const End& end) { return !end.open && now_ - end.closed >= kLong; };
  return long_closed(ends_[a * hosts_ + b]) || long_closed(ends_[b * hosts_ + a]);
}

}  // namespace netmsg::sim
