// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

namespace netmsg::test {

namespace {

[[noreturn]] void become(const std::vector<std::string>& argv, const Process::Environment& environment,
                         int output, int inherited) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // Asio and gRPC make descriptors that would stay open in the child: a connection would outlive its closing.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (inherited >= 0) ::fcntl(inherited, F_SETFD, 0);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const Environment& environment, int inherited) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  pid_ = ::fork();
  if (pid_ == 0) become(argv, environment, pipe_ends[1], inherited);
  ::close(pipe_ends[1]);
  output_fd_ = pipe_ends[0];
  ::fcntl(output_fd_, F_SETFL, O_NONBLOCK);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_fd_(std::exchange(other.output_fd_, -1)),
      output_(std::move(other.output_)),
      ended_(other.ended_) {}

Process::~Process() {
  if (pid_ > 0 && running()) {
    signal(SIGKILL);
    wait();
  }
  if (output_fd_ >= 0) ::close(output_fd_);
}

bool Process::running() {
  drain();
  if (ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  drain();
  return false;
}

void Process::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds patience) {
  eventually([this] { return !running(); }, patience);
  return ended_;
}

std::optional<int> Process::stop(int number) {
  signal(number);
  return wait();
}

std::string Process::output() {
  drain();
  return output_;
}

void Process::drain() {
  char buffer[4096];
  for (ssize_t got = ::read(output_fd_, buffer, sizeof buffer); got > 0;
       got = ::read(output_fd_, buffer, sizeof buffer)) {
    output_.append(buffer, static_cast<std::size_t>(got));
  }
}

std::pair<int, std::string> run(const std::vector<std::string>& argv,
                                const Process::Environment& environment) {
  Process process(argv, environment);
  if (!process.wait()) process.stop(SIGKILL);
  return {process.wait().value_or(-SIGKILL), process.output()};
}

void sleep_for(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

}  // namespace netmsg::test
