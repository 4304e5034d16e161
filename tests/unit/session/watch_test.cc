// SPDX-License-Identifier: Apache-2.0
// Watches over a real socket, and clients that do with them what they like (09).
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::Kind;

constexpr std::uint32_t kLimit = 20;

struct Opened {
  local::WatchOpened answer{};
  base::UniqueFd fd;
};

session::UserLimits few_watches() {
  session::UserLimits limits;
  limits.watches = kLimit;
  return limits;
}

class WatchSessions : public ::testing::Test {
 protected:
  TestDaemon daemon{few_watches()};

  static std::uint32_t new_port(RawClient& client) {
    return client.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0];
  }
  static Opened answer(RawClient& client) {
    Opened opened;
    opened.fd = client.main().receive_with_descriptor(&opened.answer);
    return opened;
  }
  static Opened open(RawClient& client, std::uint32_t name) {
    client.main().send(frame(Kind::kOpenWatch, 0, local::OpenWatch{name, 0}));
    return answer(client);
  }
  static void send(RawClient& client, std::uint32_t port) {
    struct {
      local::MachMsg request;
      mach_msg_header_t message;
    } both{{MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(mach_msg_header_t), 0, 0, 0, 0, 0, 0}, {}};
    both.message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0U);
    both.message.msgh_remote_port = port;
    client.lane().send(frame(Kind::kMachMsg, 1, both));
    ASSERT_TRUE(client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone));
  }
  static local::MachMsgDone poll_port(RawClient& client, std::uint32_t port) {
    const local::MachMsg request{MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, 4096, port, 0, 0, 0, 0};
    client.lane().send(frame(Kind::kMachMsg, 2, request));
    return client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone).value();
  }
  static int events(const base::UniqueFd& fd, int timeout_ms = 10'000) {
    pollfd one{fd.get(), POLLIN, 0};
    return ::poll(&one, 1, timeout_ms) > 0 ? one.revents : 0;
  }
  bool watches_become(std::uint32_t count) {
    return daemon.becomes([&] { return daemon.users().find(::getuid()).watches == count; });
  }
};

TEST_F(WatchSessions, TellOfMessagesAndWhatIsAnswered) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  const Opened watch = open(client, port);
  ASSERT_EQ(watch.answer.code, std::uint32_t{KERN_SUCCESS});
  EXPECT_EQ(events(watch.fd, 0), 0);
  send(client, port);
  send(client, port);
  EXPECT_EQ(events(watch.fd), POLLIN);
  EXPECT_EQ(poll_port(client, port).idle_watch, 0U);
  const local::MachMsgDone last = poll_port(client, port);
  EXPECT_EQ(last.idle_watch, watch.answer.watch);
  local::Signal signal{};
  ASSERT_EQ(::recv(watch.fd.get(), &signal, sizeof signal, 0), static_cast<ssize_t>(sizeof signal));
  EXPECT_EQ(last.idle_signal, signal.number);
  EXPECT_EQ(events(watch.fd, 0), 0);
}

TEST_F(WatchSessions, OfOtherNamesAreRefusedWithoutADescriptor) {
  RawClient client(daemon.path());
  const std::pair<std::uint32_t, kern_return_t> refused[] = {
      {0, KERN_INVALID_NAME},
      {UINT32_MAX, KERN_INVALID_NAME},
      {4711, KERN_INVALID_NAME},
      {client.welcome().task_port, KERN_INVALID_RIGHT},
      {client.welcome().host_port, KERN_INVALID_RIGHT},
  };
  for (const auto& [name, code] : refused) {
    const Opened watch = open(client, name);
    EXPECT_EQ(watch.answer.code, static_cast<std::uint32_t>(code)) << name;
    EXPECT_FALSE(watch.fd);
  }
  EXPECT_TRUE(watches_become(0));
}

TEST_F(WatchSessions, HaveALimitPerUserAndGiveTheirPlaceBack) {
  RawClient client(daemon.path());
  RawClient other(daemon.path());
  const std::uint32_t port = new_port(client);
  std::vector<Opened> watches;
  for (std::uint32_t i = 0; i < kLimit; ++i) watches.push_back(open(client, port));
  EXPECT_EQ(watches.back().answer.code, std::uint32_t{KERN_SUCCESS});
  EXPECT_EQ(open(client, port).answer.code, std::uint32_t{KERN_RESOURCE_SHORTAGE});
  EXPECT_EQ(open(other, new_port(other)).answer.code, std::uint32_t{KERN_RESOURCE_SHORTAGE});
  watches.pop_back();
  EXPECT_TRUE(watches_become(kLimit - 1));
  EXPECT_EQ(open(client, port).answer.code, std::uint32_t{KERN_SUCCESS});
  client.main().close();
  EXPECT_TRUE(watches_become(0));
}

// 100,000 requests, and nobody reads the answers.
TEST_F(WatchSessions, AreNotOpenedWithoutEndForWhoDoesNotListen) {
  RawClient deaf(daemon.path());
  const std::uint32_t port = new_port(deaf);
  const Frame request = frame(Kind::kOpenWatch, 0, local::OpenWatch{port, 0});
  const int count = scaled(100'000);
  int sent = 0;
  while (sent < count && ::send(deaf.main().fd(), request.data(), request.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(request.size())) {
    ++sent;
  }
  RawClient other(daemon.path());
  EXPECT_TRUE(other.is_served());
  EXPECT_TRUE(watches_become(std::min<std::uint32_t>(kLimit, sent)));
  deaf.main().close();
  EXPECT_TRUE(watches_become(0));
}

TEST_F(WatchSessions, EndWithTheRight) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  const Opened one = open(client, port);
  const Opened two = open(client, port);
  EXPECT_EQ(one.answer.watch, two.answer.watch);
  client.call(local::Call::kDestroy, port);
  EXPECT_NE(events(one.fd) & POLLHUP, 0);
  EXPECT_NE(events(two.fd) & POLLHUP, 0);
  EXPECT_TRUE(watches_become(0));
}

TEST_F(WatchSessions, EndWithTheDaemon) {
  RawClient client(daemon.path());
  const Opened watch = open(client, new_port(client));
  daemon.stop();
  EXPECT_NE(events(watch.fd) & POLLHUP, 0);
}

TEST_F(WatchSessions, TakeNothingInAndEndAloneWhenShutDown) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  const Opened written = open(client, port);
  const Opened shut = open(client, port);
  const Opened good = open(client, port);
  ASSERT_EQ(::send(written.fd.get(), "xy", 2, MSG_NOSIGNAL), -1);
  ASSERT_EQ(::shutdown(shut.fd.get(), SHUT_RDWR), 0);
  EXPECT_TRUE(watches_become(2));
  send(client, port);
  EXPECT_EQ(events(written.fd), POLLIN);
  EXPECT_EQ(events(good.fd), POLLIN);
  EXPECT_TRUE(client.is_served());
}

// The newest signal comes when there is room, and no client is made to wait for it.
TEST_F(WatchSessions, OfAClientThatReadsNothingKeepTheLastSignal) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  const Opened watch = open(client, port);
  local::MachMsgDone last{};
  for (int i = 0; i < 100; ++i) {
    send(client, port);
    last = poll_port(client, port);
  }
  send(client, port);
  local::Signal signal{};
  while (signal.number != last.idle_signal + 1) {
    ASSERT_EQ(events(watch.fd), POLLIN);
    ASSERT_EQ(::recv(watch.fd.get(), &signal, sizeof signal, 0), static_cast<ssize_t>(sizeof signal));
  }
}

TEST_F(WatchSessions, BadRequestsEndTheTask) {
  const Frame bad[] = {bare_frame(Kind::kOpenWatch, 0), frame(Kind::kOpenWatch, 0, local::OpenWatch{1, 1}),
                       frame(Kind::kOpenWatch, 7, local::OpenWatch{1, 0}),
                       frame(Kind::kOpenWatch, 0, std::uint32_t{1})};
  for (const Frame& request : bad) {
    RawClient client(daemon.path());
    client.main().send(request);
    EXPECT_TRUE(client.main().ends());
  }
}

// Everything at once, in any order; at the end nothing is left.
TEST_F(WatchSessions, SurviveWhateverIsDoneToThem) {
  std::mt19937 random(test_seed());
  RawClient client(daemon.path());
  std::vector<std::uint32_t> ports{new_port(client)};
  std::vector<base::UniqueFd> fds;
  const int steps = scaled(2000);
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t port = ports[random() % ports.size()];
    const int fd = fds.empty() ? -1 : fds[random() % fds.size()].get();
    char bytes[8];
    switch (random() % 8) {
      case 0:
        if (Opened watch = open(client, port); watch.fd) fds.push_back(std::move(watch.fd));
        break;
      case 1:
        ::send(fd, bytes, random() % sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case 2:
        ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        break;
      case 3:
        ::shutdown(fd, static_cast<int>(random() % 3));
        break;
      case 4:
        if (!fds.empty()) fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(random() % fds.size()));
        break;
      case 5:
        client.call(local::Call::kDestroy, port);
        ports.push_back(new_port(client));
        break;
      default:
        random() % 2 == 0 ? send(client, port) : static_cast<void>(poll_port(client, port));
        break;
    }
  }
  EXPECT_TRUE(client.is_served());
  fds.clear();
  EXPECT_TRUE(watches_become(0));
}

}  // namespace
}  // namespace netmsg::test
