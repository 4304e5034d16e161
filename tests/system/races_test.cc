// SPDX-License-Identifier: Apache-2.0
// The races of spec 04 §8 with real threads of a real client: A7 to A11, 100,000 rounds each (times
// NETMSG_TEST_SCALE). Each round checks that the outcome is one of those the case allows; delays are random
// so that both orders occur.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "tests/support/dispositions.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr int kRounds = 100000;
constexpr unsigned kLongestDelay_ns = 60000;
constexpr unsigned kPatienceMs = 20000;

void spin(unsigned nanoseconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds);
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
}

// A second thread that does one thing a round, at the same time as the first.
class Rival {
 public:
  Rival() : thread_([this] { loop(); }) {}
  ~Rival() {
    stop_ = true;
    start([] {});
    thread_.join();
  }
  Rival(const Rival&) = delete;
  Rival& operator=(const Rival&) = delete;

  void start(std::function<void()> what) {
    what_ = std::move(what);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_one();
  }
  void finish() {
    while (done_.load(std::memory_order_acquire) != round_.load(std::memory_order_relaxed))
      std::this_thread::yield();
  }

 private:
  void loop() {
    for (unsigned round = 1; !stop_; ++round) {
      round_.wait(round - 1, std::memory_order_acquire);
      what_();
      done_.store(round, std::memory_order_release);
    }
  }

  std::function<void()> what_;
  std::atomic<bool> stop_{false};
  std::atomic<unsigned> round_{0};
  std::atomic<unsigned> done_{0};
  std::thread thread_;
};

mach_port_t new_send_once(mach_port_t port) {
  mach_port_t name = MACH_PORT_NULL;
  mach_msg_type_name_t type;
  EXPECT_EQ(mach_port_extract_right(mach_task_self(), port, kMakeOnce, &name, &type), KERN_SUCCESS);
  return name;
}

mach_port_type_t type_of(mach_port_t name) {
  mach_port_type_t type = 0;
  return mach_port_type(mach_task_self(), name, &type) == KERN_SUCCESS ? type : 0;
}

unsigned dead_urefs(mach_port_t name) {
  mach_port_urefs_t urefs = 0;
  mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_DEAD_NAME, &urefs);
  return urefs;
}

class Races : public testing::Test {
 protected:
  void SetUp() override { become_client_of(here()); }
  void TearDown() override { EXPECT_EQ(balanced({&here()}), ""); }

  unsigned delay() { return static_cast<unsigned>(random_() % kLongestDelay_ns); }

  // Runs `round` the full count of times, and says how often each of its outcomes came.
  void repeat(const std::function<std::string()>& round) {
    std::map<std::string, int> outcomes;
    for (int at = 0, rounds = scaled(kRounds); at < rounds && !HasFailure(); ++at) ++outcomes[round()];
    for (const auto& [outcome, count] : outcomes) {
      RecordProperty(outcome, count);
      std::printf("  %s: %d\n", outcome.c_str(), count);
    }
    EXPECT_GT(outcomes.size(), scaled(kRounds) > 10000 ? 1U : 0U) << "only one order ever occurred";
  }

  // A message to P in its queue, the reply field a send right for P itself; received and destroyed at once.
  std::string receive_and_destroy(bool wholly) {
    const mach_port_t p = new_port();
    mach_port_insert_right(mach_task_self(), p, p, MACH_MSG_TYPE_MAKE_SEND);
    EXPECT_EQ(send_message({.remote = p, .remote_type = kCopySend, .local = p, .local_type = kCopySend}),
              MACH_MSG_SUCCESS);
    rival_.start([p, wholly, wait = delay()] {
      spin(wait);
      wholly ? mach_port_destroy(mach_task_self(), p)
             : mach_port_mod_refs(mach_task_self(), p, MACH_PORT_RIGHT_RECEIVE, -1);
    });
    spin(delay());
    const ReceivedMessage got = receive_message(p, kPatienceMs);
    rival_.finish();
    return judge_receive_and_destroy(got, p, wholly);
  }

  std::string judge_receive_and_destroy(const ReceivedMessage& got, mach_port_t p, bool wholly) {
    if (got.code == MACH_RCV_INVALID_NAME || got.code == MACH_RCV_PORT_DIED) {
      mach_port_destroy(mach_task_self(), p);
      return "destroyed first";
    }
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_local_port, got.header.msgh_remote_port) << "never exactly one of them dead";
    EXPECT_TRUE(got.header.msgh_local_port == p || got.header.msgh_local_port == MACH_PORT_DEAD);
    EXPECT_EQ(type_of(p), wholly ? 0U : MACH_PORT_TYPE_DEAD_NAME);
    mach_port_destroy(mach_task_self(), p);
    return "received first";
  }

  // A request with a send-once reply right for Q; received
  // with or without a request on it while Q is destroyed.
  std::string receive_while_reply_dies(mach_port_t p, mach_port_t notify) {
    const mach_port_t q = new_port();
    EXPECT_EQ(send_message({.remote = p, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce}),
              MACH_MSG_SUCCESS);
    rival_.start([q, wait = delay()] {
      spin(wait);
      mach_port_destroy(mach_task_self(), q);
    });
    spin(delay());
    const bool asked = notify != MACH_PORT_NULL;
    const ReceivedMessage got = receive_message(p, 0, asked ? MACH_RCV_NOTIFY : MACH_MSG_OPTION_NONE, notify);
    rival_.finish();
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    const mach_port_t x = got.header.msgh_remote_port;
    const ReceivedMessage told =
        asked ? receive_message(notify) : ReceivedMessage{MACH_RCV_TIMED_OUT, {}, {}};
    if (x == MACH_PORT_DEAD) {
      EXPECT_EQ(told.code, MACH_RCV_TIMED_OUT) << "dead, so nothing was asked for";
      return "reply dead";
    }
    EXPECT_EQ(dead_urefs(x), asked ? 2U : 1U);
    if (asked) {
      EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
      EXPECT_EQ(told.values.at(0), x);
      EXPECT_EQ(receive_message(notify).code, MACH_RCV_TIMED_OUT) << "exactly one";
    }
    mach_port_destroy(mach_task_self(), x);
    return "reply alive";
  }

  std::mt19937 random_{test_seed()};
  Rival rival_;
};

using A7Race = Races;
TEST_F(A7Race, TheHeaderIsTakenAsAWholeOrNotAtAll) {
  const mach_port_t notify = new_port();
  repeat([&]() -> std::string {
    const mach_port_t dest = new_port();
    const mach_port_t reply = new_port();
    const mach_port_t d = new_send_once(dest);
    const mach_port_t r = new_send_once(reply);
    for (const mach_port_t name : {d, r}) EXPECT_EQ(request_death(name, notify), KERN_SUCCESS);
    const bool reply_first = random_() % 2 != 0;
    rival_.start([=, wait = delay()] {
      spin(wait);
      mach_port_destroy(mach_task_self(), reply_first ? reply : dest);
      mach_port_destroy(mach_task_self(), reply_first ? dest : reply);
    });
    spin(delay());
    const auto code =
        send_message({.remote = d, .remote_type = kMoveOnce, .local = r, .local_type = kMoveOnce});
    rival_.finish();
    mach_msg_id_t about_d = 0;
    mach_msg_id_t about_r = 0;
    for (ReceivedMessage told = receive_message(notify); told.code == MACH_MSG_SUCCESS;
         told = receive_message(notify)) {
      (told.values.at(0) == d ? about_d : about_r) = told.header.msgh_id;
    }
    mach_port_destroy(mach_task_self(), d);
    mach_port_destroy(mach_task_self(), r);
    if (code == MACH_SEND_INVALID_DEST) {
      EXPECT_EQ(about_d, MACH_NOTIFY_DEAD_NAME);
      EXPECT_EQ(about_r, MACH_NOTIFY_DEAD_NAME) << "the reply right was not taken";
      return "destination dead";
    }
    EXPECT_EQ(code, MACH_MSG_SUCCESS);
    EXPECT_EQ(about_d, MACH_NOTIFY_PORT_DELETED);
    EXPECT_TRUE(about_r == MACH_NOTIFY_PORT_DELETED || (reply_first && about_r == MACH_NOTIFY_DEAD_NAME))
        << about_r;
    return about_r == MACH_NOTIFY_PORT_DELETED ? "both taken" : "reply dead";
  });
  mach_port_destroy(mach_task_self(), notify);
}

using A8Race = Races;
TEST_F(A8Race, NeverExactlyOneFieldIsDead) {
  repeat([&] { return receive_and_destroy(false); });
}

using A9Race = Races;
TEST_F(A9Race, NeverExactlyOneFieldIsDeadWhenAllIsDestroyed) {
  repeat([&] { return receive_and_destroy(true); });
}

using A10Race = Races;
TEST_F(A10Race, ADeadReplyOrExactlyOneNotification) {
  const mach_port_t p = new_port();
  const mach_port_t notify = new_port();
  mach_port_insert_right(mach_task_self(), p, p, MACH_MSG_TYPE_MAKE_SEND);
  repeat([&] { return receive_while_reply_dies(p, notify); });
}

using A11Race = Races;
TEST_F(A11Race, WithoutNotifyTheNameIsDeadWithOneReference) {
  const mach_port_t p = new_port();
  mach_port_insert_right(mach_task_self(), p, p, MACH_MSG_TYPE_MAKE_SEND);
  repeat([&] { return receive_while_reply_dies(p, MACH_PORT_NULL); });
}

}  // namespace
}  // namespace netmsg::test
