// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/crew.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <new>

#include "tests/bench/patience.h"

namespace netmsg::bench {

namespace {

constexpr std::uint64_t kCountMin = 20;  // messages that make a rate

}  // namespace

struct Crew::Shared {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> stopped{false};
  std::atomic<bool> counting{false};
  std::atomic<std::uint64_t> counted{0};
  pid_t members[64] = {};  // more are not counted
  std::atomic<unsigned> member_count{0};
  Usage before{};
  Figure figure{};
  char error[400] = {};
};

SharedMemory::SharedMemory(std::size_t bytes) : bytes_(bytes) {
  void* const pages =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw NotOffered("no shared memory");
  data_ = static_cast<std::byte*>(pages);
}

SharedMemory::~SharedMemory() {
  ::munmap(data_, bytes_);
}

Crew::Crew(Placement placement, double seconds)
    : placement_(placement),
      seconds_(seconds),
      memory_(sizeof(Shared)),
      shared_(new (memory_.data()) Shared) {}

Crew::~Crew() {
  for (const Member& member : members_)
    if (member.ours) ::kill(member.process, SIGKILL);
  for (const Member& member : members_)
    if (member.ours) ::waitpid(member.process, nullptr, 0);
}

void Crew::enter(Member member) {
  members_.push_back(member);
  const unsigned at = shared_->member_count.load();
  if (at < std::size(shared_->members)) shared_->members[at] = member.process;
  shared_->member_count = at + 1;
}

void Crew::start(Seat seat, const std::function<void()>& role) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw NotOffered("no process to be had");
  if (child > 0) return enter({child, true, seat == Seat::kClient});
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  put(::getpid(), seat, placement_);
  int status = 0;
  try {
    role();
  } catch (const std::exception& error) {
    std::snprintf(shared_->error, sizeof shared_->error, "%s", error.what());
    status = 1;
  }
  ::_exit(status);
}

void Crew::add(pid_t process, Seat seat) {
  enter({process, false, false});
  put(process, seat, placement_);
}

void Crew::ready() {
  shared_->ready.fetch_add(1);
}

Usage Crew::usage() const {
  Usage sum;
  const std::size_t count = std::min<std::size_t>(shared_->member_count.load(), std::size(shared_->members));
  for (std::size_t at = 0; at < count; ++at) {
    const Usage one = usage_of(shared_->members[at]);
    sum.cpu_us += one.cpu_us;
    sum.switches += one.switches;
  }
  return sum;
}

void Crew::begin() {
  shared_->before = usage();
}

void Crew::end(double messages) {
  const Usage after = usage();
  shared_->figure.cpu_us = (after.cpu_us - shared_->before.cpu_us) / messages;
  shared_->figure.switches = (after.switches - shared_->before.switches) / messages;
}

void Crew::report(double value, double p99_us) {
  shared_->figure.value = value;
  shared_->figure.p99 = p99_us;
}

void Crew::count(double messages) {
  if (shared_->counting.load(std::memory_order_relaxed))
    shared_->counted.fetch_add(static_cast<std::uint64_t>(messages), std::memory_order_relaxed);
}

bool Crew::stopped() const {
  return shared_->stopped.load(std::memory_order_relaxed);
}

Figure Crew::wait() {
  for (const Member& member : members_) {
    if (!member.client) continue;
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(member.process), &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    if (info.si_code != CLD_EXITED || info.si_status != 0)
      throw NotOffered(shared_->error[0] != '\0' ? shared_->error : "the client has crashed");
    return shared_->figure;
  }
  throw NotOffered("nobody measures");
}

void Crew::fail_if_dead() const {
  if (shared_->error[0] != '\0') throw NotOffered(shared_->error);
}

void Crew::await_clients(unsigned clients) const {
  Patience patience;
  while (shared_->ready.load() < clients) {
    fail_if_dead();
    patience.rest("the clients are not ready");
  }
}

// For the crew's time, and longer if hardly anything has happened by then.
double Crew::count_for_a_while() const {
  Patience patience;
  const std::int64_t start = now_ns();
  shared_->counting = true;
  ::usleep(static_cast<useconds_t>(seconds_ * 1e6));
  while (shared_->counted.load() < kCountMin) {
    fail_if_dead();
    patience.rest("hardly any message arrives");
  }
  shared_->counting = false;
  return static_cast<double>(now_ns() - start) / 1e9;
}

Figure Crew::rate(unsigned clients) {
  await_clients(clients);
  begin();
  const double elapsed = count_for_a_while();
  const auto done = static_cast<double>(shared_->counted.load());
  end(done);
  shared_->stopped = true;
  report(done / elapsed);
  return shared_->figure;
}

}  // namespace netmsg::bench
