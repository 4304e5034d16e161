// SPDX-License-Identifier: Apache-2.0
// Random operations of several tasks; after each one every invariant of the engine holds and rights are
// conserved. A failure is a seed.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <random>

#include "tests/support/engine_world.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"

namespace netmsg::test {
namespace {

constexpr int kTasks = 3;

class RandomWorld {
 public:
  // Every other world is cramped: spaces and messages are full most of the time.
  explicit RandomWorld(std::uint64_t seed)
      : random_(seed),
        world_(seed % 2 == 0 ? ipc::Limits{} : ipc::Limits{.names_per_space = 14, .rights_per_message = 3}) {
    for (int i = 0; i < kTasks; ++i) tasks_.push_back(&world_.task("task " + std::to_string(i)));
  }

  void step() {
    if (pick(200) == 0) replace_task(pick(kTasks));
    Task& task = *tasks_[pick(kTasks)];
    switch (pick(16)) {
      case 0:
        ipc::mach_port::allocate(task.space(), pick(5)).ok();
        break;
      case 1:
        give_up(task);
        break;
      case 2:
        task.mod_refs(name(task), pick(6), static_cast<int>(pick(5)) - 2);
        break;
      case 3:
        insert(task);
        break;
      case 4:
      case 5:
        extract(task);
        break;
      case 6:
        request(task);
        break;
      case 7:
        task.set_qlimit(name(task), pick(7));
        break;
      case 8:
        world_.advance(std::chrono::milliseconds(pick(4)));
        break;
      case 9:
      case 10:
      case 11:
        receive(task);
        break;
      default:
        send(task);
        break;
    }
    world_.check();
  }

  const ipc::Counters& counters() const { return world_.engine.counters(); }

 private:
  unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  // Mostly a name that denotes something, with a preference for the older ones; sometimes anything at all.
  Name name(Task& task) {
    if (pick(10) == 0) return pick(2) != 0 ? MACH_PORT_NULL : pick(2) != 0 ? MACH_PORT_DEAD : 1 + pick(100);
    const std::vector<ipc::PortRow> rows = world_.engine.ports(task.space());
    if (rows.empty()) return ipc::kTaskSelfName;
    const auto bound = static_cast<unsigned>(rows.size());
    return rows[pick(pick(2) != 0 ? bound : std::min(6U, bound))].name;
  }
  unsigned disposition() { return MACH_MSG_TYPE_MOVE_RECEIVE + pick(6); }

  void replace_task(unsigned which) {
    Task* dying = tasks_[which];
    std::erase_if(waiting_, [dying](const auto& call) { return call.first == dying; });
    dying->die();
    tasks_[which] = &world_.task("task");
  }

  void give_up(Task& task) {
    if (pick(8) == 0) {
      task.destroy(name(task));
    } else {
      task.deallocate(name(task));
    }
  }

  void insert(Task& task) {
    const Name poly = name(task);
    ipc::mach_port::insert_right(task.space(), task.space(), pick(2) != 0 ? poly : name(task), poly,
                                 disposition());
  }

  void extract(Task& task) {
    Task& to = *tasks_[pick(kTasks)];
    ipc::mach_port::extract_right(to.space(), task.space(), name(task), disposition()).ok();
  }

  void request(Task& task) {
    task.request(name(task), pick(2) != 0 ? MACH_NOTIFY_DEAD_NAME : MACH_NOTIFY_NO_SENDERS, name(task),
                 pick(3));
  }

  void send(Task& task) {
    Outgoing message{.remote = name(task), .remote_type = disposition()};
    if (pick(3) != 0) {
      message.local = pick(3) == 0 ? message.remote : name(task);
      message.local_type = disposition();
    }
    for (unsigned items = pick(3); items > 0; --items)
      message.items.push_back(rights(disposition(), {name(task), name(task)}));
    ipc::MsgArgs args{
        .option = static_cast<mach_msg_option_t>(MACH_SEND_MSG | (pick(2) != 0 ? MACH_SEND_TIMEOUT : 0) |
                                                 (pick(4) == 0 ? MACH_SEND_CANCEL : 0) |
                                                 (pick(4) == 0 ? MACH_RCV_MSG | MACH_RCV_TIMEOUT : 0)),
        .rcv_size = 4000,
        .rcv_name = name(task),
        .timeout_ms = pick(3) * 5,
        .notify = name(task)};
    args.message = message.encode();
    remember(task, task.begin(std::move(args)));
  }

  void receive(Task& task) {
    remember(task,
             task.begin({.option = static_cast<mach_msg_option_t>(
                             MACH_RCV_MSG | (pick(8) != 0 ? MACH_RCV_TIMEOUT : 0) |
                             (pick(4) == 0 ? MACH_RCV_NOTIFY : 0) | (pick(4) == 0 ? MACH_RCV_LARGE : 0)),
                         .rcv_size = pick(4) == 0 ? 40U : 4000U,
                         .rcv_name = name(task),
                         .timeout_ms = pick(3) * 5,
                         .notify = name(task)}));
  }

  // Calls that wait are interrupted sooner or later.
  void remember(Task& task, ipc::OpToken token) {
    if (task.result(token).has_value()) return;
    waiting_.emplace_back(&task, token);
    if (waiting_.size() < 10) return;
    const auto [whose, which] = waiting_[pick(10)];
    whose->cancel(which);
    waiting_.erase(waiting_.begin());
  }

  std::mt19937_64 random_;
  World world_;
  std::vector<Task*> tasks_;
  std::vector<std::pair<Task*, ipc::OpToken>> waiting_;
};

TEST(RandomOperations, KeepEveryInvariant) {
  const std::uint64_t seed = test_seed();
  const int worlds = scaled(1500);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  for (int at = 0; at < worlds; ++at) {
    SCOPED_TRACE("NETMSG_TEST_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(at)));
    RandomWorld world(seed + static_cast<std::uint64_t>(at));
    for (int step = 0; step < 400; ++step) world.step();
    if (testing::Test::HasFailure()) return;
    sent += world.counters().messages_sent;
    received += world.counters().messages_received;
  }
  RecordProperty("messages", std::to_string(received));
  EXPECT_GT(sent, received);
  EXPECT_GT(received, static_cast<std::uint64_t>(worlds)) << "the names tried hardly ever mean anything";
}

}  // namespace
}  // namespace netmsg::test
