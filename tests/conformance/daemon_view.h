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
  // Counters). `acted`: the only one whose programs have done anything since they were last found at rest; null: any may
  // have. If it has not said anything to the others since, none of them has to be asked. Throws BackendFailure if they do
  // not come to rest.
  static void settle(std::vector<DaemonView>& daemons, const DaemonView* acted);

 private:
  class Stub;
  bool is_as_at_rest() const;

  std::unique_ptr<Stub> stub_;
  std::string rest_;  // what it had exchanged with the others when all were last at rest
};

}  // namespace netmsg::conformance
