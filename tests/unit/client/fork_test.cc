// SPDX-License-Identifier: Apache-2.0
// What becomes of a task in the processes that are made from its own: by fork, by exec, by what makes them without
// the library hearing of it (spec 07 §8, 08 §1).
#include <fcntl.h>
#include <grp.h>
#include <mach/task_special_ports.h>
#include <netmsg.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <future>
#include <latch>
#include <thread>

#include "daemon/ipc/core.h"
#include "tests/support/gate.h"
#include "tests/unit/client/disturb.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

mach_msg_return_t tell(mach_port_t port, mach_msg_id_t id) {
  mach_msg_header_t message{};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  message.msgh_remote_port = port;
  message.msgh_id = id;
  return mach_msg(&message, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

// The id of the next message, or minus the code of the receive.
int heard(mach_port_t port) {
  SmallMessage message;
  const mach_msg_return_t code = receive_from(port, &message, MACH_RCV_TIMEOUT, 10'000);
  return code == MACH_MSG_SUCCESS ? message.head.msgh_id : -code;
}

std::array<mach_port_t, 4> variables() {
  return {name_server_port, environment_port, service_port, bootstrap_port};
}

std::array<mach_port_t, 4> ports_of_the_task() {
  mach_port_array_t set = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_EQ(mach_ports_lookup(mach_task_self(), &set, &count), KERN_SUCCESS);
  EXPECT_EQ(count, 4U);
  std::array<mach_port_t, 4> ports{set[0], set[1], set[2], MACH_PORT_NULL};
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(set), count * sizeof *set);
  EXPECT_EQ(task_get_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, &ports[3]), KERN_SUCCESS);
  return ports;
}

// This task's bootstrap port and its registered ports 1 and 2, while it exists: two ports of its own.
class ToHandOn {
 public:
  ToHandOn() {
    const mach_port_t set[] = {MACH_PORT_NULL, environment, service};
    EXPECT_EQ(mach_ports_register(mach_task_self(), set, 3), KERN_SUCCESS);
    EXPECT_EQ(task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, environment), KERN_SUCCESS);
  }
  ~ToHandOn() {
    mach_ports_register(mach_task_self(), nullptr, 0);
    task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, MACH_PORT_NULL);
    mach_port_destroy(mach_task_self(), environment);
    mach_port_destroy(mach_task_self(), service);
  }
  const mach_port_t environment = new_port_with_send();
  const mach_port_t service = new_port_with_send();
};

// Nothing but this process is a task, and nobody can inherit any more.
bool alone() {
  return daemon().tasks_become([](const auto& rows) {
    return rows.size() == 1 &&
           daemon().on_owner([] { return daemon().engine().core().inheritances.empty(); });
  });
}

// 08.14, 07 §4: the variables are right when they are first used, as an argument of the first call.
TEST(Inheriting, AForkedChildHasThePortsAndTheVariables) {
  const ToHandOn ports;
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const auto before = variables();
    EXPECT_EQ(tell(bootstrap_port, 11), MACH_MSG_SUCCESS);
    EXPECT_EQ(tell(service_port, 12), MACH_MSG_SUCCESS);
    EXPECT_EQ(variables(), before);
    EXPECT_EQ(environment_port, bootstrap_port);
    EXPECT_EQ(name_server_port, mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(ports_of_the_task(), before);
  }));
  EXPECT_EQ(heard(ports.environment), 11);
  EXPECT_EQ(heard(ports.service), 12);
  EXPECT_TRUE(alone());
}

// 08.14
TEST(Inheriting, NothingIsInheritedWhereNothingWasSet) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    EXPECT_EQ(variables(), (std::array<mach_port_t, 4>{}));
    EXPECT_EQ(ports_of_the_task(), (std::array<mach_port_t, 4>{}));
  }));
}

// What the parent does after the fork is not the child's business.
TEST(Inheriting, IsOfTheMomentOfTheFork) {
  Gate gate;
  auto ports = std::make_unique<ToHandOn>();
  const mach_port_t kept = ports->environment;
  const pid_t child = ::fork();
  if (child == 0) {
    gate.wait();
    ::_exit(tell(bootstrap_port, 5) == MACH_MSG_SUCCESS ? 0 : 1);
  }
  EXPECT_EQ(task_set_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, MACH_PORT_NULL), KERN_SUCCESS);
  gate.open();
  EXPECT_EQ(heard(kept), 5);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ports.reset();
  EXPECT_TRUE(alone());
}

// As a daemon is started: the parent is dead, and its parent too, when the grandchild makes its first call.
TEST(Inheriting, OutlivesTheParents) {
  const ToHandOn ports;
  Gate gate;
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    new_port();
    if (::fork() != 0) return;
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    gate.wait();
    EXPECT_EQ(tell(bootstrap_port, 21), MACH_MSG_SUCCESS);
    EXPECT_EQ(variables(), ports_of_the_task());
    ::_exit(0);
  }));
  EXPECT_TRUE(daemon().tasks_become([](const auto& rows) { return rows.size() == 1; }));
  gate.open();
  EXPECT_EQ(heard(ports.environment), 21);
  EXPECT_TRUE(alone());
}

// Descriptors are how it is inherited: who closes all of them is a task like any other.
TEST(Inheriting, EndsWithTheDescriptor) {
  const ToHandOn ports;
  EXPECT_TRUE(in_process(daemon().path(), [] {
    ::close_range(3, ~0U, 0);
    EXPECT_EQ(ports_of_the_task(), (std::array<mach_port_t, 4>{}));
    EXPECT_EQ(variables(), (std::array<mach_port_t, 4>{}));
  }));
  EXPECT_TRUE(alone());
}

TEST(Inheriting, IsForAnotherUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  constexpr uid_t kNobody = 65534;
  const ToHandOn ports;
  const std::string folder = daemon().path().substr(0, daemon().path().rfind('/'));
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(daemon().path().c_str(), 0666), 0);
  EXPECT_TRUE(in_process(daemon().path(), [] {
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
    ASSERT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    EXPECT_EQ(tell(bootstrap_port, 31), MACH_MSG_SUCCESS);
  }));
  EXPECT_EQ(heard(ports.environment), 31);
  EXPECT_TRUE(alone());
}

TEST(Inheriting, ADescriptorThatCannotBeHadCostsTheChildOnlyThat) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers need descriptors of their own, and follow no threads in a forked process";
#endif
  const ToHandOn ports;
  EXPECT_TRUE(in_process(daemon().path(), [] {
    EXPECT_EQ(tell(bootstrap_port, 41), MACH_MSG_SUCCESS);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const int full = ::dup(0);
    rlimit low = limit;
    low.rlim_cur = static_cast<rlim_t>(full);
    ::close(full);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    int descriptor = 77;
    EXPECT_EQ(netmsg_inherit(&descriptor), KERN_RESOURCE_SHORTAGE);
    EXPECT_EQ(descriptor, 77);
    EXPECT_TRUE(in_process(daemon().path(), [&] {
      EXPECT_EQ(bootstrap_port, mach_port_t{MACH_PORT_NULL});
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
      EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    }));
    EXPECT_EQ(tell(bootstrap_port, 42), MACH_MSG_SUCCESS);
    std::thread([] { EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL}) << "no lane"; }).join();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::thread([] { EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL}); }).join();
  }));
  EXPECT_EQ(heard(ports.environment), 41);
  EXPECT_EQ(heard(ports.environment), 42);
  EXPECT_TRUE(alone());
}

// ---------------------------------------------------------------- exec

// Runs heir with the environment's NETMSG_INHERIT as told; its exit status.
int run_heir(const std::string& inherit, const std::vector<std::string>& arguments) {
  std::string program = HEIR_PROGRAM;
  std::vector<char*> argv{program.data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("NETMSGD_SOCKET", daemon().path().c_str(), 1);
    if (!inherit.empty()) ::setenv("NETMSG_INHERIT", inherit.c_str(), 1);
    ::execv(argv[0], argv.data());
    ::_exit(255);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Exec, AProgramInheritsByADescriptorThatItIsTold) {
  const ToHandOn ports;
  int descriptor = -1;
  ASSERT_EQ(netmsg_inherit(&descriptor), KERN_SUCCESS);
  ASSERT_GE(descriptor, 3);
  const std::string number = std::to_string(descriptor);
  for (int id = 1; id <= 3; ++id) {
    EXPECT_EQ(run_heir(number, {"inherits", std::to_string(id)}), 0);
    EXPECT_EQ(heard(ports.environment), id);
  }
  ::close(descriptor);
  EXPECT_TRUE(alone());
}

// Between fork and exec a child hands on what it was left, without becoming a task.
TEST(Exec, AChildHandsOnWhatItHasNotUsed) {
  const ToHandOn ports;
  EXPECT_TRUE(in_process(daemon().path(), [] {
    int descriptor = -1;
    ASSERT_EQ(netmsg_inherit(&descriptor), KERN_SUCCESS);
    EXPECT_EQ(run_heir(std::to_string(descriptor), {"inherits", "9"}), 0);
  }));
  EXPECT_EQ(heard(ports.environment), 9);
  EXPECT_TRUE(alone());
}

TEST(Exec, NothingIsInheritedUnasked) {
  const ToHandOn ports;
  EXPECT_EQ(run_heir("", {"nothing", "0"}), 0);
}

TEST(Exec, ThereIsNoDescriptorForWhatEveryTaskGets) {
  int descriptor = 0;
  EXPECT_EQ(netmsg_inherit(&descriptor), KERN_SUCCESS);
  EXPECT_EQ(descriptor, -1);
  EXPECT_EQ(run_heir("-1", {"nothing", "0"}), 0);
}

// What is no handle is left alone.
TEST(Exec, AnotherDescriptorIsTheProgramsOwn) {
  const ToHandOn ports;
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
  const int file = ::open("/dev/null", O_RDONLY);
  for (const int fd : {pair[0], file}) {
    const std::string number = std::to_string(fd);
    ASSERT_EQ(::send(pair[1], "12345678", 8, 0), 8);
    EXPECT_EQ(run_heir(number, {"nothing", number}), 0);
    for (const std::string& odd : {number + "x", std::string("x"), " " + number, std::string("99999999999")})
      EXPECT_EQ(run_heir(odd, {"nothing", number}), 0) << odd;
  }
  char bytes[9];
  EXPECT_EQ(::recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT), 8) << "nothing was taken out";
  for (const int fd : {pair[0], pair[1], file}) ::close(fd);
}

TEST(Exec, WithoutADaemonThereIsNothingToHandOn) {
  EXPECT_TRUE(in_process("/dev/null/none", [] {
    int descriptor = 77;
    EXPECT_EQ(netmsg_inherit(&descriptor), KERN_FAILURE);
    EXPECT_EQ(descriptor, 77);
  }));
}

TEST(Exec, MainMayEndBeforeTheProgramDoes) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer does not outlive the main thread";
#endif
  EXPECT_EQ(run_heir("", {"leave"}), 0);
  EXPECT_TRUE(alone());
}

TEST(Exec, AProgramMayEndWhileItsThreadsAreInCalls) {
  EXPECT_EQ(run_heir("", {"exit"}), 0);
  EXPECT_TRUE(alone());
}

// ---------------------------------------------------------------- what the parent keeps

// A child that lives on, and never uses the library, keeps nothing of its parent's alive.
TEST(Forking, AChildDoesNotKeepADeadParentsTask) {
  Gate gate;
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    new_port();
    if (::fork() != 0) return;
    gate.wait();
    ::_exit(0);
  }));
  EXPECT_TRUE(daemon().tasks_become([](const auto& rows) { return rows.size() == 1; }));
}

TEST(Forking, WhileThreadsAreBlocked) {
  const mach_port_t empty = new_port();
  const mach_port_t full = new_port_with_send();
  const mach_port_t silent = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), full, 0), KERN_SUCCESS);
  std::thread receiver([&] { EXPECT_EQ(heard(empty), 1); });
  std::thread sender([&] { EXPECT_EQ(tell(full, 2), MACH_MSG_SUCCESS); });
  std::thread caller([&] {
    mach_port_type_t type = 0;
    EXPECT_EQ(mach_port_type(silent, 5, &type), MIG_SERVER_DIED);
  });
  ASSERT_TRUE(daemon().tasks_become([](const auto&) { return blocked_calls() == 3; }));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(in_process(daemon().path(), [] {
      const mach_port_t port = new_port_with_send();
      EXPECT_EQ(tell(port, 7), MACH_MSG_SUCCESS);
      EXPECT_EQ(heard(port), 7);
    }));
  }
  EXPECT_EQ(blocked_calls(), 3U);
  EXPECT_EQ(send_to(empty, 1), MACH_MSG_SUCCESS);
  EXPECT_EQ(mach_port_set_qlimit(mach_task_self(), full, 1), KERN_SUCCESS);
  EXPECT_EQ(heard(full), 2);
  mach_port_destroy(mach_task_self(), silent);
  for (std::thread* thread : {&receiver, &sender, &caller}) thread->join();
  mach_port_destroy(mach_task_self(), full);
}

// Children of all kinds at once, from several threads.
TEST(Forking, Storms) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  const ToHandOn ports;
  constexpr int kThreads = 4;
  const int forks = scaled(500) / kThreads + 1;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < forks; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
          if (i % 3 == 0) ::_exit(0);
          if (i % 3 == 1) ::execl("/bin/true", "true", nullptr);
          ::_exit(tell(service_port, t) == MACH_MSG_SUCCESS && mach_reply_port() != MACH_PORT_NULL ? 0 : 1);
        }
        int status = -1;
        if (::waitpid(child, &status, 0) != child || status != 0) ++failed;
      }
    });
  }
  int told = 0;
  std::thread listener([&] {
    for (; told < kThreads * (forks / 3); ++told) {
      if (heard(ports.service) < 0) break;
    }
  });
  for (std::thread& thread : threads) thread.join();
  listener.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(told, kThreads * (forks / 3));
  EXPECT_TRUE(alone());
}

// Neither before nor after, in neither process: the library would be left in the middle of it. errno is kept, too.
TEST(Forking, IsNoCancellationPoint) {
  const ToHandOn ports;
  bool returned = false;
  std::thread thread([&] {
    vm_address_t region = 0;
    EXPECT_EQ(vm_allocate(mach_task_self(), &region, 1U << 20, TRUE), KERN_SUCCESS);
    ::pthread_cancel(::pthread_self());
    errno = 4711;
    const pid_t child = ::fork();
    const int error = errno;
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    if (child == 0) ::_exit(error == 4711 ? 7 : 8);
    returned = true;
    EXPECT_EQ(error, 4711);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
    EXPECT_EQ(vm_deallocate(mach_task_self(), region, 1U << 20), KERN_SUCCESS);
  });
  thread.join();
  EXPECT_TRUE(returned);
  EXPECT_TRUE(in_process(daemon().path(), [] {}));
}

// The daemon's thread stands still while this exists.
class StoppedDaemon {
 public:
  StoppedDaemon() {
    thread_ = std::thread([this] {
      daemon().on_owner([this] {
        stands_.count_down();
        go_on_.wait();
      });
    });
    stands_.wait();
  }
  ~StoppedDaemon() {
    go_on_.count_down();
    thread_.join();
  }

 private:
  std::latch stands_{1};
  std::latch go_on_{1};
  std::thread thread_;
};

// Of a thread of this process: does it sleep in a system call?
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string number, name, state;
  file >> number >> name >> state;
  return state == "S";
}

bool forks_within(std::chrono::seconds limit, std::future<bool>* forked) {
  *forked = std::async(std::launch::async, [] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
  });
  return forked->wait_for(limit) == std::future_status::ready;
}

// A thread that waits for its lane then does not hold a fork up; its call goes on when the daemon does, and what the
// fork did not wait for confuses nobody.
TEST(Forking, WhileTheDaemonStandsStill) {
  constexpr std::chrono::seconds kLong(20);
  const ToHandOn ports;
  std::future<bool> first, second;
  std::latch called(1);
  std::atomic<pid_t> caller_id{0};
  std::thread caller;
  {
    const StoppedDaemon stopped;
    EXPECT_TRUE(forks_within(kLong, &first)) << "an inheritance that comes too late";
    caller = std::thread([&] {
      caller_id = ::gettid();
      called.count_down();
      EXPECT_EQ(tell(ports.service, 5), MACH_MSG_SUCCESS);
    });
    called.wait();
    while (!sleeps(caller_id)) ::usleep(1000);
    EXPECT_TRUE(forks_within(kLong, &second)) << "the caller's lane";
  }
  caller.join();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_EQ(heard(ports.service), 5);
  std::thread([&] { EXPECT_EQ(tell(ports.service, 6), MACH_MSG_SUCCESS); }).join();
  EXPECT_EQ(heard(ports.service), 6);
  EXPECT_TRUE(in_process(daemon().path(), [] { EXPECT_EQ(tell(bootstrap_port, 7), MACH_MSG_SUCCESS); }));
  EXPECT_EQ(heard(ports.environment), 7);
  EXPECT_TRUE(alone());
}

// The library does not hear of these.
TEST(Forking, BySpawnAndVforkLeavesTheTaskAlone) {
  const mach_port_t port = new_port_with_send();
  std::string program = "/bin/true";
  char* argv[] = {program.data(), nullptr};
  pid_t child = -1;
  int status = -1;
  ASSERT_EQ(::posix_spawn(&child, argv[0], nullptr, nullptr, argv, environ), 0);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
  EXPECT_EQ(tell(port, 3), MACH_MSG_SUCCESS);
  EXPECT_EQ(heard(port), 3);
  EXPECT_TRUE(alone());
}

int sockets_open_on_exec() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat status {};
    if (::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
      ++count;
  }
  return count;
}

// So a program that is started by these keeps nothing open either, but what it is meant to have.
TEST(Forking, NoDescriptorStaysOpenOnExecUnasked) {
  const ToHandOn ports;
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const int before = sockets_open_on_exec();
    EXPECT_EQ(tell(bootstrap_port, 1), MACH_MSG_SUCCESS);
    EXPECT_EQ(sockets_open_on_exec(), before);
    EXPECT_TRUE(in_process(daemon().path(), [&] { EXPECT_EQ(sockets_open_on_exec(), before); }));
    int descriptor = -1;
    EXPECT_EQ(netmsg_inherit(&descriptor), KERN_SUCCESS);
    EXPECT_EQ(sockets_open_on_exec(), before + 1);
  }));
}

}  // namespace
}  // namespace netmsg::test
