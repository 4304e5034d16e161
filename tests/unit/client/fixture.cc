// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/fixture.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

namespace netmsg::test {

namespace {

// Before the library looks: no case may meet a daemon that happens to run on this machine.
__attribute__((constructor(101))) void hide_other_daemons() {
  ::setenv("NETMSGD_SOCKET", "/dev/null/none", 1);
}

std::unique_ptr<TestDaemon>& the_daemon() {
  static std::unique_ptr<TestDaemon> daemon;
  return daemon;
}

class DaemonForAll : public ::testing::Environment {
 public:
  void SetUp() override {
    the_daemon() = std::make_unique<TestDaemon>();
    ::setenv("NETMSGD_SOCKET", the_daemon()->path().c_str(), 1);
    // This process is older than its daemon: the first use
    // attaches, and mach_task_self() is right from then on.
    mach_port_destroy(mach_task_self(), mach_reply_port());
  }
  void TearDown() override { the_daemon().reset(); }
};

const auto* const registered = ::testing::AddGlobalTestEnvironment(new DaemonForAll);

}  // namespace

TestDaemon& daemon() {
  return *the_daemon();
}

mach_port_t new_port() {
  const mach_port_t port = mach_reply_port();
  EXPECT_NE(port, mach_port_t{MACH_PORT_NULL});
  return port;
}

mach_port_t new_port_with_send() {
  const mach_port_t port = new_port();
  EXPECT_EQ(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  return port;
}

mach_msg_return_t send_to(mach_port_t port, mach_msg_id_t id, mach_msg_option_t option,
                          mach_msg_timeout_t timeout_ms) {
  SmallMessage message{};
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
  message.head.msgh_remote_port = port;
  message.head.msgh_id = id;
  return mach_msg(&message.head, MACH_SEND_MSG | option, sizeof message, 0, MACH_PORT_NULL, timeout_ms,
                  MACH_PORT_NULL);
}

mach_msg_return_t receive_from(mach_port_t port, SmallMessage* message, mach_msg_option_t option,
                               mach_msg_timeout_t timeout_ms) {
  return mach_msg(&message->head, MACH_RCV_MSG | option, 0, sizeof *message, port, timeout_ms,
                  MACH_PORT_NULL);
}

mach_port_type_t type_of(mach_port_t name) {
  mach_port_type_t type = 0;
  return mach_port_type(mach_task_self(), name, &type) == KERN_SUCCESS ? type : MACH_PORT_TYPE_NONE;
}

mach_port_urefs_t refs_of(mach_port_t name, mach_port_right_t right) {
  mach_port_urefs_t refs = 0;
  EXPECT_EQ(mach_port_get_refs(mach_task_self(), name, right, &refs), KERN_SUCCESS);
  return refs;
}

bool in_process(const std::string& socket, const std::function<void()>& body) {
  ::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("NETMSGD_SOCKET", socket.c_str(), 1);
    body();
    ::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace netmsg::test
