// SPDX-License-Identifier: Apache-2.0
// What was done to whom, and when it really was: a stream whose right has died has to have a cause in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/campaign/journal.h"

namespace netmsg::campaign {

class FaultLog {
 public:
  // A worker's life, or all of a host's, has ended.
  void ended(unsigned host, std::optional<unsigned> slot);
  // Two hosts may not hear each other; until heard(). The same host twice: its daemon is stopped.
  void unheard(unsigned one, unsigned other);
  void heard(unsigned one, unsigned other);

  // Can a right of a program on `from` to one in that slot of `to`, opened then, have died at `at`?
  bool explains(unsigned from, unsigned to, unsigned slot, Clock::time_point opened,
                Clock::time_point at) const;
  // The same for a port that may have been anywhere.
  bool explains(Clock::time_point opened, Clock::time_point at) const;
  // Can two hosts, any two, have given each other up between these times?
  bool parts_hosts(Clock::time_point since, Clock::time_point until) const;

 private:
  struct End {
    unsigned host;
    std::optional<unsigned> slot;
    Clock::time_point at;
  };
  struct Silence {
    unsigned one;
    unsigned other;
    Clock::time_point from;
    std::optional<Clock::time_point> to;
  };
  Clock::duration silence_before(unsigned from, unsigned to, Clock::time_point at) const;

  std::vector<End> ends_;
  std::vector<Silence> silences_;
};

}  // namespace netmsg::campaign
