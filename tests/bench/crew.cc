// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/crew.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <iterator>
#include <new>
#include <string>

#include "tests/bench/futex.h"
#include "tests/bench/patience.h"

namespace netmsg::bench {

namespace {

constexpr std::uint64_t kCountMin = 20;  // messages that make a rate
constexpr useconds_t kGraceUs = 300000;
constexpr int kSettleMs = 200;  // until what the last client caused is over
constexpr int kWarmUpMs =
    100;  // until what is slow at first is over: patience, windows, what the starts left behind

int open_process(pid_t process) {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

const char* name_of(Seat seat) {
  switch (seat) {
    case Seat::kClient:
      return "the client";
    case Seat::kServer:
      return "the server";
    case Seat::kBetween:
      break;
  }
  return "the program between them";
}

}  // namespace

struct Crew::Shared {
  std::atomic<unsigned> ready{0};
  std::atomic<std::uint32_t> started{0};  // the clients: a futex
  std::atomic<bool> stopped{false};
  std::atomic<bool> counting{false};
  std::atomic<std::uint64_t> counted{0};
  pid_t members[256] = {};  // more are not counted
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

Crew::Crew(const Setting& setting)
    : setting_(setting), memory_(sizeof(Shared)), shared_(new (memory_.data()) Shared) {}

Crew::~Crew() {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (!member->ours) continue;
    ::kill(member->process, SIGKILL);
    ::waitpid(member->process, nullptr, 0);
  }
}

void Crew::enter(pid_t process, bool ours, Seat seat) {
  members_.push_back({process, ours, seat, base::UniqueFd(open_process(process))});
  const unsigned at = shared_->member_count.load();
  if (at < std::size(shared_->members)) shared_->members[at] = process;
  shared_->member_count = at + 1;
}

void Crew::start(Seat seat, const std::function<void()>& role) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw NotOffered("no process to be had");
  if (child > 0) return enter(child, true, seat);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  put(::getpid(), seat, placement());
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
  enter(process, false, seat);
  put(process, seat, placement());
}

void Crew::ready() {
  shared_->ready.fetch_add(1);
  while (shared_->started.load() == 0) futex(shared_->started, FUTEX_WAIT, 0);
}

std::span<const pid_t> Crew::processes() const {
  return {shared_->members, std::min<std::size_t>(shared_->member_count.load(), std::size(shared_->members))};
}

Usage Crew::usage() const {
  Usage sum;
  for (const pid_t process : processes()) sum += usage_of(process);
  return sum;
}

void Crew::begin() {
  shared_->before = usage();
  if (!setting_.counts_calls) return;
  calls_.emplace();
  for (const pid_t process : processes()) calls_->watch(process);
}

void Crew::end(double messages) {
  if (calls_) shared_->figure.calls = calls_->count() / messages;
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

const Crew::Member* Crew::first_to_end(int timeout_ms) const {
  std::vector<pollfd> ends;
  for (const Member& member : members_) ends.push_back({member.end.get(), POLLIN, 0});
  while (::poll(ends.data(), ends.size(), timeout_ms) < 0 && errno == EINTR) {
  }
  // A client first: when it is done, others may lose their connection and end too.
  for (const bool client : {true, false})
    for (std::size_t at = 0; at < ends.size(); ++at)
      if (ends[at].revents != 0 && is_client(members_[at]) == client) return &members_[at];
  return nullptr;
}

void Crew::fail(const Member& ended) const {
  if (shared_->error[0] != '\0') throw NotOffered(shared_->error);
  throw NotOffered(std::string(ended.ours ? name_of(ended.seat) : "a daemon") + " has died");
}

Figure Crew::wait() {
  const Member* ended = first_to_end(-1);
  if (ended == nullptr) throw NotOffered("nobody measures");
  if (!is_client(*ended)) {  // perhaps since the client is just leaving
    ::usleep(kGraceUs);
    ended = first_to_end(0);
  }
  siginfo_t info{};
  if (is_client(*ended)) ::waitid(P_PID, static_cast<id_t>(ended->process), &info, WEXITED | WNOWAIT);
  if (info.si_code != CLD_EXITED || info.si_status != 0) fail(*ended);
  return shared_->figure;
}

void Crew::fail_if_dead(int timeout_ms) const {
  if (const Member* const ended = first_to_end(timeout_ms)) fail(*ended);
}

void Crew::start_clients(unsigned clients) const {
  Patience patience;
  while (shared_->ready.load() < clients) {
    fail_if_dead();
    patience.rest("the clients are not ready");
  }
  shared_->started = 1;
  futex(shared_->started, FUTEX_WAKE, INT_MAX);
}

// For the crew's time, and longer if hardly anything has happened by then.
double Crew::count_for_a_while() const {
  Patience patience;
  const std::int64_t start = now_ns();
  shared_->counting = true;
  fail_if_dead(static_cast<int>(seconds() * 1e3));
  while (shared_->counted.load() < kCountMin) {
    fail_if_dead();
    patience.rest("hardly any message arrives");
  }
  shared_->counting = false;
  return static_cast<double>(now_ns() - start) / 1e9;
}

Figure Crew::rate(unsigned clients) {
  start_clients(clients);
  fail_if_dead(kWarmUpMs);
  begin();
  const double elapsed = count_for_a_while();
  const auto done = static_cast<double>(shared_->counted.load());
  end(done);
  shared_->stopped = true;
  report(done / elapsed);
  return shared_->figure;
}

void Crew::settle(unsigned clients) {
  start_clients(clients);
  fail_if_dead(kSettleMs);
}

Figure Crew::watch() {
  begin();
  fail_if_dead(static_cast<int>(seconds() * 1e3));
  end(seconds());
  return shared_->figure;
}

}  // namespace netmsg::bench
