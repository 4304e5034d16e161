// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/placement.h"

#include <sched.h>

#include <filesystem>
#include <string>

namespace netmsg::bench {

namespace {

// The processors this program itself was given, in order: the machine may have others.
const cpu_set_t& processors() {
  static const cpu_set_t given = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return given;
}

// A set of the first `count` processors after the first `skip`.
cpu_set_t some(int skip, int count) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu = 0; cpu < CPU_SETSIZE && count > 0; ++cpu) {
    if (!CPU_ISSET(cpu, &processors()) || skip-- > 0) continue;
    CPU_SET(cpu, &set);
    --count;
  }
  return set;
}

cpu_set_t place(Seat seat, Placement placement) {
  const bool single = CPU_COUNT(&processors()) < 2;
  if (single || placement == Placement::kOneCpu) return some(0, 1);
  if (placement == Placement::kFree || seat == Seat::kBetween) return some(0, 2);
  return some(seat == Seat::kServer ? 1 : 0, 1);
}

}  // namespace

const char* name_of(Placement placement) {
  switch (placement) {
    case Placement::kOneCpu:
      return "one";
    case Placement::kTwoCpus:
      return "two";
    case Placement::kFree:
      break;
  }
  return "free";
}

void put(pid_t process, Seat seat, Placement placement) {
  const cpu_set_t set = place(seat, placement);
  std::error_code gone;
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(process) + "/task", gone);
  if (gone) return;
  for (const auto& thread : threads)
    ::sched_setaffinity(static_cast<pid_t>(std::stol(thread.path().filename())), sizeof set, &set);
}

}  // namespace netmsg::bench
