// SPDX-License-Identifier: Apache-2.0
// Watches: whoever keeps the signals of a watch until they are answered has one exactly while a receive that does not
// wait would return something other than MACH_RCV_TIMED_OUT. Answers of a receive: spec 03 §11.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/engine_world.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"

namespace netmsg::test {
namespace {

// A task that watches, and keeps the signals as a client does.
class Watcher final : public ipc::Completions {
 public:
  explicit Watcher(World& world) : world_(world) {
    space_ = &world.engine.create_space("watcher", world.account, *this);
  }
  ~Watcher() override {
    if (space_ != nullptr) world_.engine.destroy_space(*space_);
  }

  ipc::Space& space() const { return *space_; }

  Name port() { return ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_RECEIVE).value(); }
  Name set() { return ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_PORT_SET).value(); }
  kern_return_t join(Name member, Name of) {
    return checked(ipc::mach_port::move_member(*space_, member, of));
  }
  kern_return_t destroy(Name name) { return checked(ipc::mach_port::destroy(*space_, name)); }
  kern_return_t rename(Name from, Name to) { return checked(ipc::mach_port::rename(*space_, from, to)); }

  ipc::WatchId watch(Name name) {
    const auto watched = world_.engine.watch(*space_, name);
    world_.check();
    if (!watched.ok()) return 0;
    if (watched.value().signal) signals_[watched.value().id].insert(*watched.value().signal);
    return watched.value().id;
  }
  void unwatch(ipc::WatchId id) {
    world_.engine.unwatch(*space_, id);
    world_.check();
  }
  void send(Name name, std::uint32_t id = 1) {
    const Outgoing message{
        .remote = name, .remote_type = MACH_MSG_TYPE_MAKE_SEND, .id = static_cast<int>(id)};
    call({.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT, .message = message.encode()});
  }
  mach_msg_return_t poll(Name name, mach_msg_option_t option = 0, unsigned size = 4096) {
    return call({.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT | option, .rcv_size = size, .rcv_name = name});
  }
  // Blocked until somebody sends.
  void wait(Name name) {
    world_.engine.mach_msg(*space_, ++token_, {.option = MACH_RCV_MSG, .rcv_size = 4096, .rcv_name = name});
  }

  bool readable(ipc::WatchId id) const { return signals_.count(id) != 0 && !signals_.at(id).empty(); }
  bool over(ipc::WatchId id) const { return over_.count(id) != 0; }
  std::uint32_t signals_told() const { return told_; }

 private:
  kern_return_t checked(kern_return_t code) {
    world_.check();
    return code;
  }
  mach_msg_return_t call(ipc::MsgArgs args) {
    world_.engine.mach_msg(*space_, ++token_, std::move(args));
    world_.check();
    return code_;
  }

  void complete(ipc::OpToken, ipc::MsgResult&& result) override {
    code_ = result.code;
    auto& signals = signals_[result.idle.watch];
    std::erase_if(signals, [&](std::uint32_t signal) { return signal <= result.idle.signal; });
  }
  void watch_ready(ipc::WatchId id, std::uint32_t signal) override {
    ++told_;
    EXPECT_TRUE(signals_[id].empty() || *signals_[id].rbegin() < signal);
    signals_[id].insert(signal);
  }
  void watch_over(ipc::WatchId id) override { EXPECT_TRUE(over_.insert(id).second); }

  World& world_;
  ipc::Space* space_;
  ipc::OpToken token_ = 0;
  mach_msg_return_t code_ = 0;
  std::uint32_t told_ = 0;
  std::map<ipc::WatchId, std::set<std::uint32_t>> signals_;
  std::set<ipc::WatchId> over_;
};

class Watches : public testing::Test {
 protected:
  World world;
  Watcher task{world};
  Name p = task.port();
  Name s = task.set();
};

TEST_F(Watches, AreReadyWhileThereIsAMessage) {
  const auto id = task.watch(p);
  EXPECT_FALSE(task.readable(id));
  task.send(p);
  task.send(p);
  EXPECT_EQ(task.signals_told(), 1U);
  EXPECT_EQ(task.poll(p), MACH_MSG_SUCCESS);
  EXPECT_TRUE(task.readable(id));
  EXPECT_EQ(task.poll(p), MACH_MSG_SUCCESS);
  EXPECT_FALSE(task.readable(id));
  task.send(p);
  EXPECT_EQ(task.signals_told(), 2U);
}

TEST_F(Watches, StayReadyForAMessageThatIsTooLarge) {
  const auto id = task.watch(p);
  task.send(p);
  EXPECT_EQ(task.poll(p, MACH_RCV_LARGE, 0), MACH_RCV_TOO_LARGE);
  EXPECT_TRUE(task.readable(id));
}

TEST_F(Watches, DoNotHearOfMessagesForAWaitingReceiver) {
  task.watch(p);
  task.wait(p);
  task.send(p);
  EXPECT_EQ(task.signals_told(), 0U);
}

// A sender that was blocked sends while the receiver takes the last message: all in one event.
TEST_F(Watches, SignalAgainForWhatABlockedSenderPutsInTheRoomOfTheLastMessage) {
  const auto id = task.watch(p);
  ipc::mach_port::set_qlimit(task.space(), p, 1);
  task.send(p, 1);
  const Outgoing second{.remote = p, .remote_type = MACH_MSG_TYPE_MAKE_SEND, .id = 2};
  world.engine.mach_msg(task.space(), 1000, {.option = MACH_SEND_MSG, .message = second.encode()});
  EXPECT_EQ(task.poll(p), MACH_MSG_SUCCESS);
  EXPECT_TRUE(task.readable(id));
  EXPECT_EQ(task.poll(p), MACH_MSG_SUCCESS);
  EXPECT_FALSE(task.readable(id));
}

TEST_F(Watches, OfAPortSayThatItIsInASet) {
  const auto id = task.watch(p);
  task.join(p, s);
  EXPECT_TRUE(task.readable(id));
  EXPECT_EQ(task.poll(p), MACH_RCV_IN_SET);
  task.join(p, MACH_PORT_NULL);
  EXPECT_EQ(task.poll(p), MACH_RCV_TIMED_OUT);
  EXPECT_FALSE(task.readable(id));
}

TEST_F(Watches, OfASetHearOfItsMembersOnly) {
  const auto id = task.watch(s);
  task.send(p);
  EXPECT_FALSE(task.readable(id));
  task.join(p, s);
  EXPECT_TRUE(task.readable(id));
  task.join(p, MACH_PORT_NULL);
  EXPECT_EQ(task.poll(s), MACH_RCV_TIMED_OUT);
  EXPECT_FALSE(task.readable(id));
}

TEST_F(Watches, AreOverWhenTheRightIsGoneAndGoAlongWithARename) {
  const auto of_port = task.watch(p);
  const auto of_set = task.watch(s);
  EXPECT_EQ(task.rename(p, 4711), KERN_SUCCESS);
  task.send(4711);
  EXPECT_TRUE(task.readable(of_port));
  EXPECT_FALSE(task.over(of_port) || task.over(of_set));
  task.destroy(4711);
  task.destroy(s);
  EXPECT_TRUE(task.over(of_port) && task.over(of_set));
}

TEST_F(Watches, OfOneRightAreOne) {
  const auto first = task.watch(p);
  EXPECT_EQ(task.watch(p), first);
  task.unwatch(first);
  task.send(p);
  EXPECT_TRUE(task.readable(first));
  task.unwatch(first);
  task.unwatch(first);  // is over: nothing
  EXPECT_NE(task.watch(p), first);
}

TEST_F(Watches, OfAnythingElseAreRefused) {
  EXPECT_EQ(world.engine.watch(task.space(), 4711).code(), KERN_INVALID_NAME);
  EXPECT_EQ(world.engine.watch(task.space(), ipc::kTaskSelfName).code(), KERN_INVALID_RIGHT);
}

// Random operations on a few ports and sets. After each one: a watch has a signal whenever a receive would have an
// answer, and after a receive that had none it has none.
class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed), task_(world_) {
    for (int i = 0; i < 4; ++i) add(task_.port());
    for (int i = 0; i < 2; ++i) add(task_.set());
  }

  void step() {
    const Name at = name();
    switch (pick(8)) {
      case 0:
        task_.join(at, pick(3) == 0 ? MACH_PORT_NULL : name());
        break;
      case 1:
        if (pick(4) == 0) replace(at);
        break;
      case 2:
        if (!watches_[at] || pick(4) == 0) watches_[at] = task_.watch(at);
        break;
      case 3:
      case 4:
        if (task_.poll(at, pick(2) == 0 ? MACH_RCV_LARGE : 0, pick(3) * 20) == MACH_RCV_TIMED_OUT) ++quiet_;
        break;
      default:
        task_.send(at);
        break;
    }
    check();
  }

  unsigned loud() const { return loud_; }
  unsigned quiet() const { return quiet_; }

 private:
  unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  Name name() { return names_[pick(static_cast<unsigned>(names_.size()))]; }
  void add(Name name) {
    names_.push_back(name);
    watches_[name] = task_.watch(name);
  }
  void replace(Name at) {
    const auto id = watches_[at];
    task_.destroy(at);
    EXPECT_TRUE(id == 0 || task_.over(id));
    watches_.erase(at);
    std::erase(names_, at);
    add(pick(3) == 0 ? task_.set() : task_.port());
  }

  // A buffer without room leaves the message where it is (03.21).
  void check() {
    for (const auto& [at, id] : watches_) {
      const bool before = task_.readable(id);
      const bool answer = task_.poll(at, MACH_RCV_LARGE, 0) != MACH_RCV_TIMED_OUT;
      ASSERT_TRUE(before || !answer) << "not told of an answer";
      ASSERT_EQ(task_.readable(id), answer) << "after a receive";
      loud_ += answer;
    }
  }

  std::mt19937_64 random_;
  World world_;
  Watcher task_;
  std::vector<Name> names_;
  std::map<Name, ipc::WatchId> watches_;
  unsigned loud_ = 0;
  unsigned quiet_ = 0;
};

TEST(WatchSchedules, TellOfEveryAnswer) {
  const std::uint64_t seed = test_seed();
  for (unsigned world = 0; world < 4; ++world) {
    Schedule schedule(seed + world);
    for (int i = 0; i < scaled(3000) && !testing::Test::HasFatalFailure(); ++i) schedule.step();
    EXPECT_GT(schedule.loud(), 0U);
    EXPECT_GT(schedule.quiet(), 0U);
  }
}

}  // namespace
}  // namespace netmsg::test
