// SPDX-License-Identifier: Apache-2.0
// What clients cost that do nothing: programs with a ring lane each, which have called once. Processor time of the daemon
// and all of them in a second, and what the daemon holds for each. Each case has a daemon of its own.
#include <unistd.h>

#include "tests/bench/case.h"
#include "tests/bench/hosts.h"
#include "tests/bench/mach_program.h"
#include "tests/bench/usage.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kClients = 100;
constexpr unsigned kQuickClients = 5;
constexpr double kSecondsMin = 1;  // for a timer to show that goes off once a second
constexpr double kQuickSecondsMin = 0.1;

struct Idle {
  double cpu_us_per_second = 0;    // of all threads of the daemon and the clients
  double owner_us_per_second = 0;  // of the daemon's owner thread: the others are gRPC's
  double heap_bytes = 0;           // of the daemon, for each client
  double ring_bytes = 0;           // of memory shared with it that the daemon has touched
};

Idle measure_idle(const Setting& setting) {
  Hosts own;
  test::Host& host = own.local();
  const unsigned clients = setting.quick ? kQuickClients : kClients;
  Setting longer = setting;
  longer.seconds = std::max(setting.seconds, setting.quick ? kQuickSecondsMin : kSecondsMin);
  Crew crew(longer);
  crew.add(host.daemon().pid(), Seat::kBetween);
  const Memory before = memory_of(host.daemon().pid());
  for (unsigned client = 0; client < clients; ++client)
    crew.start(Seat::kServer, [&] {
      join(host, LaneKind::kRing);
      crew.ready();
      for (;;) ::pause();
    });
  crew.settle(clients);
  const Memory after = memory_of(host.daemon().pid());
  const double owner_before_us = usage_of_leader(host.daemon().pid()).cpu_us;
  const double all_us = crew.watch().cpu_us;
  return {all_us, (usage_of_leader(host.daemon().pid()).cpu_us - owner_before_us) / longer.seconds,
          static_cast<double>(after.own_bytes - before.own_bytes) / clients,
          static_cast<double>(after.shared_bytes - before.shared_bytes) / clients};
}

struct Subject {
  const char* name;
  Unit unit;
  double Idle::*what;
};
constexpr Subject kSubjects[] = {{"cpu", Unit::kMicrosecondsPerSecond, &Idle::cpu_us_per_second},
                                 {"owner-cpu", Unit::kMicrosecondsPerSecond, &Idle::owner_us_per_second},
                                 {"heap", Unit::kBytes, &Idle::heap_bytes},
                                 {"rings", Unit::kBytes, &Idle::ring_bytes}};

}  // namespace

std::vector<Case> idle_cases() {
  std::vector<Case> cases;
  for (const Subject& subject : kSubjects)
    cases.push_back(
        {std::string("netmsg.idle.") + subject.name,
         subject.unit,
         Reference::kNone,
         {Placement::kFree},
         [&subject](const Setting& setting) { return Figure{measure_idle(setting).*subject.what}; }});
  return cases;
}

}  // namespace netmsg::bench
