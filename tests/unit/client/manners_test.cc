// SPDX-License-Identifier: Apache-2.0
// Threads that come and go, that are cancelled or left by longjmp, and signals at any instant, in whatever the library is
// doing: each has the outcome that client/README.md tells, and nothing is left behind.
#include <dlfcn.h>
#include <mach/task_special_ports.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <semaphore>

#include "tests/unit/client/disturb.h"
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

// A request and its reply, by message: takes a lane, a reply port.
kern_return_t ask() {
  mach_port_t port = MACH_PORT_NULL;
  return task_get_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, &port);
}

// ---------------------------------------------------------------- threads

// 07.7
TEST(ManyThreads, MakeARequestEachAndLeaveNothing) {
  ask();
  const std::uint32_t before = names_held();
  std::counting_semaphore<8> room(8);
  std::atomic<int> failed{0};
  const int count = scaled(10'000);
  std::latch over(count);
  for (int i = 0; i < count; ++i) {
    room.acquire();
    std::thread([&] {
      if (ask() != KERN_SUCCESS) ++failed;
      room.release();
      over.count_down();
    }).detach();
  }
  over.wait();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(lanes_become(1));
  EXPECT_EQ(names_held(), before);
}

pthread_key_t late_key;

// A program's own destructor, which may run after the library's: once more, in the next round.
void call_again(void* rounds_left) {
  const auto left = reinterpret_cast<std::uintptr_t>(rounds_left);
  EXPECT_EQ(ask(), KERN_SUCCESS);
  if (left > 1) ::pthread_setspecific(late_key, reinterpret_cast<void*>(left - 1));
}

TEST(ManyThreads, MayCallInTheirDestructors) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer has done with a thread before its last destructors";
#endif
  ask();
  const std::uint32_t before = names_held();
  ASSERT_EQ(::pthread_key_create(&late_key, call_again), 0);
  for (std::uintptr_t rounds = 1; rounds < PTHREAD_DESTRUCTOR_ITERATIONS; ++rounds) {
    std::thread([rounds] {
      ::pthread_setspecific(late_key, reinterpret_cast<void*>(rounds));
      EXPECT_EQ(ask(), KERN_SUCCESS);
    }).join();
  }
  ::pthread_key_delete(late_key);
  EXPECT_TRUE(lanes_become(1));
  EXPECT_EQ(names_held(), before);
}

struct CallsAtItsEnd {
  ~CallsAtItsEnd() { EXPECT_EQ(ask(), KERN_SUCCESS); }
};

TEST(ManyThreads, MayCallInThreadLocalDestructors) {
  ask();
  const std::uint32_t before = names_held();
  std::thread([] {
    thread_local CallsAtItsEnd at_end;
    static_cast<void>(&at_end);
  }).join();
  EXPECT_TRUE(lanes_become(1));
  EXPECT_EQ(names_held(), before);
}

// The library stays, whoever has loaded it: threads that end call back into it.
TEST(Loading, IsForGood) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "two copies of the library in one process, and a sanitizer in one of them";
#endif
  EXPECT_TRUE(in_process(daemon().path(), [] {
    void* const library = ::dlopen(NETMSG_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << ::dlerror();
    auto* const reply_port = reinterpret_cast<mach_port_name_t (*)()>(::dlsym(library, "mach_reply_port"));
    ASSERT_NE(reply_port, nullptr);
    std::thread([&] {
      EXPECT_NE(reply_port(), mach_port_t{MACH_PORT_NULL});
      ::dlclose(library);
      EXPECT_NE(reply_port(), mach_port_t{MACH_PORT_NULL});
    }).join();
    EXPECT_NE(reply_port(), mach_port_t{MACH_PORT_NULL});
  }));
}

// ---------------------------------------------------------------- leaving a call

// The ports of a case, and a call that blocks on one of them in each of the ways.
struct Blocking {
  enum Way { kSend, kReceive, kSendInterruptible, kReceiveInterruptible, kCombined, kRequest, kWays };

  Blocking() { EXPECT_EQ(mach_port_set_qlimit(mach_task_self(), full, 0), KERN_SUCCESS); }
  ~Blocking() {
    for (const mach_port_t port : {full, empty, silent}) mach_port_destroy(mach_task_self(), port);
  }

  mach_msg_return_t combined() const {
    SmallMessage message{};
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    message.head.msgh_remote_port = silent;
    return mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message, sizeof message, empty, 0, 0);
  }
  void block(int way) const {
    SmallMessage message;
    mach_port_type_t type = 0;
    if (way == kSend) send_to(full, 1);
    if (way == kReceive) receive_from(empty, &message);
    if (way == kSendInterruptible) send_to(full, 1, MACH_SEND_INTERRUPT);
    if (way == kReceiveInterruptible) receive_from(empty, &message, MACH_RCV_INTERRUPT);
    if (way == kCombined) combined();
    if (way == kRequest) mach_port_type(silent, 5, &type);
  }
  // Takes out what the call has sent; how many that were.
  int take_requests() const {
    SmallMessage request;
    int count = 0;
    while (receive_from(silent, &request, MACH_RCV_TIMEOUT) == MACH_MSG_SUCCESS) {
      mach_msg_destroy(&request.head);
      ++count;
    }
    return count;
  }

  const mach_port_t full = new_port_with_send();
  const mach_port_t empty = new_port();
  const mach_port_t silent = new_port_with_send();
};

bool has_sent(int way) {
  return way == Blocking::kCombined || way == Blocking::kRequest;
}

TEST(LeavingACall, ByCancellation) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer does not clear its marks when a cancelled thread's stack is unwound";
#endif
  ask();
  const Blocking ports;
  const std::uint32_t before = names_held();
  for (int way = 0; way < Blocking::kWays; ++way) {
    SCOPED_TRACE(way);
    std::thread thread([&] { ports.block(way); });
    ASSERT_TRUE(calls_block(1));
    ::pthread_cancel(thread.native_handle());
    thread.join();
    EXPECT_TRUE(lanes_become(1));
    EXPECT_EQ(blocked_calls(), 0U);
    EXPECT_EQ(ports.take_requests(), has_sent(way) ? 1 : 0);
    EXPECT_EQ(names_held(), before);
    SmallMessage message;
    EXPECT_EQ(receive_from(ports.full, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT) << "it was not sent";
  }
}

TEST(LeavingACall, ByLongjmp) {
  handle(SIGUSR2, jump_away);
  ask();
  const Blocking ports;
  const std::uint32_t before = names_held();
  for (int way = 0; way < Blocking::kWays; ++way) {
    SCOPED_TRACE(way);
    std::latch checked(1);
    std::latch called(1);
    std::thread thread([&] {
      if (sigsetjmp(escape, 1) == 0) ports.block(way);
      EXPECT_EQ(ask(), KERN_SUCCESS) << "the next call is in order";
      called.count_down();
      checked.wait();
    });
    ASSERT_TRUE(calls_block(1));
    ::pthread_kill(thread.native_handle(), SIGUSR2);
    called.wait();
    EXPECT_EQ(blocked_calls(), 0U);
    EXPECT_EQ(ports.take_requests(), has_sent(way) ? 1 : 0);
    checked.count_down();
    thread.join();
    EXPECT_TRUE(lanes_become(1));
    EXPECT_EQ(names_held(), before);
  }
}

// A thread that is cancelled while it looks for a daemon looks to the end: whoever calls next finds the library in order.
TEST(LeavingACall, WhileATaskBegins) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a cancelled thread, and a thread in a forked process, are too much for the sanitizers";
#endif
  for (int i = 0; i < scaled(100); ++i) {
    ASSERT_TRUE(in_process(daemon().path(), [] {
      std::thread first([] { ask(); });
      ::pthread_cancel(first.native_handle());
      first.join();
      EXPECT_EQ(ask(), KERN_SUCCESS);
      EXPECT_NE(mach_task_self(), mach_port_t{MACH_PORT_NULL});
    }));
  }
  EXPECT_TRUE(lanes_become(1));
}

// Cancelled before it calls: the call is left at its first sleep at the latest, and the library is in order.
TEST(LeavingACall, WhileALaneIsBeingMade) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer does not clear its marks when a cancelled thread's stack is unwound";
#endif
  ask();
  const std::uint32_t before = names_held();
  for (int i = 0; i < scaled(300); ++i) {
    std::thread thread([] { ask(); });
    ::pthread_cancel(thread.native_handle());
    thread.join();
  }
  EXPECT_EQ(ask(), KERN_SUCCESS);
  EXPECT_TRUE(lanes_become(1));
  EXPECT_LE(names_held(), before + static_cast<std::uint32_t>(scaled(300)));
}

// ---------------------------------------------------------------- signals

// SIGALRM to the process all the time while it exists.
class Storm {
 public:
  explicit Storm(int flags) {
    handle(SIGALRM, count_signal, flags);
    const itimerval often{{0, 100}, {0, 100}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Storm() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
  }
};

// Everything that a thread does in its life, from attaching on: once each, nothing lost, whatever the flags.
TEST(Signals, MayComeAtAnyInstantOfAThreadsLife) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  for (const int flags : {0, SA_RESTART}) {
    EXPECT_TRUE(in_process(daemon().path(), [flags] {
      handled = 0;
      const Storm storm(flags);
      int answered = 0;
      const int rounds = scaled(500);
      for (int i = 0; i < rounds; ++i) {
        std::thread([&] {
          const mach_port_t port = new_port_with_send();
          SmallMessage message;
          const bool went = send_to(port, i) == MACH_MSG_SUCCESS && ask() == KERN_SUCCESS &&
                            receive_from(port, &message) == MACH_MSG_SUCCESS && message.head.msgh_id == i;
          answered += went ? 1 : 0;
          mach_port_destroy(mach_task_self(), port);
        }).join();
      }
      EXPECT_EQ(answered, rounds);
      while (handled == 0) ::pause();
    }));
  }
}

TEST(Signals, MayComeWhileATaskBegins) {
  for (int i = 0; i < scaled(100); ++i) {
    ASSERT_TRUE(in_process(daemon().path(), [] {
      const Storm storm(0);
      EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL});
    }));
  }
}

struct MemoryMessage {
  mach_msg_header_t head;
  mach_msg_type_t type;
  char* data;
};

// Interruptible calls with much memory: one that was interrupted has sent nothing.
TEST(Signals, DoNotCutMemoryShort) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    constexpr mach_msg_size_t kSize = 1U << 20;
    const mach_port_t port = new_port_with_send();
    std::vector<char> data(kSize);
    for (std::size_t at = 0; at < data.size(); ++at) data[at] = static_cast<char>(at % 251);
    const Storm storm(0);
    for (int i = 0; i < scaled(200); ++i) {
      MemoryMessage message{};
      message.head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
      message.head.msgh_remote_port = port;
      message.type.msgt_name = MACH_MSG_TYPE_BYTE;
      message.type.msgt_size = 8;
      message.type.msgt_longform = 1;
      message.type.msgt_number = kSize;
      message.data = data.data();
      ASSERT_EQ(mach_msg_trap(&message.head, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0), MACH_MSG_SUCCESS);
      mach_msg_return_t code = MACH_RCV_INTERRUPTED;
      while (code == MACH_RCV_INTERRUPTED)
        code = mach_msg_trap(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0);
      ASSERT_EQ(code, MACH_MSG_SUCCESS);
      ASSERT_EQ(message.type.msgt_number, kSize);
      ASSERT_TRUE(std::equal(data.begin(), data.end(), message.data));
      mach_msg_destroy(&message.head);
    }
    EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  }));
}

// 03.16: told or not told whatever the flags of the handler are, and on whatever stack it runs.
TEST(Signals, AreToldWhateverTheFlagsOfTheirHandler) {
  const mach_port_t port = new_port();
  for (const int flags : {0, SA_RESTART, SA_ONSTACK, SA_RESTART | SA_ONSTACK}) {
    handle(SIGUSR1, count_signal, flags);
    mach_msg_return_t code = -1;
    std::thread receiver([&] {
      std::vector<char> space(1U << 16);
      const stack_t stack{space.data(), 0, space.size()};
      ::sigaltstack(&stack, nullptr);
      SmallMessage message;
      code = receive_from(port, &message, MACH_RCV_INTERRUPT);
      const stack_t none{nullptr, SS_DISABLE, 0};
      ::sigaltstack(&none, nullptr);
    });
    ASSERT_TRUE(calls_block(1));
    ::pthread_kill(receiver.native_handle(), SIGUSR1);
    receiver.join();
    EXPECT_EQ(code, MACH_RCV_INTERRUPTED) << flags;
  }
  mach_port_destroy(mach_task_self(), port);
}

// No handler runs: nothing has been interrupted, for the uninterruptible call or the trap.
TEST(Signals, ThatStopTheProcessAreNoInterruption) {
  for (const bool trap : {false, true}) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const mach_port_t port = new_port();
      SmallMessage message;
      char byte = 0;
      if (::write(ready[1], &byte, 1) != 1) ::_exit(2);
      const mach_msg_return_t code = trap ? mach_msg_trap(&message.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
                                                          sizeof message, port, 700, 0)
                                          : receive_from(port, &message, MACH_RCV_TIMEOUT, 700);
      ::_exit(code == MACH_RCV_TIMED_OUT ? 0 : 1);
    }
    char byte;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    int status = 0;
    for (int stops = 0; stops < 20; ++stops) {
      ::kill(child, SIGSTOP);
      ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
      if (!WIFSTOPPED(status)) break;
      ::kill(child, SIGCONT);
    }
    if (WIFSTOPPED(status)) {
      ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    EXPECT_EQ(status, 0) << (trap ? "trap" : "mach_msg");
    ::close(ready[0]);
    ::close(ready[1]);
  }
}

}  // namespace
}  // namespace netmsg::test
