// SPDX-License-Identifier: Apache-2.0
// netmsg_port_descriptor: a descriptor is readable exactly while there is something to receive.
#include <fcntl.h>
#include <netmsg.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "daemon/base/unique_fd.h"
#include "tests/support/seed.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr int kPatienceMs = 10'000;  // for what must happen

base::UniqueFd watch(mach_port_t name) {
  int fd = -1;
  EXPECT_EQ(netmsg_port_descriptor(name, &fd), KERN_SUCCESS);
  return base::UniqueFd(fd);
}

// What poll says now, or within the time given.
int events(const base::UniqueFd& fd, int timeout_ms = 0) {
  pollfd one{fd.get(), POLLIN, 0};
  return ::poll(&one, 1, timeout_ms) > 0 ? one.revents : 0;
}

bool readable(const base::UniqueFd& fd) {
  return events(fd) == POLLIN;
}

bool is_over(const base::UniqueFd& fd) {
  pollfd one{fd.get(), 0, 0};  // POLLHUP needs no asking for
  return ::poll(&one, 1, kPatienceMs) == 1 && (events(fd) & POLLIN) != 0 && (one.revents & POLLHUP) != 0;
}

mach_msg_return_t poll_port(mach_port_t port) {
  SmallMessage message;
  return receive_from(port, &message, MACH_RCV_TIMEOUT, 0);
}

bool watches_become(std::uint32_t count) {
  return daemon().becomes([count] { return daemon().users().find(::getuid()).watches == count; });
}

class PortDescriptors : public ::testing::Test {
 protected:
  ~PortDescriptors() override {
    for (const mach_port_t name : names_) mach_port_destroy(mach_task_self(), name);
  }
  mach_port_t port() { return names_.emplace_back(new_port_with_send()); }
  mach_port_t set() {
    mach_port_t name = MACH_PORT_NULL;
    EXPECT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &name), KERN_SUCCESS);
    return names_.emplace_back(name);
  }
  void join(mach_port_t member, mach_port_t set) {
    EXPECT_EQ(mach_port_move_member(mach_task_self(), member, set), KERN_SUCCESS);
  }

 private:
  std::vector<mach_port_t> names_;
};

TEST_F(PortDescriptors, AreReadableWhileThereIsAMessage) {
  const mach_port_t p = port();
  const base::UniqueFd fd = watch(p);
  EXPECT_FALSE(readable(fd));
  for (int round = 0; round < 20; ++round) {
    send_to(p, 1);
    send_to(p, 2);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(poll_port(p), MACH_MSG_SUCCESS);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(poll_port(p), MACH_MSG_SUCCESS);
    EXPECT_FALSE(readable(fd));
  }
}

TEST_F(PortDescriptors, AreReadableFromTheBeginningIfThereIsAMessage) {
  const mach_port_t p = port();
  send_to(p, 1);
  const base::UniqueFd fd = watch(p);
  EXPECT_TRUE(readable(fd));
  poll_port(p);
  EXPECT_FALSE(readable(fd));
}

TEST_F(PortDescriptors, AreCloseOnExecAndNoStandardStream) {
  const base::UniqueFd fd = watch(port());
  EXPECT_GT(fd.get(), STDERR_FILENO);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(PortDescriptors, AreManyOfOneRight) {
  const mach_port_t p = port();
  const base::UniqueFd one = watch(p);
  const base::UniqueFd two = watch(p);
  send_to(p, 1);
  const base::UniqueFd three = watch(p);
  EXPECT_TRUE(readable(one) && readable(two) && readable(three));
  poll_port(p);
  EXPECT_FALSE(readable(one) || readable(two) || readable(three));
}

TEST_F(PortDescriptors, OfASetTellOfItsMembers) {
  const mach_port_t s = set();
  const mach_port_t a = port();
  const mach_port_t b = port();
  const base::UniqueFd fd = watch(s);
  send_to(a, 1);
  EXPECT_FALSE(readable(fd));
  join(a, s);
  join(b, s);
  EXPECT_TRUE(readable(fd));
  send_to(b, 2);
  poll_port(s);
  EXPECT_TRUE(readable(fd));
  poll_port(s);
  EXPECT_FALSE(readable(fd));
}

// A receive would say MACH_RCV_IN_SET.
TEST_F(PortDescriptors, OfAPortAreReadableWhileItIsInASetAndAccurateAgainAfterwards) {
  const mach_port_t s = set();
  const mach_port_t p = port();
  const base::UniqueFd fd = watch(p);
  join(p, s);
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(poll_port(p), MACH_RCV_IN_SET);
  EXPECT_TRUE(readable(fd));
  join(p, MACH_PORT_NULL);
  EXPECT_EQ(poll_port(p), MACH_RCV_TIMED_OUT);
  EXPECT_FALSE(readable(fd));
  send_to(p, 1);
  EXPECT_TRUE(readable(fd));
}

TEST_F(PortDescriptors, FollowARename) {
  const mach_port_t p = port();
  const base::UniqueFd fd = watch(p);
  constexpr mach_port_t kNew = 77'777;
  ASSERT_EQ(mach_port_rename(mach_task_self(), p, kNew), KERN_SUCCESS);
  send_to(kNew, 1);
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(poll_port(kNew), MACH_MSG_SUCCESS);
  EXPECT_FALSE(readable(fd));
  mach_port_destroy(mach_task_self(), kNew);
  EXPECT_TRUE(is_over(fd));
}

TEST_F(PortDescriptors, AreOverWhenTheRightIsGone) {
  const mach_port_t destroyed = port();
  const mach_port_t dead_set = set();
  const mach_port_t moved = port();
  const mach_port_t to = port();
  const base::UniqueFd fds[] = {watch(destroyed), watch(dead_set), watch(moved)};
  mach_port_destroy(mach_task_self(), destroyed);
  mach_port_destroy(mach_task_self(), dead_set);
  struct {
    mach_msg_header_t head;
    mach_msg_type_t type;
    mach_port_name_t name;
    std::uint32_t unused;
  } message{};
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.head.msgh_remote_port = to;
  message.type.msgt_name = MACH_MSG_TYPE_MOVE_RECEIVE;
  message.type.msgt_size = 64;
  message.type.msgt_inline = 1;
  message.type.msgt_number = 1;
  message.name = moved;
  EXPECT_EQ(mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0), MACH_MSG_SUCCESS);
  for (const base::UniqueFd& fd : fds) EXPECT_TRUE(is_over(fd));
  EXPECT_TRUE(watches_become(0));
}

TEST_F(PortDescriptors, GoByClosingThem) {
  const mach_port_t p = port();
  for (int i = 0; i < 3; ++i) {
    std::vector<base::UniqueFd> fds;
    for (int n = 0; n < 100; ++n) fds.push_back(watch(p));
    EXPECT_TRUE(watches_become(100));
    send_to(p, 1);
    fds.clear();
    EXPECT_TRUE(watches_become(0));
    EXPECT_EQ(poll_port(p), MACH_MSG_SUCCESS);
  }
}

// Its number may belong to something else by then, which is left alone.
TEST_F(PortDescriptors, ThatWereClosedAreNotReadFromAnyMore) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the library looks at all descriptors of the process, and those of the daemon beside it "
                  "may go meanwhile";
#endif
  const mach_port_t p = port();
  base::UniqueFd fd = watch(p);
  const base::UniqueFd other = watch(p);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  send_to(p, 1);
  ASSERT_EQ(::dup2(ends[0], fd.get()), fd.get());
  poll_port(p);
  EXPECT_FALSE(readable(other));
  EXPECT_TRUE(readable(fd));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(PortDescriptors, AreFoundUnderAnotherNumber) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the library looks at all descriptors of the process, and those of the daemon beside it "
                  "may go meanwhile";
#endif
  const mach_port_t p = port();
  base::UniqueFd fd = watch(p);
  const base::UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 500));
  fd.reset();
  send_to(p, 1);
  EXPECT_TRUE(readable(moved));
  poll_port(p);
  EXPECT_FALSE(readable(moved));
}

TEST_F(PortDescriptors, OfNoRightAreRefused) {
  const mach_port_t p = port();
  int fd = -7;
  EXPECT_EQ(netmsg_port_descriptor(MACH_PORT_NULL, &fd), KERN_INVALID_NAME);
  EXPECT_EQ(netmsg_port_descriptor(MACH_PORT_DEAD, &fd), KERN_INVALID_NAME);
  EXPECT_EQ(netmsg_port_descriptor(4711, &fd), KERN_INVALID_NAME);
  EXPECT_EQ(netmsg_port_descriptor(mach_task_self(), &fd), KERN_INVALID_RIGHT);
  EXPECT_EQ(netmsg_port_descriptor(p, nullptr), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(fd, -7);
}

TEST_F(PortDescriptors, ThatTheProgramSpoilsHurtOnlyThemselves) {
  const mach_port_t p = port();
  base::UniqueFd read_from = watch(p);
  base::UniqueFd written_to = watch(p);
  base::UniqueFd shut_down = watch(p);
  const base::UniqueFd good = watch(p);
  send_to(p, 1);
  char byte;
  EXPECT_EQ(::read(read_from.get(), &byte, 1), 1);
  EXPECT_EQ(::send(written_to.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(::shutdown(shut_down.get(), SHUT_RDWR), 0);
  EXPECT_TRUE(is_over(shut_down));
  EXPECT_TRUE(readable(good));
  poll_port(p);
  EXPECT_FALSE(readable(good));
  send_to(p, 1);
  EXPECT_TRUE(readable(good) && readable(read_from));
}

TEST_F(PortDescriptors, GiveAnEdgeForEachTimeThatThereIsSomethingAgain) {
  const mach_port_t p = port();
  const base::UniqueFd fd = watch(p);
  const base::UniqueFd loop(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{EPOLLIN | EPOLLET, {}};
  ASSERT_EQ(::epoll_ctl(loop.get(), EPOLL_CTL_ADD, fd.get(), &interest), 0);
  epoll_event event;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(::epoll_wait(loop.get(), &event, 1, 0), 0);
    send_to(p, 1);
    EXPECT_EQ(::epoll_wait(loop.get(), &event, 1, 0), 1);
    EXPECT_EQ(poll_port(p), MACH_MSG_SUCCESS);
  }
}

// Descriptors of all the ports, in a loop of its own.
class Loop {
 public:
  explicit Loop(const std::vector<mach_port_t>& ports) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const mach_port_t port : ports) {
      fds_.push_back(watch(port));
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.u32 = port;
      EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fds_.back().get(), &interest), 0);
    }
  }
  // One turn; how many messages it brought.
  int turn() {
    epoll_event event;
    if (::epoll_wait(epoll_.get(), &event, 1, 50) != 1) return 0;
    return poll_port(event.data.u32) == MACH_MSG_SUCCESS ? 1 : 0;
  }
  bool quiet() const { return std::none_of(fds_.begin(), fds_.end(), readable); }

 private:
  base::UniqueFd epoll_;
  std::vector<base::UniqueFd> fds_;
};

// Every message is taken by one or the other, and at the end nothing is readable.
TEST_F(PortDescriptors, ServeSeveralPortsInTheLoopsOfTwoThreads) {
  const std::vector<mach_port_t> ports{port(), port(), port(), port()};
  Loop loops[] = {Loop(ports), Loop(ports)};
  const int count = scaled(4000);
  std::atomic<int> taken{0};
  const auto serve = [&](Loop& loop) {
    while (taken < count) taken += loop.turn();
  };
  std::thread one(serve, std::ref(loops[0]));
  std::thread two(serve, std::ref(loops[1]));
  std::mt19937 random(test_seed());
  for (int i = 0; i < count; ++i) EXPECT_EQ(send_to(ports[random() % ports.size()], i), MACH_MSG_SUCCESS);
  one.join();
  two.join();
  for (const mach_port_t at : ports) EXPECT_EQ(poll_port(at), MACH_RCV_TIMED_OUT);
  EXPECT_TRUE(loops[0].quiet() && loops[1].quiet());
}

TEST_F(PortDescriptors, OfAParentTellTheChildOfTheParentsPort) {
  const mach_port_t p = port();
  const base::UniqueFd fd = watch(p);
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    const mach_port_t own = new_port_with_send();
    const base::UniqueFd own_fd = watch(own);
    send_to(own, 1);
    EXPECT_TRUE(readable(own_fd));
    EXPECT_FALSE(readable(fd));
    poll_port(own);
    EXPECT_FALSE(readable(own_fd));
  }));
  send_to(p, 1);
  EXPECT_TRUE(readable(fd));
}

}  // namespace
}  // namespace netmsg::test
