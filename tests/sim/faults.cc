// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/faults.h"

#include <iterator>

namespace netmsg::sim {

namespace {

using std::chrono::milliseconds;

struct Scene {
  HostIndex a;
  HostIndex b;
  Time some_time;
  bool coin;
  FaultTarget& target;
};

struct Kind {
  FaultSet set;
  void (*happen)(const Scene&);
};

constexpr Kind kKinds[] = {
    {FaultSet::kBlips, [](const Scene& scene) { scene.target.cut(scene.a, scene.b, true); }},
    {FaultSet::kBlips, [](const Scene& scene) { scene.target.stall(scene.a, scene.b, scene.some_time); }},
    {FaultSet::kCuts, [](const Scene& scene) { scene.target.cut(scene.a, scene.b, scene.coin); }},
    {FaultSet::kCuts, [](const Scene& scene) { scene.target.half_open(scene.a, scene.b); }},
    {FaultSet::kCuts, [](const Scene& scene) { scene.target.isolate(scene.a, scene.b, scene.some_time); }},
    {FaultSet::kCuts, [](const Scene& scene) { scene.target.stall(scene.a, scene.b, scene.some_time); }},
    {FaultSet::kCuts, [](const Scene& scene) { scene.target.slow_reader(scene.a, scene.some_time); }},
    {FaultSet::kCrashes,
     [](const Scene& scene) { scene.target.crash(scene.a, scene.coin, scene.some_time); }},
    {FaultSet::kCrashes, [](const Scene& scene) { scene.target.stumble(scene.a, scene.some_time); }},
    {FaultSet::kCrashes, [](const Scene& scene) { scene.target.stop(scene.a, scene.some_time); }},
};

struct Named {
  FaultSet set;
  const char* name;
};
constexpr Named kSets[] = {{FaultSet::kNone, "none"},
                           {FaultSet::kBlips, "blips"},
                           {FaultSet::kCuts, "cuts"},
                           {FaultSet::kCrashes, "crashes"},
                           {FaultSet::kAll, "all"}};

}  // namespace

std::optional<FaultSet> fault_set(const std::string& name) {
  for (const Named& each : kSets) {
    if (each.name == name) return each.set;
  }
  return std::nullopt;
}

const char* name_of(FaultSet set) {
  return kSets[static_cast<std::size_t>(set)].name;
}

void break_something(FaultSet set, std::size_t hosts, Random& random, FaultTarget& target) {
  const HostIndex a = random.below(hosts);
  const HostIndex b = (a + 1 + random.below(hosts - 1)) % static_cast<HostIndex>(hosts);
  const Time longest = set != FaultSet::kBlips && random.one_in(3) ? milliseconds(12000) : milliseconds(800);
  const Scene scene{a, b, random.between(milliseconds(1), longest), random.one_in(2), target};
  for (;;) {
    const Kind& kind = kKinds[random.below(std::size(kKinds))];
    if (set == FaultSet::kAll || kind.set == set) return kind.happen(scene);
  }
}

}  // namespace netmsg::sim
