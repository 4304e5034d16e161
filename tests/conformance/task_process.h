// SPDX-License-Identifier: Apache-2.0
// The replayer's side of one recorded task that is a process (agent_protocol.h).
//
//   state   event           next
//   idle    begin           task
//   task    end, kill       idle (the child has ended)
//   task    it dies         idle: the request throws
//
// Owner: a ProcessBackend.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "tests/conformance/agent_link.h"
#include "tests/conformance/agent_protocol.h"
#include "tests/support/process.h"

namespace netmsg::conformance {

class TaskProcess {
 public:
  // Starts the program; its tasks look for a daemon as `environment` says. Throws std::runtime_error.
  explicit TaskProcess(const test::Process::Environment& environment);

  void begin();
  void end();
  // SIGKILL to the task. Idempotent.
  void kill();
  bool is_task() const { return pid_ != 0; }
  pid_t pid() const { return pid_; }

  // A request for its answer. Throws BackendFailure if the task dies. REQUIRES: is_task().
  Packet ask(const Packet& request) {
    tell(request);
    return answer();
  }
  // The two halves, for two tasks at once.
  void tell(const Packet& request);
  Packet answer();
  // Nothing if there is none within that time.
  std::optional<Packet> answer(int patience_ms);

 private:
  struct Started {
    test::Process program;
    Link link;
  };
  static Started start(const test::Process::Environment& environment);
  explicit TaskProcess(Started started);
  std::optional<Packet> next();
  void wait_for_end();

  test::Process program_;
  Link link_;
  pid_t pid_ = 0;
};

}  // namespace netmsg::conformance
