// SPDX-License-Identifier: Apache-2.0
// Programs whose daemon is killed, stopped or started anew, and programs that become daemons themselves: the table "what
// calls return" of client/README.md, with a real netmsgd. Each program is a process forked from the test, and a task of its
// own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mach.h>
#include <mach/task_special_ports.h>
#include <netmsg.h>
#include <servers/netname.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "tests/support/gate.h"
#include "tests/support/host.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// A program that finds its daemon at `socket`.
pid_t start(const std::string& socket, const std::function<void()>& body) {
  ::fflush(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(60);
  ::setenv("NETMSGD_SOCKET", socket.c_str(), 1);
  body();
  ::fflush(nullptr);
  ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

bool ends_well(pid_t child) {
  int status = -1;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool runs_well(const std::string& socket, const std::function<void()>& body) {
  return ends_well(start(socket, body));
}

struct Message {
  mach_msg_header_t head;
  char text[32];
};

mach_port_t port_with_send() {
  const mach_port_t port = mach_reply_port();
  EXPECT_EQ(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  return port;
}

mach_msg_return_t call(mach_msg_option_t option, mach_port_t to, mach_port_t from) {
  Message message{};
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  message.head.msgh_remote_port = to;
  const mach_msg_size_t size = (option & MACH_SEND_MSG) != 0 ? sizeof message.head : 0;
  return mach_msg(&message.head, option, size, sizeof message, from, 0, MACH_PORT_NULL);
}

// What is left to a program without its daemon.
void expect_gone(mach_port_t port) {
  mach_port_t name = MACH_PORT_NULL;
  EXPECT_EQ(call(MACH_SEND_MSG, port, 0), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(call(MACH_RCV_MSG, 0, port), MACH_RCV_INVALID_NAME);
  EXPECT_EQ(call(MACH_SEND_MSG | MACH_RCV_MSG, port, port), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name), KERN_INVALID_TASK);
  EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
  EXPECT_EQ(netname_look_up(name_server_port, "", "NM_ACTIVE", &name), MACH_SEND_INVALID_DEST);
  int descriptor = -1;
  EXPECT_EQ(netmsg_inherit(&descriptor), KERN_INVALID_TASK);
}

bool finds_the_name_service() {
  mach_port_t port = MACH_PORT_NULL;
  return netname_look_up(name_server_port, "", "NM_ACTIVE", &port) == NETNAME_SUCCESS &&
         port == name_server_port;
}

// Threads in every kind of call, then the daemon is killed and another started in its place.
void lose_the_daemon(Gate& lost, int ready) {
  const mach_port_t empty = mach_reply_port();
  const mach_port_t full = port_with_send();
  const mach_port_t silent = port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), full, 0), KERN_SUCCESS);
  std::vector<std::thread> threads;
  threads.emplace_back([&] { EXPECT_EQ(call(MACH_RCV_MSG, 0, empty), MACH_RCV_PORT_DIED); });
  threads.emplace_back(
      [&] { EXPECT_EQ(call(MACH_RCV_MSG | MACH_RCV_INTERRUPT, 0, empty), MACH_RCV_PORT_DIED); });
  threads.emplace_back([&] { EXPECT_EQ(call(MACH_SEND_MSG, full, 0), MACH_SEND_INVALID_DEST); });
  threads.emplace_back(
      [&] { EXPECT_EQ(call(MACH_SEND_MSG | MACH_RCV_MSG, silent, empty), MACH_RCV_PORT_DIED); });
  threads.emplace_back([&] {
    mach_port_type_t type = 0;
    EXPECT_EQ(mach_port_type(silent, 5, &type), MACH_RCV_PORT_DIED);
  });
  EXPECT_EQ(::write(ready, "", 1), 1);
  for (std::thread& thread : threads) thread.join();
  expect_gone(full);
  lost.wait();
  expect_gone(full);
  EXPECT_TRUE(runs_well(::getenv("NETMSGD_SOCKET"), [] { EXPECT_TRUE(finds_the_name_service()); }))
      << "a new process is how a program begins anew";
  expect_gone(full);
}

bool five_calls_block(const Host& host) {
  const std::string tasks = host.control({"tasks", "--json"}).second;
  const std::string key = "\"blocked_calls\":";
  for (std::size_t at = tasks.find(key); at != std::string::npos; at = tasks.find(key, at + 1)) {
    if (std::strtoul(tasks.c_str() + at + key.size(), nullptr, 10) == 5) return true;
  }
  return false;
}

TEST(DaemonsEnd, EveryCallHasItsCodeAndNoOtherDaemonIsUsed) {
  Host host("here", 0, {});
  Gate restarted;
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = start(host.socket(), [&] { lose_the_daemon(restarted, ready[1]); });
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(eventually([&] { return five_calls_block(host); }));
  host.restart(SIGKILL);
  restarted.open();
  EXPECT_TRUE(ends_well(child));
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(balanced({&host}), "");
}

milliseconds time_of_a_fork() {
  const auto begin = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
  EXPECT_TRUE(ends_well(child));
  return took;
}

// A daemon that has stopped holds a fork up for a second, once, and spoils nothing.
TEST(DaemonsEnd, AStoppedOneHoldsNoForkUpForLong) {
  Host host("here", 0, {});
  const pid_t daemon = host.daemon().pid();
  EXPECT_TRUE(runs_well(host.socket(), [daemon] {
    const mach_port_t port = port_with_send();
    ASSERT_EQ(task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, port), KERN_SUCCESS);
    ::kill(daemon, SIGSTOP);
    const auto first = time_of_a_fork();
    EXPECT_GE(first, milliseconds(900));
    EXPECT_LT(first, milliseconds(5000));
    EXPECT_LT(time_of_a_fork(), milliseconds(900));
    ::kill(daemon, SIGCONT);
    std::thread([] { EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL}) << "a lane"; }).join();
    EXPECT_TRUE(runs_well(::getenv("NETMSGD_SOCKET"), [] {
      EXPECT_EQ(call(MACH_SEND_MSG, bootstrap_port, 0), MACH_MSG_SUCCESS) << "forks inherit again";
    }));
    EXPECT_EQ(call(MACH_RCV_MSG, 0, port), MACH_MSG_SUCCESS);
  }));
  EXPECT_EQ(balanced({&host}), "");
}

// A fork from a program whose daemon has ended, noticed or not.
TEST(DaemonsEnd, AForkAfterItBeginsAnew) {
  Host host("here", 0, {});
  Gate restarted;
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = start(host.socket(), [&] {
    const mach_port_t port = port_with_send();
    ASSERT_EQ(task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, port), KERN_SUCCESS);
    EXPECT_EQ(::write(ready[1], "", 1), 1);
    restarted.wait();
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(runs_well(::getenv("NETMSGD_SOCKET"), [] {
        EXPECT_EQ(bootstrap_port, mach_port_t{MACH_PORT_NULL});
        EXPECT_TRUE(finds_the_name_service());
      }));
      expect_gone(port);
    }
  });
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  host.restart(SIGKILL);
  restarted.open();
  EXPECT_TRUE(ends_well(child));
  ::close(ready[0]);
  ::close(ready[1]);
}

// ---------------------------------------------------------------- programs that become daemons

// The usual steps. `use_before`: it is a task before it takes them.
void daemonise(bool use_before) {
  if (use_before) netname_wait_for_server();
  if (const pid_t child = ::fork(); child != 0) ::_exit(ends_well(child) ? 0 : 1);
  ::setsid();
  if (const pid_t child = ::fork(); child != 0) ::_exit(ends_well(child) ? 0 : 1);
  ::close_range(0, ~0U, 0);
  EXPECT_EQ(::open("/dev/null", O_RDWR), 0);
  EXPECT_EQ(::dup(0), 1);
  EXPECT_EQ(::dup(0), 2);
  ::umask(0);
  EXPECT_EQ(::chdir("/"), 0);
  if (!use_before) netname_wait_for_server();
  EXPECT_TRUE(finds_the_name_service());
  for (int fd = 0; fd <= 2; ++fd) EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 0) << "still a file";
}

TEST(Daemonising, IsAskedForNothing) {
  Host host("here", 0, {});
  for (const bool use_before : {false, true})
    EXPECT_TRUE(runs_well(host.socket(), [use_before] { daemonise(use_before); }));
  EXPECT_EQ(balanced({&host}), "");
}

// Who has begun keeps what he has, wherever he goes and whoever he becomes.
TEST(Daemonising, ATaskStaysOneInAnotherRootAndAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can do this";
  constexpr uid_t kNobody = 65534;
  Host host("here", 0, {});
  EXPECT_TRUE(runs_well(host.socket(), [] {
    netname_wait_for_server();
    ASSERT_EQ(::chroot("/proc/self/fdinfo"), 0);
    ASSERT_EQ(::chdir("/"), 0);
    ASSERT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
    ASSERT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    std::thread([] { EXPECT_TRUE(finds_the_name_service()) << "with a new lane"; }).join();
    EXPECT_EQ(mach_port_deallocate(mach_task_self(), name_server_port), KERN_SUCCESS);
  }));
  EXPECT_EQ(balanced({&host}), "");
}

}  // namespace
}  // namespace netmsg::test
