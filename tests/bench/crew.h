// SPDX-License-Identifier: Apache-2.0
// The processes of one measurement: forked children with a role each, and a page that they share with the benchmark.
// Killed and reaped, at the latest, when the crew goes away; they die with the benchmark however it ends.
//
// The client's course: ready() when it could begin; begin() just before and end() just after what is measured, which
// takes the usage of the whole crew; then it writes its Figure with report() and returns.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/not_offered.h"
#include "tests/bench/placement.h"
#include "tests/bench/usage.h"

namespace netmsg::bench {

// Memory of processes that are forked later, all zero.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
};

class Crew {
 public:
  // `seconds`: how long a rate is to be measured.
  Crew(Placement placement, double seconds);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  double seconds() const { return seconds_; }
  Placement placement() const { return placement_; }

  // Forks a child that runs `role` and exits. An exception in it is told by wait().
  void start(Seat seat, const std::function<void()>& role);
  // Somebody else's process that takes part: placed and counted, not killed.
  void add(pid_t process, Seat seat);

  // In a child.
  void ready();
  void begin();
  void end(double messages);
  void report(double value, double p99_us = 0);
  void count(double messages);  // for several clients: what each has done is added up
  bool stopped() const;

  // In the benchmark: until the first client has ended.
  Figure wait();
  // In the benchmark, for several clients: measures what they count in `seconds`, by the second.
  Figure rate(unsigned clients);

 private:
  struct Shared;
  struct Member {
    pid_t process;
    bool ours;
    bool client;
  };

  void enter(Member member);
  Usage usage() const;
  void fail_if_dead() const;
  void await_clients(unsigned clients) const;
  double count_for_a_while() const;

  Placement placement_;
  double seconds_;
  SharedMemory memory_;
  Shared* shared_;
  std::vector<Member> members_;
};

}  // namespace netmsg::bench
