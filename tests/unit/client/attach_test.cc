// SPDX-License-Identifier: Apache-2.0
// With a daemon, without one, after it, and after a fork (spec 07 §8, architecture §4).
#include <fcntl.h>
#include <servers/netname.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/base/unique_fd.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr char kNowhere[] = "/dev/null/none";

TEST(Attaching, HappensOnFirstUse) {
  EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
  EXPECT_EQ(mach_task_self(), 1U);
  EXPECT_EQ(type_of(mach_task_self()) & MACH_PORT_TYPE_SEND, MACH_PORT_TYPE_SEND);
}

TEST(Attaching, LeavesErrnoAlone) {
  errno = 4711;
  EXPECT_EQ(mach_port_deallocate(mach_task_self(), 99999), KERN_INVALID_NAME);
  SmallMessage message;
  EXPECT_EQ(receive_from(99999, &message), MACH_RCV_INVALID_NAME);
  EXPECT_EQ(errno, 4711);
}

TEST(WithoutADaemon, EveryCallHasItsCode) {
  EXPECT_TRUE(in_process(kNowhere, [] {
    mach_port_t name = 77;
    SmallMessage message;
    errno = 4711;
    EXPECT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name), KERN_FAILURE);
    EXPECT_EQ(name, 77U) << "out-parameters are left alone";
    EXPECT_EQ(mach_task_self(), mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(mach_port_deallocate(mach_task_self(), 5), KERN_FAILURE);
    EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(send_to(5, 1), MACH_SEND_INVALID_DEST);
    EXPECT_EQ(receive_from(5, &message), MACH_RCV_INVALID_NAME);
    EXPECT_EQ(netname_look_up(name_server_port, "", "x", &name), MACH_SEND_INVALID_DEST);
    EXPECT_EQ(name, mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(errno, 4711);
  }));
}

TEST(WithoutADaemon, OneThatComesLaterIsFound) {
  const std::string later = daemon().path();
  EXPECT_TRUE(in_process(kNowhere, [&] {
    EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    ::setenv("NETMSGD_SOCKET", later.c_str(), 1);
    EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(mach_task_self(), 1U);
  }));
}

TEST(WithoutADaemon, OneThatDoesNotAnswerIsGivenUpAfterTwoSeconds) {
  const std::string path = daemon().path() + ".deaf";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const base::UniqueFd deaf(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(deaf.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(deaf.get(), 8), 0);
  EXPECT_TRUE(in_process(path, [] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, std::chrono::milliseconds(1900));
    EXPECT_LE(took, std::chrono::milliseconds(4000));
  }));
}

// A daemon of the case's own, in a process of its own together with its client.
TEST(AfterTheDaemon, CallsSaySoAndNoOtherDaemonIsUsed) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  const std::string other = daemon().path();
  EXPECT_TRUE(in_process(kNowhere, [&] {
    auto own = std::make_unique<TestDaemon>();
    ::setenv("NETMSGD_SOCKET", own->path().c_str(), 1);
    const mach_port_t port = new_port_with_send();
    mach_msg_return_t blocked = 0;
    std::thread receiver([&] {
      SmallMessage message;
      blocked = receive_from(port, &message);
    });
    EXPECT_TRUE(own->tasks_become([&](const auto&) {
      return own->on_owner([&] { return own->engine().spaces().at(0).blocked_calls; }) == 1;
    }));
    own->stop();
    receiver.join();
    EXPECT_EQ(blocked, MACH_RCV_PORT_DIED);
    ::setenv("NETMSGD_SOCKET", other.c_str(), 1);
    SmallMessage message;
    mach_port_t name = 0;
    EXPECT_EQ(receive_from(port, &message), MACH_RCV_INVALID_NAME);
    EXPECT_EQ(send_to(port, 1), MACH_SEND_INVALID_DEST);
    EXPECT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name), KERN_INVALID_TASK);
    EXPECT_EQ(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
  }));
}

TEST(Forking, MakesANewTask) {
  const mach_port_t port = new_port_with_send();
  const std::string socket = daemon().path();
  EXPECT_TRUE(in_process(socket, [&] {
    EXPECT_EQ(mach_port_deallocate(mach_task_self(), port), KERN_INVALID_NAME);
    const mach_port_t own = new_port_with_send();
    EXPECT_EQ(send_to(own, 5), MACH_MSG_SUCCESS);
    EXPECT_TRUE(in_process(socket, [&] { EXPECT_EQ(type_of(own), MACH_PORT_TYPE_NONE); }));
  }));
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE) << "the parent goes on";
  EXPECT_TRUE(daemon().tasks_become([](const auto& rows) { return rows.size() == 1; }));
}

TEST(Forking, ClosesTheParentsDescriptorsInTheChild) {
  new_port();
  const auto sockets = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) {
      struct stat status {};
      if (::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode)) ++count;
    }
    return count;
  };
  const int before = sockets();
  EXPECT_TRUE(
      in_process(daemon().path(), [&] { EXPECT_EQ(sockets(), before - 2) << "main connection and lane"; }));
}

// A ring takes requests without a descriptor, until the daemon has noticed.
bool comes_to_its_end(mach_port_t port) {
  return poll_for(std::chrono::seconds(10), [port] { return type_of(port) == MACH_PORT_TYPE_NONE; });
}

TEST(Descriptors, ClosedByTheProgramGiveErrorsAndItsFilesStayClean) {
  const std::string file = daemon().path() + ".file";
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    const mach_port_t port = new_port_with_send();
    ::close_range(3, ~0U, 0);
    std::vector<int> files;
    for (int i = 0; i < 40; ++i)
      files.push_back(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    EXPECT_TRUE(comes_to_its_end(port));
    EXPECT_EQ(send_to(port, 1), MACH_SEND_INVALID_DEST);
    EXPECT_EQ(mach_port_deallocate(mach_task_self(), port), KERN_INVALID_TASK);
    struct stat status {};
    for (const int fd : files) EXPECT_EQ(::fstat(fd, &status), 0) << "nobody closed the program's file";
    EXPECT_EQ(status.st_size, 0);
  }));
}

TEST(Descriptors, ThatBecameTheProgramsSocketsGetNoFrames) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t port = new_port_with_send();
    ::close_range(3, ~0U, 0);
    int pairs[20][2];
    for (auto& pair : pairs) ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    EXPECT_TRUE(comes_to_its_end(port));
    EXPECT_EQ(send_to(port, 1), MACH_SEND_INVALID_DEST);
    for (const auto& pair : pairs) {
      for (const int fd : pair) {
        char byte;
        EXPECT_EQ(::recv(fd, &byte, 1, 0), -1);
        EXPECT_EQ(errno, EAGAIN) << "neither bytes nor an end";
      }
    }
  }));
}

TEST(Descriptors, AreNeverTheStandardStreams) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    ::close_range(0, 1, 0);
    const mach_port_t port = new_port_with_send();
    EXPECT_EQ(send_to(port, 1), MACH_MSG_SUCCESS);
    EXPECT_EQ(::fcntl(0, F_GETFD), -1);
    EXPECT_EQ(::fcntl(1, F_GETFD), -1);
  }));
}

}  // namespace
}  // namespace netmsg::test
