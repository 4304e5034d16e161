// SPDX-License-Identifier: Apache-2.0
// What goes wrong in a simulated world: one fault at a time, of the kinds that were asked for. A fault is a line in
// the table of faults.cc.
#pragma once

#include <optional>
#include <string>

#include "tests/sim/random.h"
#include "tests/sim/story.h"

namespace netmsg::sim {

enum class FaultSet { kNone, kBlips, kCuts, kCrashes, kAll };
std::optional<FaultSet> fault_set(const std::string& name);
const char* name_of(FaultSet set);

// What a world lets happen to itself.
class FaultTarget {
 public:
  virtual ~FaultTarget() = default;
  virtual void cut(HostIndex a, HostIndex b, bool both) = 0;      // both learn it, or one of them
  virtual void half_open(HostIndex a, HostIndex b) = 0;           // nobody learns it
  virtual void isolate(HostIndex a, HostIndex b, Time for_) = 0;  // a cut, and no way to dial
  virtual void stall(HostIndex from, HostIndex to, Time for_) = 0;
  virtual void slow_reader(HostIndex host, Time for_) = 0;
  virtual void crash(HostIndex host, bool told, Time down_for) = 0;
  virtual void stumble(HostIndex host,
                       Time down_for) = 0;               // crashes, starts, and crashes again while it dials
  virtual void stop(HostIndex host, Time down_for) = 0;  // in good order
};

// Lets one fault of the set happen. REQUIRES: not kNone, hosts > 1.
void break_something(FaultSet set, std::size_t hosts, Random& random, FaultTarget& target);

}  // namespace netmsg::sim
