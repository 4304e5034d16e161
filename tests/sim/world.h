// SPDX-License-Identifier: Apache-2.0
// A world that chance decides: the next event is the earliest of what happens by itself (Stage), a client's step, and a
// fault.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/sim/faults.h"
#include "tests/sim/script.h"
#include "tests/sim/stage.h"

namespace netmsg::sim {

struct WorldOptions {
  std::size_t hosts = 3;
  Schedule schedule = {};
  std::uint64_t steps = 2000;
  FaultSet faults = FaultSet::kNone;
  bool moves = true;  // receive rights go to other hosts
  bool aloud = false;
};

class World final : private FaultTarget {
 public:
  explicit World(const WorldOptions& options);

  // `steps` events since the schedule has turned last, then peace: everything heals, comes to rest, and ends. Returns
  // the first violation.
  std::optional<std::string> play();
  std::uint64_t events() const { return stage_.events(); }
  const Coverage& coverage() { return stage_.coverage(); }

 private:
  // FaultTarget
  void cut(HostIndex a, HostIndex b, bool both) override;
  void half_open(HostIndex a, HostIndex b) override;
  void isolate(HostIndex a, HostIndex b, Time for_) override;
  void stall(HostIndex from, HostIndex to, Time for_) override;
  void slow_reader(HostIndex host, Time for_) override;
  void crash(HostIndex host, bool told, Time down_for) override;
  void stumble(HostIndex host, Time down_for) override;
  void stop(HostIndex host, Time down_for) override;

  void step();
  void break_something_now();
  void stumble_again();
  Time until_next_fault();

  const WorldOptions options_;
  Stage stage_;
  Random& random_;
  ClientId next_client_ = 0;
  Script script_;
  Time pace_;                           // between two steps of clients, at most
  std::vector<bool> unsteady_;          // crashes again soon after its next start
  std::optional<HostIndex> stumbling_;  // at next_fault_
  std::uint64_t end_;                   // of the steps: so many events
  Time next_act_{0};
  Time next_fault_;
};

}  // namespace netmsg::sim
