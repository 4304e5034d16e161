// SPDX-License-Identifier: Apache-2.0
// The processes of one measurement: forked children with a role each, and a page that they share with the benchmark.
// Killed and reaped, at the latest, when the crew goes away; they die with the benchmark however it ends.
//
// The client's course: begin() just before and end() just after what is measured, which takes the usage of the whole crew;
// then it writes its Figure with report() and returns. Where the crew measures, its clients are ready() and begin together.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "tests/bench/figures.h"
#include "tests/bench/not_offered.h"
#include "tests/bench/setting.h"
#include "tests/bench/system_calls.h"
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
  explicit Crew(const Setting& setting);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  double seconds() const { return setting_.seconds; }
  Placement placement() const { return setting_.placement; }

  // Forks a child that runs `role` and exits. An exception in it is told by wait().
  void start(Seat seat, const std::function<void()>& role);
  // Somebody else's process that takes part: placed and counted, not killed.
  void add(pid_t process, Seat seat);

  // In a child. ready(): it could begin; returns when all of them can (start_clients()).
  void ready();
  void begin();
  void end(double messages);
  void report(double value, double p99_us = 0);
  void count(double messages);  // for several clients: what each has done is added up
  bool stopped() const;
  // There or in the benchmark: waits until so many clients are ready, and lets them begin.
  void start_clients(unsigned clients) const;

  // In the benchmark: until the first client has ended. Throws NotOffered if anybody else ends before, or it does badly.
  Figure wait();
  // In the benchmark, for several clients: lets them begin, and when they have been at it for a moment measures what they
  // count in `seconds`, by the second.
  Figure rate(unsigned clients);
  // In the benchmark, for clients that do nothing: until so many are ready and what they have caused is over.
  void settle(unsigned clients);
  // What all of them use in a second (cpu_us, switches).
  Figure watch();

 private:
  struct Shared;
  struct Member {
    pid_t process;
    bool ours;
    Seat seat;
    base::UniqueFd end;  // a pidfd: it can be read when the process has ended
  };

  static bool is_client(const Member& member) { return member.ours && member.seat == Seat::kClient; }
  void enter(pid_t process, bool ours, Seat seat);
  // That are counted. In a child too.
  std::span<const pid_t> processes() const;
  Usage usage() const;
  // Waits for somebody to end, at most so long; -1: for ever. Null if nobody has.
  const Member* first_to_end(int timeout_ms) const;
  [[noreturn]] void fail(const Member& ended) const;
  void fail_if_dead(int timeout_ms = 0) const;
  double count_for_a_while() const;

  Setting setting_;
  SharedMemory memory_;
  Shared* shared_;
  std::optional<SystemCalls> calls_;  // from begin() on, where they are counted
  std::vector<Member> members_;
};

}  // namespace netmsg::bench
