// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §9 with real daemons: this process is a client of host a, the ports live on
// host b.
#include <gtest/gtest.h>
#include <signal.h>

#include <random>
#include <thread>

#include "tests/support/dispositions.h"
#include "tests/support/same_name_table.h"
#include "tests/support/scale.h"
#include "tests/system/rights_scene.h"

namespace netmsg::test {
namespace {

constexpr unsigned kPatienceMs = 5000;

TwoHosts& hosts() {
  return here_and_there();
}

std::uint64_t frames_sent_by_a() {
  const std::string json = hosts().a.control({"peers", "--json"}).second;
  const std::size_t at = json.find("\"frames_sent\"");
  return at == std::string::npos
             ? 0
             : std::strtoull(json.c_str() + json.find_first_of("0123456789", at), nullptr, 10);
}

class Remote : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(hosts().a, hosts().b);
    return only;
  }
  void SetUp() override { server(); }
  void TearDown() override { EXPECT_EQ(balanced({&hosts().a, &hosts().b}), ""); }
};

void move_and_copy(PortServerClient& server, unsigned destination, unsigned reply, const std::string& before,
                   const std::string& after) {
  RightsScene scene(server, before);
  EXPECT_EQ(
      send_message({.remote = scene.x, .remote_type = destination, .local = scene.x, .local_type = reply}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), after);
  const ReceivedValues got = scene.receive(kPatienceMs);
  EXPECT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
  EXPECT_EQ(got.bits, 0x1111U);
  EXPECT_EQ(got.local_is, kFieldP);
  EXPECT_EQ(got.remote_is, kFieldP);
  EXPECT_EQ(got.type_of_p, 0x30000U);
  EXPECT_EQ(got.sends_of_p, 1U);
}

using A19 = Remote;
TEST_F(A19, MoveAsDestinationAndCopyAsReply) {
  move_and_copy(server(), kMoveSend, kCopySend, "S1", "free");
  move_and_copy(server(), kMoveSend, kCopySend, "S2", "S1");
}

using A20 = Remote;
TEST_F(A20, CopyAsDestinationAndMoveAsReply) {
  move_and_copy(server(), kCopySend, kMoveSend, "S1", "free");
}

using A21 = Remote;
TEST_F(A21, MovingTheOnlyReferenceTwiceFailsHereAndSendsNothing) {
  RightsScene scene(server(), "S1");
  ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
  ASSERT_EQ(balanced({&hosts().a, &hosts().b}), "");
  const std::uint64_t before = frames_sent_by_a();
  const Outgoing twice = {
      .remote = scene.x, .remote_type = kMoveSend, .local = scene.x, .local_type = kMoveSend};
  EXPECT_EQ(send_message(twice), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(frames_sent_by_a(), before) << "heartbeats are not frames";
  EXPECT_EQ(state_of(scene.x), "S1");
  EXPECT_EQ(receive_message(scene.notify).code, MACH_RCV_TIMED_OUT);
  server().send_right();
  EXPECT_EQ(send_message(twice), MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), "free");
  EXPECT_EQ(scene.receive(kPatienceMs).remote_is, kFieldP);
}

using A22 = Remote;
TEST_F(A22, EveryCellOfTheSameNameTableThatANameForARemotePortCanHave) {
  for (const SameNameCell& cell : same_name_table()) {
    if (cell.before[0] == 'R' || cell.before == "PS") continue;
    SCOPED_TRACE(std::string(disposition_name(cell.destination)) + " / " + disposition_name(cell.reply) +
                 " on " + cell.before);
    RightsScene scene(server(), cell.before);
    EXPECT_EQ(
        send_message(
            {.remote = scene.x, .remote_type = cell.destination, .local = scene.x, .local_type = cell.reply}),
        cell.code);
    EXPECT_EQ(state_of(scene.x), cell.after);
    if (cell.code == MACH_MSG_SUCCESS) {
      const ReceivedValues got = scene.receive(kPatienceMs);
      EXPECT_EQ(got.local_is, kFieldP);
      EXPECT_EQ(got.remote_is, kFieldP);
    }
  }
}

using A23 = Remote;
TEST_F(A23, ABadReplyLeavesTheDestinationAlone) {
  for (const std::string before : {"S1", "SO"}) {
    RightsScene scene(server(), before);
    const unsigned type = before == "S1" ? kMoveSend : MACH_MSG_TYPE_MOVE_SEND_ONCE;
    EXPECT_EQ(send_message({.remote = scene.x, .remote_type = type, .local = 99999, .local_type = kCopySend}),
              MACH_SEND_INVALID_REPLY);
    EXPECT_EQ(state_of(scene.x), before);
  }
}

// The port dies on b while the message is on the wire, or before, or with the message in its queue: one end
// for each.
using A24 = Remote;
TEST_F(A24, APortThatDiesWithTheMessageUnderWayEndsEveryRightOnce) {
  const int rounds = scaled(300);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    RightsScene scene(server(), "S1");
    const mach_port_t reply = new_port();
    ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
    std::thread killer([&] { server().ask(Ask::kKill); });
    const mach_msg_return_t code =
        send_message({.remote = scene.x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce});
    killer.join();
    const ReceivedMessage told = receive_message(scene.notify, kPatienceMs);
    EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
    EXPECT_EQ(state_of(scene.x), "DN2");
    if (code == MACH_MSG_SUCCESS) {
      EXPECT_EQ(receive_message(reply, kPatienceMs).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
    } else {
      EXPECT_EQ(code, MACH_SEND_INVALID_DEST);
    }
    EXPECT_EQ(drain(reply, MACH_NOTIFY_SEND_ONCE), 0U) << "once is enough";
    EXPECT_EQ(drain(scene.notify, MACH_NOTIFY_DEAD_NAME), 0U);
    mach_port_destroy(mach_task_self(), reply);
  }
}

// The receiver on b, the reply field a send right for P itself, and P destroyed there while it is received.
using A25 = Remote;
TEST_F(A25, NeverExactlyOneFieldIsDead) {
  const int rounds = scaled(2000);
  std::mt19937 random(1);
  unsigned outcomes[3] = {};
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    RightsScene scene(server(), "S1");
    ASSERT_EQ(send_message(
                  {.remote = scene.x, .remote_type = kCopySend, .local = scene.x, .local_type = kCopySend}),
              MACH_MSG_SUCCESS);
    const ReceivedValues got = server().race(static_cast<unsigned>(random() % 100000),
                                             static_cast<unsigned>(random() % 200000), round % 2 != 0);
    if (got.code == static_cast<std::uint32_t>(MACH_MSG_SUCCESS)) {
      ++outcomes[0];
      EXPECT_EQ(got.local_is == kFieldDead, got.remote_is == kFieldDead);
      EXPECT_EQ(got.local_is, got.remote_is);
    } else if (got.code == static_cast<std::uint32_t>(MACH_RCV_PORT_DIED)) {
      ++outcomes[1];
    } else {
      ++outcomes[2];
      EXPECT_EQ(got.code, static_cast<std::uint32_t>(MACH_RCV_INVALID_NAME));
    }
  }
  RecordProperty("received", static_cast<int>(outcomes[0]));
  RecordProperty("died", static_cast<int>(outcomes[1]));
  RecordProperty("invalid", static_cast<int>(outcomes[2]));
}

// Q lives here and dies while b receives a message with a send-once right for it and MACH_RCV_NOTIFY.
using A27 = Remote;
TEST_F(A27, DeadOrOneNotificationNeverNeitherNeverBoth) {
  const int rounds = scaled(300);
  std::mt19937 random(2);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    RightsScene scene(server(), "S1");
    const mach_port_t q = new_port();
    ASSERT_EQ(
        send_message({.remote = scene.x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce}),
        MACH_MSG_SUCCESS);
    std::thread killer([q, delay = random() % 400] {
      sleep_for(std::chrono::milliseconds(delay / 200));
      mach_port_destroy(mach_task_self(), q);
    });
    const ReceivedValues got = server().receive(kPatienceMs, true);
    killer.join();
    ASSERT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
    const auto reply = server().ask(got.remote_is == kFieldDead ? Ask::kLastReply : Ask::kAwaitDeath);
    if (got.remote_is == kFieldDead) {
      EXPECT_EQ(reply.at(2), 0U) << "no notification";
    } else {
      EXPECT_EQ(reply.at(0), MACH_PORT_TYPE_DEAD_NAME);
      EXPECT_EQ(reply.at(1), 2U) << "DN(2)";
      EXPECT_EQ(reply.at(2), 1U) << "exactly one notification";
    }
  }
}

using A28 = Remote;
TEST_F(A28, ADeathThatHappenedBeforeASendIsKnownBeforeItsMessage) {
  const int rounds = scaled(300);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    RightsScene scene(server(), "S1");
    const mach_port_t q = new_port();
    ASSERT_EQ(
        send_message({.remote = scene.x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce}),
        MACH_MSG_SUCCESS);
    ASSERT_EQ(server().receive(kPatienceMs, true).remote_is, kFieldOther);
    mach_port_destroy(mach_task_self(), q);
    // The question itself is the second message: when it has arrived, the death must have.
    const auto reply = server().ask(Ask::kLastReply);
    EXPECT_EQ(reply.at(0), MACH_PORT_TYPE_DEAD_NAME);
    EXPECT_EQ(reply.at(1), 2U);
    EXPECT_EQ(reply.at(2), 1U);
  }
}

// A full queue on b: the sender here finds out at once, and b never sees the message (04 §9 H9).
using A32 = Remote;
TEST_F(A32, AFullQueueIsFullHereToo) {
  RightsScene scene(server(), "S1");
  for (int id = 0; id < 5; ++id) {
    ASSERT_EQ(send_message({.remote = scene.x, .remote_type = kCopySend, .id = id}), MACH_MSG_SUCCESS);
  }
  EXPECT_EQ(send_message({.remote = scene.x, .remote_type = kCopySend, .id = 5}), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(state_of(scene.x), "S2") << "given back with one reference more";
  for (std::uint32_t id = 0; id < 5; ++id) EXPECT_EQ(scene.receive(kPatienceMs).id, id);
  EXPECT_EQ(scene.receive(0).code, static_cast<std::uint32_t>(MACH_RCV_TIMED_OUT));
}

// A task on b is asked through its port as one here would be (05 §§1, 5 and 8): the library makes the same call.
using RemoteTask = Remote;
TEST_F(RemoteTask, GetsAndGivesRightsThroughItsPort) {
  constexpr mach_port_t kChosen = 0x00B00000;
  const mach_port_t task = server().task_port();
  const mach_port_t own = new_port();
  mach_port_type_t type = 0;
  EXPECT_EQ(mach_port_insert_right(task, kChosen, own, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  EXPECT_EQ(mach_port_type(task, kChosen, &type), KERN_SUCCESS);
  EXPECT_EQ(type, MACH_PORT_TYPE_SEND);
  EXPECT_EQ(mach_port_allocate_name(task, MACH_PORT_RIGHT_RECEIVE, kChosen), KERN_NAME_EXISTS);
  EXPECT_EQ(mach_port_insert_right(task, kChosen, own, MACH_MSG_TYPE_MAKE_SEND_ONCE), KERN_NAME_EXISTS);
  EXPECT_EQ(receive_message(own, kPatienceMs).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
  mach_port_t back = MACH_PORT_NULL;
  mach_msg_type_name_t kind = 0;
  EXPECT_EQ(mach_port_extract_right(task, kChosen, MACH_MSG_TYPE_MOVE_SEND, &back, &kind), KERN_SUCCESS);
  EXPECT_EQ(back, own);
  EXPECT_EQ(state_of(own), "R+S1");
  EXPECT_EQ(mach_port_type(task, kChosen, &type), KERN_INVALID_NAME);
  mach_port_destroy(mach_task_self(), own);
  mach_port_destroy(mach_task_self(), task);
}

// No-senders waits for the message on the wire, and then comes exactly once (04 §9 H4).
using A34 = Remote;
TEST_F(A34, NoSendersFiresOnceWhenTheLastRightAnywhereIsGone) {
  const mach_port_t own = new_port();
  const mach_port_t notify = new_port();
  RightsScene scene(server(), "S1");
  mach_port_t previous;
  ASSERT_EQ(mach_port_insert_right(mach_task_self(), own, own, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  ASSERT_EQ(mach_port_request_notification(mach_task_self(), own, MACH_NOTIFY_NO_SENDERS, 0, notify,
                                           MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
            KERN_SUCCESS);
  ASSERT_EQ(
      send_message({.remote = scene.x, .remote_type = kCopySend, .local = own, .local_type = kMoveSend}),
      MACH_MSG_SUCCESS);
  ASSERT_EQ(scene.receive(kPatienceMs).remote_is, kFieldOther);
  EXPECT_EQ(receive_message(notify).code, MACH_RCV_TIMED_OUT) << "b holds a right";
  server().process().stop(SIGKILL);  // b's task dies, and its right with it
  const ReceivedMessage told = receive_message(notify, kPatienceMs);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(told.values.at(0), 1U);
  EXPECT_EQ(receive_message(notify).code, MACH_RCV_TIMED_OUT);
}

}  // namespace
}  // namespace netmsg::test
