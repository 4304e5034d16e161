// SPDX-License-Identifier: Apache-2.0
// Signals, longjmp and cancellation against blocked calls (spec 03 §14).
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <random>

#include "tests/support/seed.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

std::atomic<int> handled{0};
thread_local sigjmp_buf escape;

void count_signal(int) {
  ++handled;
}
void jump_away(int) {
  siglongjmp(escape, 1);
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ASSERT_EQ(::sigaction(signal, &action, nullptr), 0);
}

std::uint32_t blocked_calls() {
  return daemon().on_owner([] { return daemon().engine().spaces().at(0).blocked_calls; });
}

// True when exactly one call of this task is blocked.
bool one_call_blocks() {
  return daemon().tasks_become([](const auto&) { return blocked_calls() == 1; });
}

// 03.16
TEST(Interruption, EndsABlockedTrapReceive) {
  handle(SIGUSR1, count_signal);
  const mach_port_t port = new_port();
  mach_msg_return_t code = 0;
  std::thread receiver([&] {
    SmallMessage message;
    code = mach_msg_trap(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0);
  });
  ASSERT_TRUE(one_call_blocks());
  ::pthread_kill(receiver.native_handle(), SIGUSR1);
  receiver.join();
  EXPECT_EQ(code, MACH_RCV_INTERRUPTED);
}

TEST(Interruption, EndsABlockedTrapSendAndGivesTheMessageBack) {
  handle(SIGUSR1, count_signal);
  const mach_port_t port = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 0), KERN_SUCCESS);
  SmallMessage message{};
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0);
  message.head.msgh_remote_port = port;
  mach_msg_return_t code = 0;
  std::thread sender([&] { code = mach_msg_trap(&message.head, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0); });
  ASSERT_TRUE(one_call_blocks());
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 0U);
  ::pthread_kill(sender.native_handle(), SIGUSR1);
  sender.join();
  EXPECT_EQ(code, MACH_SEND_INTERRUPTED);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
}

// 03.16
TEST(Interruption, IsToldByMachMsgOnlyIfAskedFor) {
  handle(SIGUSR1, count_signal);
  const mach_port_t port = new_port();
  for (const mach_msg_option_t option : {0, MACH_RCV_INTERRUPT, MACH_SEND_INTERRUPT}) {
    mach_msg_return_t code = -1;
    std::thread receiver([&] {
      SmallMessage message;
      code = receive_from(port, &message, option);
    });
    ASSERT_TRUE(one_call_blocks());
    const int before = handled;
    ::pthread_kill(receiver.native_handle(), SIGUSR1);
    ASSERT_TRUE(daemon().tasks_become([&](const auto&) { return handled > before; }));
    if (option != MACH_RCV_INTERRUPT) {
      ASSERT_TRUE(one_call_blocks()) << "it goes on";
      EXPECT_EQ(send_to(port, 1), MACH_MSG_SUCCESS);
    }
    receiver.join();
    EXPECT_EQ(code, option == MACH_RCV_INTERRUPT ? MACH_RCV_INTERRUPTED : MACH_MSG_SUCCESS);
  }
}

// The signal comes when the call has begun but does not sleep yet: the daemon is held up while a large
// request is being written to it.
TEST(Interruption, IsNotLostBeforeTheSleep) {
  handle(SIGUSR1, count_signal);
  const mach_port_t port = new_port();
  const mach_port_t empty = new_port();
  std::vector<std::byte> big(1U << 20);
  auto* head = reinterpret_cast<mach_msg_header_t*>(big.data());
  head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
  head->msgh_remote_port = port;
  std::latch lane_is_open(2);
  std::latch daemon_is_held(2);
  std::latch daemon_goes_on(1);
  std::atomic<mach_msg_return_t> code{-1};
  std::thread sender([&] {
    send_to(port, 0);
    lane_is_open.arrive_and_wait();
    daemon_is_held.arrive_and_wait();
    code = mach_msg_trap(head, MACH_SEND_MSG | MACH_RCV_MSG, 1U << 20, 1U << 20, empty, 0, 0);
  });
  lane_is_open.arrive_and_wait();
  std::thread owner([&] {
    daemon().on_owner([&] {
      daemon_is_held.arrive_and_wait();
      daemon_goes_on.wait();
    });
  });
  // A handler that still runs has come before the call blocked the signals; one that does not is held back by
  // the call, which cannot go on, whatever the times here.
  int early = handled;
  do {
    early = handled;
    ::pthread_kill(sender.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (handled != early);
  daemon_goes_on.count_down();
  sender.join();
  owner.join();
  EXPECT_EQ(code, MACH_RCV_INTERRUPTED);
  EXPECT_EQ(handled, early + 1);
}

void receive_through(mach_port_t port, bool trap) {
  SmallMessage message;
  if (trap)
    mach_msg_trap(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0);
  else
    receive_from(port, &message);
}

TEST(AbandonedWaits, AreCancelledByTheNextCall) {
  handle(SIGUSR2, jump_away);
  const mach_port_t port = new_port();
  for (const bool trap : {false, true}) {
    std::latch jumped(1);
    std::latch sent(1);
    mach_msg_return_t code = -1;
    std::thread jumper([&] {
      if (sigsetjmp(escape, 1) == 0) receive_through(port, trap);
      EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE) << "the next call is in order";
      jumped.count_down();
      sent.wait();
      SmallMessage message;
      code = receive_from(port, &message, MACH_RCV_TIMEOUT);
    });
    ASSERT_TRUE(one_call_blocks());
    ::pthread_kill(jumper.native_handle(), SIGUSR2);
    jumped.wait();
    EXPECT_EQ(blocked_calls(), 0U);
    EXPECT_EQ(send_to(port, 3), MACH_MSG_SUCCESS);
    sent.count_down();
    jumper.join();
    EXPECT_EQ(code, MACH_MSG_SUCCESS) << "the abandoned receive took nothing";
  }
}

TEST(AbandonedWaits, EndWithACancelledThread) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer does not clear its marks when a cancelled thread's stack is unwound";
#endif
  const mach_port_t port = new_port();
  for (const bool trap : {false, true}) {
    std::thread receiver([&] { receive_through(port, trap); });
    ASSERT_TRUE(one_call_blocks());
    ::pthread_cancel(receiver.native_handle());
    receiver.join();
    EXPECT_TRUE(daemon().tasks_become([](const auto&) { return blocked_calls() == 0; }));
    EXPECT_EQ(send_to(port, 4), MACH_MSG_SUCCESS);
    SmallMessage message;
    EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_MSG_SUCCESS);
  }
}

// 03.25: messages between two threads, with signals at random to both: none lost, none twice.
TEST(Interruption, LosesAndDoublesNoMessage) {
  handle(SIGUSR1, count_signal);
  const int count = scaled(100'000);
  const mach_port_t port = new_port_with_send();
  std::atomic<bool> over{false};
  std::atomic<int> interrupted{0};
  std::thread sender([&] {
    for (int id = 0; id < count;) {
      SmallMessage message{};
      message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
      message.head.msgh_remote_port = port;
      message.head.msgh_id = id;
      const mach_msg_return_t code =
          mach_msg_trap(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, 0);
      if (code == MACH_MSG_SUCCESS) ++id;
      if (code == MACH_SEND_INTERRUPTED) {
        ++interrupted;
        mach_msg_destroy(&message.head);  // it was given back: a reference more
      }
    }
  });
  std::thread receiver([&] {
    for (int id = 0; id < count;) {
      SmallMessage message;
      const mach_msg_return_t code =
          mach_msg_trap(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0);
      if (code == MACH_RCV_INTERRUPTED) ++interrupted;
      if (code != MACH_MSG_SUCCESS) continue;
      ASSERT_EQ(message.head.msgh_id, id);
      ++id;
    }
    over = true;
  });
  const std::uint32_t seed = test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const pthread_t victims[] = {sender.native_handle(), receiver.native_handle()};
  while (!over) {
    ::pthread_kill(victims[random() % 2], SIGUSR1);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
  }
  sender.join();
  receiver.join();
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  EXPECT_GT(interrupted, 0) << "the signals met blocked calls";
}

}  // namespace
}  // namespace netmsg::test
