// SPDX-License-Identifier: Apache-2.0
// Three hosts, the links between them, and the workers on them: what a schedule acts upon.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/campaign/schedule.h"
#include "tests/campaign/verdict.h"
#include "tests/support/linked_hosts.h"

namespace netmsg::campaign {

class Fleet {
 public:
  static constexpr unsigned kHosts = 3;

  // `rights`: what the workers' messages carry (worker.cc).
  Fleet(std::uint32_t seed, std::string rights);

  void begin(const Step& step);
  void end(const Step& step);

  void set_mode(Mode mode);
  // All faults end.
  void heal();
  // "" when all has come to rest: sessions, workers, counts, audits. Else what has not.
  std::string unrest();
  // What living workers or daemons say is wrong.
  std::vector<std::string> troubles();
  // Dead names of ports of other hosts that netmsgctl has no reason for.
  std::vector<std::string> unexplained();
  // What must hold of all journals.
  Verdict verdict() const;

  unsigned kills() const { return kills_; }

 private:
  struct Worker {
    Life life;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<test::Process> process;
  };

  Worker& current(unsigned place) { return *current_[place]; }
  test::FaultLink& link(unsigned which);
  void start(unsigned place);
  void kill_worker(unsigned place);
  void kill_daemon(unsigned host);
  void burst(unsigned which);
  void set_apart(unsigned which, bool apart);
  std::string death_text(const Worker& worker, std::uint32_t name);
  std::string worker_unrest(const Worker& worker) const;

  const std::vector<std::pair<unsigned, unsigned>> pairs_ = pairs_of(kHosts);
  test::TemporaryFolder folder_;
  test::LinkedHosts hosts_{{"a", "b", "c"}, {"--look-up-timeout-ms=300"}};
  const std::string rights_;
  std::mt19937 random_;                           // the workers' seeds
  std::vector<std::unique_ptr<Worker>> workers_;  // all lives there were
  std::vector<Worker*> current_;                  // by host * kSlots + slot
  FaultLog faults_;
  Mode mode_ = Mode::kWork;
  unsigned kills_ = 0;
};

}  // namespace netmsg::campaign
