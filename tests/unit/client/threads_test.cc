// SPDX-License-Identifier: Apache-2.0
// One lane per thread, given back at its end.
#include <servers/netname.h>
#include <time.h>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

bool lanes_become(std::uint32_t count) {
  return daemon().tasks_become(
      [count](const auto& rows) { return rows.size() == 1 && rows[0].lanes == count; });
}

std::uint32_t names_held() {
  return daemon().on_owner([] { return daemon().engine().spaces().at(0).names; });
}

TEST(Threads, GiveTheirLanesBack) {
  const mach_port_t port = new_port();
  const int count = scaled(10'000);
  for (int i = 0; i < count; ++i) {
    std::thread([port] { EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE); }).join();
  }
  EXPECT_TRUE(lanes_become(1));
}

long used_ms(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
}

// 09.5: neither the thread that waits nor the daemon uses the processor, though both were busy just before.
TEST(Threads, ThatWaitCostNothing) {
  const mach_port_t port = new_port();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE);
  const auto daemon_used_ms = [] {
    return daemon().on_owner([] { return used_ms(CLOCK_THREAD_CPUTIME_ID); });
  };
  const long daemon_before = daemon_used_ms();
  const long before = used_ms(CLOCK_THREAD_CPUTIME_ID);
  SmallMessage message;
  EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT, 1000), MACH_RCV_TIMED_OUT);
  EXPECT_LT(used_ms(CLOCK_THREAD_CPUTIME_ID) - before, 20);
  EXPECT_LT(daemon_used_ms() - daemon_before, 50);
}

TEST(Threads, GiveTheirReplyPortsBack) {
  mach_port_t reply = MACH_PORT_NULL;
  const mach_port_t nobody = new_port();
  ASSERT_EQ(mach_port_destroy(mach_task_self(), nobody), KERN_SUCCESS);
  netname_look_up(nobody, "", "x", &reply);  // this thread's own lane and reply port
  const std::uint32_t before = names_held();
  for (int i = 0; i < 50; ++i) {
    std::thread([nobody] {
      mach_port_t port = 5;
      EXPECT_EQ(netname_look_up(nobody, "", "x", &port), MACH_SEND_INVALID_DEST);
      EXPECT_EQ(port, mach_port_t{MACH_PORT_NULL});
    }).join();
  }
  EXPECT_EQ(names_held(), before);
}

TEST(Threads, CallAtOnce) {
  constexpr int kThreads = 32;
  const int rounds = scaled(2000);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([rounds] {
      const mach_port_t port = new_port();
      for (int i = 0; i < rounds; ++i) {
        SmallMessage message;
        ASSERT_EQ(send_to(port, i), MACH_MSG_SUCCESS);
        ASSERT_EQ(receive_from(port, &message), MACH_MSG_SUCCESS);
        ASSERT_EQ(message.head.msgh_id, i);
      }
      mach_port_destroy(mach_task_self(), port);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(lanes_become(1));
}

// Forks while other threads open and close lanes: each child finds the library in order.
TEST(Threads, ForkAtAnyMoment) {
  std::atomic<bool> over{false};
  std::thread churn([&] {
    while (!over) std::thread([] { mach_port_destroy(mach_task_self(), mach_reply_port()); }).join();
  });
  for (int i = 0; i < scaled(200); ++i) {
    EXPECT_TRUE(in_process(daemon().path(), [] {
      const mach_port_t port = new_port();
      EXPECT_EQ(send_to(port, 1), MACH_MSG_SUCCESS);
    }));
  }
  over = true;
  churn.join();
  EXPECT_TRUE(daemon().tasks_become([](const auto& rows) { return rows.size() == 1; }));
}

}  // namespace
}  // namespace netmsg::test
