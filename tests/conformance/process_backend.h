// SPDX-License-Identifier: Apache-2.0
// Each recorded task is a process that calls the library, with real daemons behind it: one for both tasks (`socket`, `ring`), or
// one for each (`two-hosts`), joined over loopback. With a third one (`three-hosts`) the tasks' calls on each other go through
// a process there (agent_between.h).
//
// Real daemons rather than an engine in this process, so that a replay goes through all that a program goes through.
// What has to be known besides the answers of calls (is this call blocked, has that task's death been noticed, is
// anything under way between hosts) is asked over control.proto; nothing here waits for a time to pass.
//
// Time: a trace's waits are virtual. The main threads' short timeouts are taken as they are, since nothing else can
// happen meanwhile. The timeout of a started call is stretched, so that what the trace does next finds it waiting; when
// the trace has slept past it, its result is waited for.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/backend.h"
#include "tests/conformance/daemon_view.h"
#include "tests/conformance/task_process.h"
#include "tests/support/host.h"

namespace netmsg::conformance {

class ProcessBackend final : public Backend {
 public:
  // Starts daemons, 1 to 3, and programs, whose lanes are of that kind (NETMSG_LANE). Throws std::runtime_error.
  ProcessBackend(std::size_t hosts, const std::string& lane);
  ~ProcessBackend() override;

  bool has_several_hosts() const override { return daemons_.size() > 1; }
  void begin_case() override;
  void end_case() override;
  PortAnswer port_call(const PortCall& call) override;
  SpaceView look(SpaceId space) override;
  Name unused_name(SpaceId space) override;
  Address place_memory(SpaceId space, const Bytes& content) override;
  std::optional<Bytes> read_memory(SpaceId space, Address address, std::size_t size) override;
  void start(Thread thread, MsgArguments arguments) override;
  std::optional<MsgAnswer> result(Thread thread) override;
  std::optional<MsgAnswer> wait(Thread thread) override;
  void abort(Thread thread) override;
  void sleep(std::uint32_t milliseconds) override;
  void terminate(SpaceId space) override;
  void settle() override;

 private:
  // The call of a task's second thread.
  struct Second {
    bool under_way = false;
    std::optional<std::uint64_t> deadline_ms = {};  // of the trace's time
    std::optional<MsgAnswer> answer = {};           // it has ended and was not asked for yet
  };

  TaskProcess& task(SpaceId space) { return *tasks_[static_cast<std::size_t>(space)]; }
  Second& second(SpaceId space) { return seconds_[static_cast<std::size_t>(space)]; }
  const DaemonView& daemon_of(SpaceId space) const;
  const test::Host& host_of(SpaceId space) const;
  static std::unique_ptr<TaskProcess> start_task(const test::Host& host, const std::string& lane);
  void introduce();
  void introduce_between();
  template <typename Request>
  void both(Request request);
  void settle_second(SpaceId space);
  void settle_hosts();

  std::vector<std::unique_ptr<test::Host>> hosts_;  // one, or those of t0, t1 and the go-between
  std::vector<DaemonView> daemons_;                 // of these
  std::array<std::unique_ptr<TaskProcess>, 2> tasks_;
  std::unique_ptr<TaskProcess> between_;  // with three hosts
  std::array<Second, 2> seconds_;
  std::uint64_t now_ms_ = 0;  // of the trace
  Name next_unused_ = 0;
  unsigned cases_ = 0;
  std::set<SpaceId> acted_;  // whose hosts may have something under way; what another's has follows from that
};

}  // namespace netmsg::conformance
