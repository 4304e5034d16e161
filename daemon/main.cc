// SPDX-License-Identifier: Apache-2.0
// netmsgd: reads what it is told, starts, serves until it is asked to stop. Exit statuses: see --help.
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>

#include "daemon/app.h"
#include "daemon/base/log.h"
#include "daemon/config.h"

namespace {

constexpr int kExitFailure = 1;

using netmsg::base::log;
using netmsg::base::LogLevel;

// What must not be missed is said before the chosen log level takes effect.
void announce(const netmsg::daemon::Config& config) {
  if (config.insecure_peers) {
    log(LogLevel::kWarn, "insecure_peers",
        {{"meaning",
          "plaintext between daemons: whoever can reach them can read, change and forge everything"}});
  }
  if (config.listen && !config.networking()) {
    log(LogLevel::kWarn, "networking_off", {{"reason", "--listen without any --peer: nobody may connect"}});
  }
  netmsg::base::set_log_level(config.log_level);
}

// Each task and each lane needs a descriptor: as many as this process may have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Large messages come and go. By itself the allocator gives their memory back to the kernel each time, which then has to
// clear all pages again: as costly as a copy. What is above kMapped is not kept.
void keep_memory_of_messages() {
  constexpr int kMapped = 4 << 20;
  constexpr int kKept = 32 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kMapped);
  ::mallopt(M_TRIM_THRESHOLD, kKept);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace netmsg::daemon;
  keep_memory_of_messages();
  std::signal(SIGPIPE, SIG_IGN);  // whoever does not read us gets an error, not our end
  const ConfigOutcome outcome = read_config(argc, argv, real_surroundings());
  if (!outcome.config) {
    std::fputs(outcome.text.c_str(), outcome.exit_status == 0 ? stdout : stderr);
    return outcome.exit_status;
  }
  announce(*outcome.config);
  raise_descriptor_limit();
  auto app = App::start(*outcome.config);
  if (const auto* error = std::get_if<std::string>(&app)) {
    std::fprintf(stderr, "netmsgd: %s\n", error->c_str());
    return kExitFailure;
  }
  std::get<0>(app)->run();
  return 0;
}
