// SPDX-License-Identifier: Apache-2.0
#include "daemon/control_grpc_log.h"

#include <grpc/support/log.h>

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace netmsg::daemon {
namespace {

constexpr std::chrono::seconds kPause{10};

struct Limited {
  std::mutex mutex;  // of all that follows
  base::SteadyClock clock;
  base::Complaints complaints{clock, kPause};
};

// Never destroyed: gRPC's threads may speak until the process is gone.
Limited& limited() {
  static auto* const only = new Limited;
  return *only;
}

std::string place(const gpr_log_func_args& line) {
  const std::string_view path(line.file);
  return std::string(path.substr(path.rfind('/') + 1)) + ':' + std::to_string(line.line);
}

void write(gpr_log_func_args* line) {
  if (line->severity != GPR_LOG_SEVERITY_ERROR) {
    base::log(base::LogLevel::kDebug, "grpc", {{"subject", place(*line)}, {"text", line->message}});
    return;
  }
  const std::lock_guard lock(limited().mutex);
  limited().complaints.warn(place(*line), "grpc", line->message);
}

}  // namespace

void log_for_grpc() {
  gpr_set_log_function(write);
}

}  // namespace netmsg::daemon
