// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <stdexcept>

#include "tests/support/host.h"

namespace netmsg::conformance {

namespace {

constexpr int kStartMs = 20000;

}  // namespace

TaskProcess::Started TaskProcess::start(const test::Process::Environment& environment) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/agent";
  const base::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0) {
    throw std::runtime_error("no socket for the programs that act for tasks");
  }
  test::Process program({NETMSG_REPLAY_AGENT_PROGRAM, path}, environment);
  if (!Link(base::UniqueFd(::dup(listener.get()))).ready(kStartMs)) {
    throw std::runtime_error("the program that acts for a task does not start: " + program.output());
  }
  return {std::move(program),
          Link(base::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)))};
}

TaskProcess::TaskProcess(const test::Process::Environment& environment) : TaskProcess(start(environment)) {}

TaskProcess::TaskProcess(Started started)
    : program_(std::move(started.program)), link_(std::move(started.link)) {}

void TaskProcess::begin() {
  tell(Packet().put(Ask::kBegin));
  pid_ = answer().get<pid_t>();
}

void TaskProcess::end() {
  if (pid_ == 0) return;
  tell(Packet().put(Ask::kEnd));
  wait_for_end();
}

void TaskProcess::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  wait_for_end();
}

// Answers that nobody waited for may come first.
void TaskProcess::wait_for_end() {
  while (pid_ != 0) next();
}

void TaskProcess::tell(const Packet& request) {
  link_.send(request);
}

// The next answer; nothing if the task has ended.
std::optional<Packet> TaskProcess::next() {
  std::optional<Packet> packet = link_.receive();
  if (!packet) throw std::runtime_error("the program that acts for a task has ended: " + program_.output());
  if (packet->get<Say>() == Say::kAnswer) return packet;
  pid_ = 0;
  return std::nullopt;
}

Packet TaskProcess::answer() {
  std::optional<Packet> packet = next();
  if (!packet) throw BackendFailure("the task's process has died: " + program_.output());
  return *std::move(packet);
}

std::optional<Packet> TaskProcess::answer(int patience_ms) {
  if (!link_.ready(patience_ms)) return std::nullopt;
  return answer();
}

}  // namespace netmsg::conformance
