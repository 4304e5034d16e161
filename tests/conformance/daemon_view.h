// SPDX-License-Identifier: Apache-2.0
// What a replay asks daemons beside the calls of tasks, over control.proto: whether something is still under way.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace netmsg::conformance {

class DaemonView {
 public:
  // Of the daemon with that control socket.
  explicit DaemonView(const std::string& control_socket);
  ~DaemonView();
  DaemonView(DaemonView&&) noexcept;

  // How many mach_msg calls of the task with this process wait; nothing if there is no such task. Throws BackendFailure
  // if the daemon does not answer.
  std::optional<std::uint32_t> blocked_calls(pid_t pid) const;

  // Waits until nothing is under way between these daemons, each of which has a session with each (control.proto,
  // Counters). Throws BackendFailure if that does not come about.
  static void settle(const std::vector<DaemonView>& daemons);

 private:
  class Stub;
  std::unique_ptr<Stub> stub_;
};

}  // namespace netmsg::conformance
