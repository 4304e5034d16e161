// SPDX-License-Identifier: Apache-2.0
// Random operations of several tasks; after each one every invariant of the engine holds and rights are
// conserved. A failure is a seed.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <map>
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
    switch (pick(24)) {
      case 0:
      case 20:
        ipc::mach_port::allocate(task.space(), pick(2) != 0 ? MACH_PORT_RIGHT_RECEIVE : pick(5)).ok();
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
      case 21:
        request(task);
        break;
      case 7:
        task.set_qlimit(name(task, MACH_PORT_TYPE_RECEIVE), pick(3));
        break;
      case 8:
        world_.advance(std::chrono::milliseconds(pick(4)));
        break;
      case 9:
        task.rename(name(task), 1 + pick(100));
        break;
      case 10:
        ipc::mach_port::allocate_name(task.space(), pick(5), 1 + pick(100));
        break;
      case 11:
        set_count(task);
        break;
      case 12:
      case 13:
        task.move_member(name(task, MACH_PORT_TYPE_RECEIVE),
                         pick(4) == 0 ? MACH_PORT_NULL : name(task, MACH_PORT_TYPE_PORT_SET));
        break;
      case 14:
      case 15:
      case 16:
        for (unsigned times = 1 + pick(4); times > 0; --times) receive(task);
        break;
      default:
        send(task);
        break;
    }
    world_.check();
  }

  const ipc::Counters& counters() const { return world_.engine.counters(); }
  // How many messages with this id were received; how many calls ended with this code.
  unsigned received(mach_msg_id_t id) const { return at(ids_, id); }
  unsigned ended(mach_msg_return_t code) const { return at(codes_, code); }

 private:
  template <typename Key>
  static unsigned at(const std::map<Key, unsigned>& counts, Key key) {
    const auto found = counts.find(key);
    return found != counts.end() ? found->second : 0;
  }
  unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  // Mostly a name that denotes one of these rights, with a preference for the older ones; sometimes anything at
  // all.
  Name name(Task& task, mach_port_type_t rights = MACH_PORT_TYPE_ALL_RIGHTS) {
    if (pick(10) == 0) return pick(2) != 0 ? MACH_PORT_NULL : pick(2) != 0 ? MACH_PORT_DEAD : 1 + pick(100);
    std::vector<ipc::PortRow> rows = world_.engine.ports(task.space());
    std::erase_if(rows, [rights](const ipc::PortRow& row) { return (row.type & rights) == 0; });
    if (rows.empty()) return ipc::kTaskSelfName;
    const auto bound = static_cast<unsigned>(rows.size());
    return rows[pick(pick(2) != 0 ? bound : std::min(6U, bound))].name;
  }
  // Mostly one under which the name can give a right, sometimes any.
  unsigned disposition(Task& task, Name name) {
    const mach_port_type_t type = ipc::mach_port::type(task.space(), name).ok()
                                      ? ipc::mach_port::type(task.space(), name).value()
                                      : MACH_PORT_TYPE_NONE;
    std::vector<unsigned> possible;
    if ((type & MACH_PORT_TYPE_RECEIVE) != 0)
      possible = {MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE};
    if ((type & MACH_PORT_TYPE_SEND) != 0) possible = {MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_COPY_SEND};
    if ((type & MACH_PORT_TYPE_SEND_ONCE) != 0) possible = {MACH_MSG_TYPE_MOVE_SEND_ONCE};
    if (possible.empty() || pick(4) == 0) return MACH_MSG_TYPE_MOVE_RECEIVE + pick(6);
    return possible[pick(static_cast<unsigned>(possible.size()))];
  }

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
                                 disposition(task, poly));
  }

  void extract(Task& task) {
    Task& to = *tasks_[pick(kTasks)];
    const Name taken = name(task);
    ipc::mach_port::extract_right(to.space(), task.space(), taken, disposition(task, taken)).ok();
  }

  void request(Task& task) {
    constexpr mach_msg_id_t kRequests[] = {MACH_NOTIFY_DEAD_NAME, MACH_NOTIFY_NO_SENDERS,
                                           MACH_NOTIFY_PORT_DESTROYED};
    const mach_msg_id_t id = kRequests[pick(3)];
    const mach_port_type_t on =
        id == MACH_NOTIFY_DEAD_NAME ? MACH_PORT_TYPE_PORT_RIGHTS : MACH_PORT_TYPE_RECEIVE;
    task.request(name(task, on), id, name(task, MACH_PORT_TYPE_RECEIVE), pick(2) != 0 ? 0 : pick(3));
  }

  void set_count(Task& task) {
    switch (pick(4)) {
      case 0:
        ipc::mach_port::set_mscount(task.space(), name(task), pick(3));
        break;
      case 1:
        ipc::mach_port::set_seqno(task.space(), name(task), pick(3));
        break;
      case 2:
        ipc::mach_port::set_protected_payload(task.space(), name(task), pick(3));
        break;
      default:
        ipc::mach_port::clear_protected_payload(task.space(), name(task));
        break;
    }
  }

  void send(Task& task) {
    const Name remote = name(task, MACH_PORT_TYPE_PORT_RIGHTS);
    Outgoing message{.remote = remote, .remote_type = disposition(task, remote)};
    if (pick(3) != 0) {
      message.local = pick(3) == 0 ? remote : name(task);
      message.local_type = disposition(task, message.local);
    }
    for (unsigned items = pick(3); items > 0; --items) {
      const Name carried = name(task);
      message.items.push_back(rights(disposition(task, carried), {carried, name(task)}));
    }
    ipc::MsgArgs args{
        .option = static_cast<mach_msg_option_t>(
            MACH_SEND_MSG | (pick(2) != 0 ? MACH_SEND_TIMEOUT : 0) | (pick(4) == 0 ? MACH_SEND_CANCEL : 0) |
            (pick(3) == 0 ? MACH_SEND_NOTIFY : 0) | (pick(4) == 0 ? MACH_RCV_MSG | MACH_RCV_TIMEOUT : 0)),
        .rcv_size = 4000,
        .rcv_name = name(task),
        .timeout_ms = pick(3) * 5,
        .notify = name(task, MACH_PORT_TYPE_RECEIVE)};
    args.message = message.encode();
    remember(task, task.begin(std::move(args)));
  }

  void receive(Task& task) {
    remember(task,
             task.begin({.option = static_cast<mach_msg_option_t>(
                             MACH_RCV_MSG | (pick(8) != 0 ? MACH_RCV_TIMEOUT : 0) |
                             (pick(4) == 0 ? MACH_RCV_NOTIFY : 0) | (pick(4) == 0 ? MACH_RCV_LARGE : 0)),
                         .rcv_size = pick(4) == 0 ? 40U : 4000U,
                         .rcv_name = name(task, MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET),
                         .timeout_ms = pick(3) * 5,
                         .notify = name(task, MACH_PORT_TYPE_RECEIVE)}));
  }

  void count(const ipc::MsgResult& result) {
    ++codes_[result.code];
    if (result.code == MACH_MSG_SUCCESS && !result.bytes.empty()) ++ids_[header_of(result.bytes).msgh_id];
  }

  // Calls that wait are interrupted sooner or later.
  void remember(Task& task, ipc::OpToken token) {
    if (const std::optional<ipc::MsgResult> result = task.result(token)) return count(*result);
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
  std::map<mach_msg_id_t, unsigned> ids_;
  std::map<mach_msg_return_t, unsigned> codes_;
};

// What has to happen now and then, or the operations are not what they were meant to be.
struct Seen {
  const char* what;
  mach_msg_id_t id;         // of a message received, or
  mach_msg_return_t ended;  // the code of a call
  unsigned count = 0;
};

TEST(RandomOperations, KeepEveryInvariant) {
  const std::uint64_t seed = test_seed();
  const int worlds = scaled(1500);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  Seen all_seen[] = {
      {"port-deleted", MACH_NOTIFY_PORT_DELETED, 0},     {"msg-accepted", MACH_NOTIFY_MSG_ACCEPTED, 0},
      {"port-destroyed", MACH_NOTIFY_PORT_DESTROYED, 0}, {"no-senders", MACH_NOTIFY_NO_SENDERS, 0},
      {"send-once", MACH_NOTIFY_SEND_ONCE, 0},           {"dead-name", MACH_NOTIFY_DEAD_NAME, 0},
      {"forced twice", 0, MACH_SEND_NOTIFY_IN_PROGRESS}, {"in a set", 0, MACH_RCV_IN_SET}};
  for (int at = 0; at < worlds; ++at) {
    SCOPED_TRACE("NETMSG_TEST_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(at)));
    RandomWorld world(seed + static_cast<std::uint64_t>(at));
    for (int step = 0; step < 400; ++step) world.step();
    if (testing::Test::HasFailure()) return;
    sent += world.counters().messages_sent;
    received += world.counters().messages_received;
    for (Seen& seen : all_seen)
      seen.count += seen.id != 0 ? world.received(seen.id) : world.ended(seen.ended);
  }
  RecordProperty("messages", std::to_string(received));
  EXPECT_GT(sent, received);
  EXPECT_GT(received, static_cast<std::uint64_t>(worlds)) << "the names tried hardly ever mean anything";
  for (const Seen& seen : all_seen) {
    RecordProperty(seen.what, std::to_string(seen.count));
    if (worlds >= 1000) {  // in a short run chance may leave one out
      EXPECT_GT(seen.count, 0U) << seen.what;
    }
  }
}

}  // namespace
}  // namespace netmsg::test
