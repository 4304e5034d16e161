// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/system_calls.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/bench/not_offered.h"

namespace netmsg::bench {

namespace {

[[noreturn]] void not_counted(const std::string& why) {
  throw NotOffered("system calls are not counted: " + why);
}

unsigned long long tracepoint_id() {
  for (const char* const folder : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    unsigned long long id = 0;
    if (std::ifstream(std::string(folder) + "/events/raw_syscalls/sys_enter/id") >> id) return id;
  }
  not_counted("no tracefs to read");
}

base::UniqueFd counter_of(pid_t thread, unsigned long long tracepoint) {
  perf_event_attr what{};
  what.type = PERF_TYPE_TRACEPOINT;
  what.size = sizeof what;
  what.config = tracepoint;
  what.inherit = 1;
  const long fd = ::syscall(SYS_perf_event_open, &what, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) not_counted(std::strerror(errno));
  return base::UniqueFd(static_cast<int>(fd));
}

}  // namespace

SystemCalls::SystemCalls() : tracepoint_(tracepoint_id()) {}

void SystemCalls::watch(pid_t process) {
  std::error_code gone;
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(process) + "/task", gone);
  if (gone) return;
  for (const auto& thread : threads)
    counters_.push_back(counter_of(static_cast<pid_t>(std::stol(thread.path().filename())), tracepoint_));
}

double SystemCalls::count() const {
  double sum = 0;
  for (const base::UniqueFd& counter : counters_) {
    std::uint64_t calls = 0;
    if (::read(counter.get(), &calls, sizeof calls) == sizeof calls) sum += static_cast<double>(calls);
  }
  return sum;
}

}  // namespace netmsg::bench
