// SPDX-License-Identifier: Apache-2.0
// Who has a session with whom, and which two hosts have been without one for long: what waits for it is given up in time
// then. They have one while both have opened it. One of them may have ended it, and the other one not have heard of that.
#pragma once

#include <vector>

#include "tests/sim/story.h"

namespace netmsg::sim {

class Meetings {
 public:
  Meetings(std::size_t hosts, const Time& now);

  // True if that ends a time of being apart that was long.
  bool opened(HostIndex here, HostIndex there);
  void ended(HostIndex here, HostIndex there);
  // Are two of those hosts, as bits, apart for long by now?
  bool someone_is_apart(std::uint32_t hosts) const;
  // Has one of them a session that is over for another one, so that what it says in it is lost?
  bool someone_is_alone(std::uint32_t hosts) const;

 private:
  struct End {
    bool open = false;
    bool alone = false;  // the other end has ended it
    Time closed{0};      // since then
  };

  End& end(HostIndex here, HostIndex there) { return ends_[here * hosts_ + there]; }
  bool are_any(std::uint32_t hosts, bool (Meetings::*what)(HostIndex, HostIndex) const) const;
  bool apart_for_long(HostIndex a, HostIndex b) const;
  bool half_over(HostIndex a, HostIndex b) const;

  const std::size_t hosts_;
  const Time& now_;
  std::vector<End> ends_;
};

}  // namespace netmsg::sim
