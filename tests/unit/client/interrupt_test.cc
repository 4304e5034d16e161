// SPDX-License-Identifier: Apache-2.0
// Signals, longjmp and cancellation against blocked calls (spec 03 §14).
#include <mach/mig_support.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <random>

#include "tests/support/seed.h"
#include "tests/unit/client/disturb.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

// The threads of a case end when one of them has failed.
bool failed() {
  return testing::Test::HasFailure();
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
  // A handler that still runs has come before the call blocked the signals; one that does not is held back
  // by the call, which cannot go on, whatever the times here.
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

// A timer that signals the calling thread once, again and again: until the signal meets a call that lets it in, and no
// other place. REQUIRES: one at a time.
class Aim {
 public:
  Aim() {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    EXPECT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event._sigev_un._tid = ::gettid();
    EXPECT_EQ(::timer_create(CLOCK_MONOTONIC, &event, &timer_), 0);
  }
  ~Aim() { ::timer_delete(timer_); }
  Aim(const Aim&) = delete;
  Aim& operator=(const Aim&) = delete;

  static void in(long nanoseconds) {
    const itimerspec once{{}, {0, nanoseconds}};
    ::timer_settime(timer_, 0, &once, nullptr);
  }
  static int hits() { return hits_; }

 private:
  static constexpr long kAgain = 20'000;
  // The library has all signals blocked where it lets them in for the length of one system call.
  static void on_signal(int, siginfo_t*, void* context) {
    if (sigismember(&static_cast<ucontext_t*>(context)->uc_sigmask, SIGUSR2) == 1)
      ++hits_;
    else
      in(kAgain);
  }
  inline static timer_t timer_;
  inline static std::atomic<int> hits_{0};
};

// 03.16: signals from before the call's first step to long after it sleeps, one for each call, each of which must end it.
TEST(Interruption, IsNotLostHoweverCloseToTheSleepItComes) {
  const int rounds = scaled(10'000);
  const mach_port_t port = new_port();
  std::atomic<int> ended{0};
  std::atomic<bool> over{false};
  std::thread receiver([&] {
    std::mt19937 random(test_seed());
    const Aim aim;
    const int before = Aim::hits();
    while (ended < rounds && !failed()) {
      SmallMessage message;
      Aim::in(1 + random() % 60'000);
      EXPECT_EQ(mach_msg_trap(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0),
                MACH_RCV_INTERRUPTED);
      EXPECT_EQ(Aim::hits() - before, ++ended) << "one for each call";
    }
    over = true;
  });
  int seen = -1;
  while (!over && seen != ended) {
    seen = ended;
    poll_for(std::chrono::seconds(20), [&] { return over || ended > seen; });
  }
  EXPECT_TRUE(over) << "a signal was lost";
  if (!over) mach_port_destroy(mach_task_self(), port);
  receiver.join();
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

// A reply that brings nothing but a code (spec 05 §8).
void answer(const SmallMessage& request, kern_return_t code) {
  mig_reply_header_t reply{};
  reply.Head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  reply.Head.msgh_remote_port = request.head.msgh_remote_port;
  reply.Head.msgh_id = request.head.msgh_id + 100;
  reply.RetCodeType = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1};
  reply.RetCode = code;
  EXPECT_EQ(mach_msg(&reply.Head, MACH_SEND_MSG, sizeof reply, 0, 0, 0, 0), MACH_MSG_SUCCESS);
}

// A call by message is one as well; its answer may come when the thread is waiting for another one.
TEST(AbandonedWaits, GetNoAnswerThatIsTakenForTheNextCalls) {
  handle(SIGUSR2, jump_away);
  const mach_port_t port = new_port_with_send();
  std::latch jumped(1);
  std::latch answered(1);
  kern_return_t code = -1;
  std::thread jumper([&] {
    mach_port_type_t type = 0;
    if (sigsetjmp(escape, 1) == 0) mach_port_type(port, 5, &type);
    type_of(port);
    jumped.count_down();
    answered.wait();
    code = mach_port_type(port, 6, &type);
  });
  SmallMessage request{};
  ASSERT_EQ(receive_from(port, &request), MACH_MSG_SUCCESS);
  ASSERT_TRUE(one_call_blocks());
  ::pthread_kill(jumper.native_handle(), SIGUSR2);
  jumped.wait();
  answer(request, 4711);
  answered.count_down();
  ASSERT_EQ(receive_from(port, &request), MACH_MSG_SUCCESS);
  answer(request, 4712);
  jumper.join();
  EXPECT_EQ(code, 4712);
  mach_port_destroy(mach_task_self(), port);
}

// The same for a stub, which asks the library for the port and makes the call itself.
TEST(AbandonedWaits, AtAReplyPortEndTheUseOfThatPort) {
  handle(SIGUSR2, jump_away);
  std::thread jumper([] {
    const mach_port_t abandoned = mig_get_reply_port();
    if (sigsetjmp(escape, 1) == 0) receive_through(abandoned, false);
    EXPECT_NE(mig_get_reply_port(), abandoned);
    EXPECT_EQ(type_of(abandoned), MACH_PORT_TYPE_NONE);
  });
  EXPECT_TRUE(one_call_blocks());
  ::pthread_kill(jumper.native_handle(), SIGUSR2);
  jumper.join();
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

// ---------------------------------------------------------------- signals at random times

// How often something happened in the threads of a case.
struct Counts {
  std::atomic<int> send_interrupted{0};
  std::atomic<int> receive_interrupted{0};
  std::atomic<int> given_back_rights{0};  // send-once rights that came back with an interrupted send
};

// Signals to the threads, until they say that they are over.
void disturb(const std::vector<std::thread*>& threads, const std::atomic<int>& running) {
  std::mt19937 random(test_seed());
  while (running > 0) {
    ::pthread_kill(threads[random() % threads.size()]->native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
  }
  for (std::thread* thread : threads) thread->join();
}

// A message that came back is thrown away: header rights as MOVEs (03 §5). Tells whether it brought a
// reply right.
bool throw_away(mach_msg_header_t* head) {
  mach_msg_destroy(head);
  if (!MACH_PORT_VALID(head->msgh_local_port)) return false;
  EXPECT_EQ(mach_port_deallocate(mach_task_self(), head->msgh_local_port), KERN_SUCCESS);
  return true;
}

SmallMessage numbered(mach_port_t port, int id, mach_port_t reply) {
  SmallMessage message{};
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  if (reply != MACH_PORT_NULL)
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.head.msgh_remote_port = port;
  message.head.msgh_local_port = reply;
  message.head.msgh_id = id;
  return message;
}

mach_msg_return_t trap(SmallMessage* message, mach_msg_option_t option, mach_port_t receive_from = 0) {
  const mach_msg_size_t send_size = (option & MACH_SEND_MSG) != 0 ? sizeof *message : 0;
  return mach_msg_trap(&message->head, option, send_size, sizeof *message, receive_from, 0, MACH_PORT_NULL);
}

constexpr int kRightEvery = 8;  // each eighth message brings a send-once right for `account`

void send_all(mach_port_t port, mach_port_t account, int count, Counts& counts) {
  for (int id = 0; id < count && !failed();) {
    SmallMessage message = numbered(port, id, id % kRightEvery == 0 ? account : MACH_PORT_NULL);
    const mach_msg_return_t code = trap(&message, MACH_SEND_MSG);
    if (code == MACH_SEND_INTERRUPTED) {
      ++counts.send_interrupted;
      counts.given_back_rights += throw_away(&message.head) ? 1 : 0;
      continue;
    }
    ASSERT_EQ(code, MACH_MSG_SUCCESS);
    ++id;
  }
}

void receive_all(mach_port_t port, int count, Counts& counts) {
  for (int id = 0; id < count && !failed();) {
    SmallMessage message;
    const mach_msg_return_t code = trap(&message, MACH_RCV_MSG, port);
    if (code == MACH_RCV_INTERRUPTED) {
      ++counts.receive_interrupted;
      continue;
    }
    ASSERT_EQ(code, MACH_MSG_SUCCESS);
    ASSERT_EQ(message.head.msgh_id, id) << "lost, or twice";
    ASSERT_EQ(message.head.msgh_seqno, static_cast<unsigned>(id)) << "something else was taken out";
    ASSERT_EQ(MACH_PORT_VALID(message.head.msgh_remote_port), id % kRightEvery == 0);
    mach_msg_destroy(&message.head);
    ++id;
  }
}

int waiting_at(mach_port_t port) {
  SmallMessage message;
  int count = 0;
  while (receive_from(port, &message, MACH_RCV_TIMEOUT) == MACH_MSG_SUCCESS) ++count;
  return count;
}

// In a run of full length both have met blocked calls.
void expect_both_kinds(const Counts& counts, int rounds) {
  testing::Test::RecordProperty("sends_interrupted", counts.send_interrupted);
  testing::Test::RecordProperty("receives_interrupted", counts.receive_interrupted);
  if (rounds < 10'000) return;
  EXPECT_GT(counts.send_interrupted, 0);
  EXPECT_GT(counts.receive_interrupted, 0);
}

// 03.25: messages between two threads, with signals at random to both: none lost, none twice, and each
// right that was made has ended once.
TEST(Interruption, LosesAndDoublesNoMessage) {
  handle(SIGUSR1, count_signal);
  const int count = scaled(100'000);
  const mach_port_t port = new_port_with_send();
  const mach_port_t account = new_port();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 1), KERN_SUCCESS);
  Counts counts;
  std::atomic<int> running{2};
  std::thread sender([&] { send_all(port, account, count, counts), --running; });
  std::thread receiver([&] { receive_all(port, count, counts), --running; });
  disturb({&sender, &receiver}, running);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  EXPECT_EQ(waiting_at(port), 0);
  EXPECT_EQ(waiting_at(account), (count + kRightEvery - 1) / kRightEvery + counts.given_back_rights);
  expect_both_kinds(counts, count);
}

// A request and its answer; the answer has the request's number. Retries what was interrupted, and only
// that.
void call_all(mach_port_t server, int count, Counts& counts) {
  const mach_port_t reply = new_port();
  for (int id = 0; id < count && !failed(); ++id) {
    SmallMessage message = numbered(server, id, reply);
    mach_msg_return_t code = trap(&message, MACH_SEND_MSG | MACH_RCV_MSG, reply);
    while (code == MACH_SEND_INTERRUPTED && !failed()) {
      ++counts.send_interrupted;
      throw_away(&message.head);
      ASSERT_EQ(receive_from(reply, &message, MACH_RCV_TIMEOUT), MACH_MSG_SUCCESS) << "its send-once right";
      message = numbered(server, id, reply);
      code = trap(&message, MACH_SEND_MSG | MACH_RCV_MSG, reply);
    }
    while (code == MACH_RCV_INTERRUPTED && !failed()) {
      ++counts.receive_interrupted;
      code = trap(&message, MACH_RCV_MSG, reply);
    }
    ASSERT_EQ(code, MACH_MSG_SUCCESS);
    ASSERT_EQ(message.head.msgh_id, id);
  }
  EXPECT_EQ(waiting_at(reply), 0);
  mach_port_destroy(mach_task_self(), reply);
}

void answer_all(mach_port_t port, int count) {
  for (int at = 0; at < count; ++at) {
    SmallMessage message;
    ASSERT_EQ(receive_from(port, &message), MACH_MSG_SUCCESS);
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    message.head.msgh_local_port = MACH_PORT_NULL;
    ASSERT_EQ(trap(&message, MACH_SEND_MSG), MACH_MSG_SUCCESS);
  }
}

// 03.25: a combined call is interrupted before its request is accepted or after, and says which.
TEST(Interruption, TellsWhetherARequestWasSent) {
  handle(SIGUSR1, count_signal);
  const int count = scaled(10'000);
  const mach_port_t port = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 1), KERN_SUCCESS);
  Counts counts;
  std::atomic<int> running{3};
  std::thread server([&] { answer_all(port, 3 * count); });
  std::thread clients[3];
  for (std::thread& client : clients) client = std::thread([&] { call_all(port, count, counts), --running; });
  disturb({&clients[0], &clients[1], &clients[2]}, running);
  if (failed())
    mach_port_destroy(mach_task_self(), port);  // the server waits for requests that nobody will send
  server.join();
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  EXPECT_EQ(waiting_at(port), 0);
  expect_both_kinds(counts, count);
}

}  // namespace
}  // namespace netmsg::test
