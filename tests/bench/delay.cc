// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/delay.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/not_offered.h"
#include "tests/support/fault_link.h"

namespace netmsg::bench {

namespace {

constexpr std::chrono::milliseconds kEachWay{1};

[[noreturn]] void hand_on(std::uint16_t target, int tell) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  test::FaultLink link(target);
  link.delay(test::FaultLink::Way::kThere, kEachWay);
  link.delay(test::FaultLink::Way::kBack, kEachWay);
  const std::uint16_t port = link.port();
  if (::write(tell, &port, sizeof port) != sizeof port) ::_exit(1);
  for (;;) ::pause();
}

}  // namespace

Delay::Delay(std::uint16_t target) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw NotOffered("no pipe");
  process_ = ::fork();
  if (process_ == 0) hand_on(target, pipe_ends[1]);
  ::close(pipe_ends[1]);
  const ssize_t got = ::read(pipe_ends[0], &port_, sizeof port_);
  ::close(pipe_ends[0]);
  if (got != sizeof port_) throw NotOffered("nobody delays");
}

Delay::~Delay() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

}  // namespace netmsg::bench
