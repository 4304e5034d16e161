// SPDX-License-Identifier: Apache-2.0
// Hosts, wires and time: everything that happens in one simulated world, one event after the other, from one seed.
// The next event is the earliest of: a parcel that arrives, a daemon's deadline, a client's step, a fault, a restart.
// After each one the host where it happened is checked: its engine, its proxy, its clients, and its sessions (Census).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/census.h"
#include "tests/sim/daemon.h"
#include "tests/sim/faults.h"
#include "tests/sim/network.h"
#include "tests/sim/script.h"

namespace netmsg::sim {

struct WorldOptions {
  std::size_t hosts = 3;
  std::uint64_t seed = 1;
  std::uint64_t steps = 2000;
  FaultSet faults = FaultSet::kNone;
  bool aloud = false;
};

class World final : private FaultTarget {
 public:
  explicit World(const WorldOptions& options);
  ~World() override;

  // `steps` events, then peace: everything heals, comes to rest, and ends. Returns the first violation.
  std::optional<std::string> play();
  std::uint64_t events() const { return events_; }

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

  void start(HostIndex host);
  void end(HostIndex host, Time down_for);
  void step();
  Time until_next_fault();
  // What comes next of what happens by itself, up to that time; false: nothing, and it is `until` now.
  bool happen(Time until);
  void happened(HostIndex host);
  // Until nothing is under way; an accusation if that takes too long.
  void come_to_rest(const char* when);
  bool at_rest() const;
  void heal();
  void drain();
  void end_clients();
  bool failed() const { return story_.verdict().has_value(); }

  const WorldOptions options_;
  Time now_{0};
  Random random_;
  Story story_;
  Ledger ledger_;
  Network network_;
  std::vector<std::unique_ptr<Daemon>> daemons_;
  Census census_;
  ClientId next_client_ = 0;
  Script script_;

  proxy::PeerLimits limits_;
  int drift_max_;
  Time pace_;  // between two steps of clients, at most
  std::vector<std::vector<bool>> dials_;
  std::vector<proxy::Incarnation> incarnations_;
  std::vector<std::optional<Time>> back_;  // when a host that is down starts again
  std::vector<bool> unsteady_;             // crashes again soon after its next start
  std::optional<HostIndex> stumbling_;     // at next_fault_
  std::vector<std::optional<Time>> due_;   // a daemon's deadline
  Time next_act_{0};
  Time next_fault_;
  std::uint64_t events_ = 0;
};

}  // namespace netmsg::sim
