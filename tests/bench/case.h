// SPDX-License-Identifier: Apache-2.0
// A case: one thing that is measured, again and again, with the others in between. The tables of cases stand in
// floor_cases.cc, memory_cases.cc, local_cases.cc, scale_cases.cc and remote_cases.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/placement.h"

namespace netmsg::bench {

// What is measured a moment before, to compare with.
enum class Reference {
  kNone,
  kPacketTrip,    // Unix SEQPACKET, 64 bytes, one request in flight
  kPacketFlight,  // the same with 64
  kTcpTrip,       // TCP over loopback, 64 bytes, one request in flight
  kTcpFlight,     // the same gathered, with 1,024
};

enum class Unit { kMicroseconds, kPerSecond, kMegabytesPerSecond, kBytes, kRatio };

const char* name_of(Unit unit);

struct Setting {
  Placement placement = Placement::kFree;
  double seconds = 1;  // for what is measured
  bool quick = false;  // smaller sizes and counts
};

struct Case {
  std::string name;  // dots from the general to the special: netmsg.ring.trip.64
  Unit unit = Unit::kMicroseconds;
  Reference reference = Reference::kNone;
  std::vector<Placement> placements = {Placement::kOneCpu, Placement::kFree};
  // Throws NotOffered.
  std::function<Figure(const Setting&)> measure;
};

std::vector<Case> floor_cases();
std::vector<Case> memory_cases();
class Hosts;
std::vector<Case> local_cases(Hosts& hosts);
std::vector<Case> scale_cases(Hosts& hosts);
std::vector<Case> remote_cases(Hosts& hosts);

Figure measure_reference(Reference reference, Placement placement, double seconds);

}  // namespace netmsg::bench
