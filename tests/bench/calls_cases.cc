// SPDX-License-Identifier: Apache-2.0
// How many system calls all processes of a case make for one message: cases of the other tables once more, with a count.
#include <algorithm>

#include "tests/bench/case.h"

namespace netmsg::bench {

namespace {

constexpr const char* kCounted[] = {
    "floor.packet2.trip.64", "floor.ring4.trip.64",        "floor.ring4.flight64.64",
    "floor.grpc.trip.64",    "netmsg.socket.once.64",      "netmsg.ring.once.64",
    "netmsg.ring.trip.64K",  "netmsg.socket.batch64.64",   "netmsg.ring.batch64.64",
    "netmsg.remote.trip.64", "netmsg.remote.flight1024.64"};

Case counted(const Case& of) {
  return {of.name + ".calls",
          Unit::kCalls,
          Reference::kNone,
          {Placement::kOneCpu, Placement::kFree},
          [measure = of.measure](Setting setting) {
            setting.counts_calls = true;
            Figure figure = measure(setting);
            return Figure{figure.calls};
          }};
}

}  // namespace

std::vector<Case> calls_cases(const std::vector<Case>& cases) {
  std::vector<Case> made;
  for (const Case& one : cases)
    if (std::find(std::begin(kCounted), std::end(kCounted), one.name) != std::end(kCounted))
      made.push_back(counted(one));
  return made;
}

}  // namespace netmsg::bench
