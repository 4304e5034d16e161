// SPDX-License-Identifier: Apache-2.0
// What happens to the hosts, their links and their workers, and when: a function of the seed. Faults of one link
// do not overlap, and a phase leaves none behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace netmsg::campaign {

enum class Act {
  kKillWorker,  // where: host * kSlots + slot; it is started again at once, as a new life
  kKillDaemon,  // where: host; it is started again, and its workers
  kStopDaemon,  // where: host; SIGSTOP, and it goes on after `lasting`
  kStopWorker,  // where: host * kSlots + slot; likewise
  // where: link, numbered as in pairs_of
  kCut,        // connections are reset, and new ones, for that long
  kSilence,    // nothing passes
  kHoldThere,  // nothing passes one way
  kHoldBack,
  kThrottle,
  kDelay,
  kReset,      // at that moment
  kHalfClose,  // likewise
  kBurst,      // where: link; many rights go onto it while it is held, then it is cut
};
std::string name_of(Act act);

struct Step {
  std::chrono::milliseconds at;  // since the begin of the phase
  Act act;
  unsigned where;
  std::chrono::milliseconds lasting;  // 0: it has no end
};
std::string text_of(const Step& step);

struct Phase {
  std::chrono::milliseconds length;
  std::vector<Step> steps;  // by time
};

struct ScheduleOptions {
  std::uint32_t seed = 1;
  unsigned kills = 30;
  unsigned phases = 3;
  unsigned every_ms = 2000;  // so often is something killed
  unsigned hosts = 3;
};

std::vector<Phase> make_schedule(const ScheduleOptions& options);

// The two hosts of each link.
std::vector<std::pair<unsigned, unsigned>> pairs_of(unsigned hosts);

}  // namespace netmsg::campaign
