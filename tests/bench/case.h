// SPDX-License-Identifier: Apache-2.0
// A case: one thing that is measured, again and again, with the others in between. The tables of cases stand in
// floor_cases.cc, link_cases.cc, memory_cases.cc, local_cases.cc, scale_cases.cc, remote_cases.cc, idle_cases.cc and
// calls_cases.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/setting.h"

namespace netmsg::bench {

// What is measured a moment before, to compare with.
enum class Reference {
  kNone,
  kPacketTrip,    // Unix SEQPACKET, 64 bytes, one request in flight
  kPacketFlight,  // the same with 64
  kTcpTrip,       // TCP over the network of the two hosts, 64 bytes, one request in flight
  kTcpFlight,     // the same gathered, with 1,024
  kDelayedTrip,   // the first over loopback with a millisecond of delay each way
  kDelayedFlight,
};

enum class Unit {
  kMicroseconds,
  kPerSecond,
  kMegabytesPerSecond,
  kBytes,
  kRatio,
  kCount,
  kCalls,                  // system calls
  kMicrosecondsPerSecond,  // of processor time
};

const char* name_of(Unit unit);

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
std::vector<Case> link_cases(Hosts& hosts);
std::vector<Case> local_cases(Hosts& hosts);
std::vector<Case> scale_cases();
std::vector<Case> remote_cases(Hosts& hosts);
std::vector<Case> idle_cases();
// The system calls of some of these.
std::vector<Case> calls_cases(const std::vector<Case>& cases);

// The packets among them.
Figure measure_reference(Reference reference, const Setting& setting);
Figure measure_reference(Reference reference, const Setting& setting, Hosts& hosts);

}  // namespace netmsg::bench
