// SPDX-License-Identifier: Apache-2.0
// Hosts, wires and time, and what is checked: what every simulated world is made of, however it chooses what happens
// next (world.h: by chance; small_world.h: everything there is). After each event the host where it happened is
// checked: its engine, its proxy, its clients, and its sessions (Census).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/census.h"
#include "tests/sim/coverage.h"
#include "tests/sim/daemon.h"
#include "tests/sim/locality.h"
#include "tests/sim/network.h"

namespace netmsg::sim {

class Stage {
 public:
  // What its daemons are started with.
  struct Terms {
    proxy::PeerLimits limits = {};
    int drift_max = 0;                     // of clocks, in parts per million
    std::vector<std::vector<bool>> dials;  // who has an address of whom
    // Two that do not talk to each other.
    std::optional<std::pair<HostIndex, HostIndex>> strangers = {};
  };

  Stage(std::size_t hosts, const Schedule& schedule, bool aloud);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Starts all hosts.
  void open(Terms terms);

  // --- hosts ---
  void start(HostIndex host);
  // It is down for so long. `told`: its peers learn it from its machine, or nobody does; stop: in good order.
  void crash(HostIndex host, bool told, Time down_for);
  void stop(HostIndex host, Time down_for);
  void heal();

  // --- events ---
  // What comes next of what happens by itself, up to that time; false: nothing, and it is `until` now.
  bool happen(Time until);
  // One that was chosen: the front parcel of a stream; the next thing that is due at a daemon.
  void deliver(proxy::StreamId stream);
  void tick(HostIndex host);
  // Something was done at that host: it is checked.
  void happened(HostIndex host);

  // --- the end ---
  // Peace: everything heals, comes to rest, all is received, all clients end.
  void finish();

  Time now() const { return now_; }
  std::uint64_t events() const { return events_; }
  void count_event() { ++events_; }
  bool failed() const { return story_.verdict().has_value(); }
  std::size_t hosts() const { return daemons_.size(); }
  // Null: down.
  Daemon* daemon(HostIndex host) const { return daemons_[host].get(); }
  std::optional<Time> due(HostIndex host) const { return due_[host]; }
  Random& random() { return random_; }
  Story& story() { return story_; }
  Ledger& ledger() { return ledger_; }
  Network& network() { return network_; }
  Coverage& coverage() { return coverage_; }

 private:
  std::vector<bool> allowed(HostIndex host) const;
  void end(HostIndex host, Time down_for);
  // Until nothing is under way; an accusation if that takes too long.
  void come_to_rest(const char* when);
  bool at_rest() const;
  void drain();
  void end_clients();

  const std::uint64_t seed_;
  Time now_{0};
  Random random_;
  Story story_;
  Coverage coverage_;
  Ledger ledger_;
  Network network_;
  std::vector<std::unique_ptr<Daemon>> daemons_;
  Census census_;
  Locality locality_;
  Terms terms_;
  std::vector<proxy::Incarnation> incarnations_;
  std::vector<std::optional<Time>> back_;  // when a host that is down starts again
  std::vector<std::optional<Time>> due_;   // a daemon's deadline
  std::uint64_t events_ = 0;
};

}  // namespace netmsg::sim
