// SPDX-License-Identifier: Apache-2.0
// A child process of a test: killed, at the latest, when its object goes away; its output is kept in memory.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netmsg::test {

class Process {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  // Starts argv[0] with the arguments; `environment` is added to ours. It ends when we do, however we end. Of our
  // descriptors it gets `inherited`, under the same number, and no other.
  explicit Process(const std::vector<std::string>& argv, const Environment& environment = {},
                   int inherited = -1);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;

  // The exit status, or minus the number of the signal that
  // ended it; nothing if it still runs after `patience`.
  std::optional<int> wait(std::chrono::milliseconds patience = std::chrono::seconds(20));
  // Signal and wait.
  std::optional<int> stop(int number);

  // What it has printed so far (stdout and stderr).
  std::string output();

 private:
  void drain();

  pid_t pid_ = -1;
  int output_fd_ = -1;
  std::string output_;
  std::optional<int> ended_;
};

// Runs a program to its end: status and output. A program that does not end in time is killed: status
// -SIGKILL.
std::pair<int, std::string> run(const std::vector<std::string>& argv,
                                const Process::Environment& environment = {});

// Asks again every few milliseconds until the condition holds or `patience` is over; tells whether it held.
template <typename Condition>
bool eventually(Condition holds, std::chrono::milliseconds patience = std::chrono::seconds(10));

void sleep_for(std::chrono::milliseconds time);

template <typename Condition>
bool eventually(Condition holds, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace netmsg::test
