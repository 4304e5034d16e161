// SPDX-License-Identifier: Apache-2.0
// Spec 06 §6 and 01 §10 step 2: a receive right goes to its backup instead of dying.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <cstring>
#include <functional>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr Name kUnused = 4711;

class PortDestroyed : public testing::Test {
 protected:
  World world;
  Task& keeper = world.task("keeper");
  Task& owner = world.task("owner");
  Name backup = keeper.port();
  Name p = owner.port();

  // The backup of `name` is the keeper's port.
  void protect(Task& task, Name name) {
    const Name once = keeper.give_send_once(task, backup);
    ASSERT_EQ(calls::request_notification(task.space(), task.space(), name, MACH_NOTIFY_PORT_DESTROYED, 0,
                                          once, kMoveOnce)
                  .code(),
              KERN_SUCCESS);
  }
  void protect() { protect(owner, p); }
  // The receive right in the notification that waits at the backup; its name for the keeper.
  Name rescued() {
    const Received got = keeper.receive(backup);
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
    return got.values.empty() ? MACH_PORT_NULL : got.values[0];
  }
  kern_return_t request(Task& task, Name name, Name notify, unsigned sync = 0) {
    return task.request(name, MACH_NOTIFY_PORT_DESTROYED, notify, sync);
  }
};

// 06.1
TEST_F(PortDestroyed, ByteForByte) {
  protect();
  owner.destroy(p);
  const Received got = keeper.receive(backup);
  const auto word = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, got.bytes.data() + at, sizeof value);
    return value;
  };
  ASSERT_EQ(got.bytes.size(), 48U);
  EXPECT_EQ(got.header.msgh_bits, 0x80001200U);
  EXPECT_EQ(got.header.msgh_size, 48U);
  EXPECT_EQ(got.header.msgh_id, 69);
  EXPECT_EQ(word(32), 0x0000000120004010ULL);
  EXPECT_EQ(keeper.state(static_cast<Name>(word(40))), "R") << "and no upper half";
}

// 06.8: by each way to lose the right.
TEST_F(PortDestroyed, EachWayToLoseTheRight) {
  const std::function<void()> ways[] = {
      [&] { owner.mod_refs(p, MACH_PORT_RIGHT_RECEIVE, -1); },
      [&] { owner.destroy(p); },
      [&] {  // inside a message that is destroyed
        const Name grave = owner.port();
        owner.send({.remote = grave, .remote_type = kMakeSend, .items = {rights(kMoveReceive, {p})}});
        owner.destroy(grave);
      },
      [&] { owner.die(); },
  };
  for (const auto& lose : ways) {
    p = owner.port();
    protect();
    EXPECT_TRUE(owner.status(p).mps_pdrequest);
    lose();
    const Name kept = rescued();
    EXPECT_EQ(keeper.state(kept), "R");
    EXPECT_FALSE(keeper.status(kept).mps_pdrequest) << "used up";
  }
}

// 06.8: the port lives on, with all but the counts of the receive right.
TEST_F(PortDestroyed, ThePortKeepsItsQueueAndItsRights) {
  Task& client = world.task("client");
  const Name x = owner.give_send(client, p);
  const Name log = owner.port();
  ASSERT_EQ(owner.request(p, MACH_NOTIFY_NO_SENDERS, log), KERN_SUCCESS);
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, client.port()), KERN_SUCCESS);
  owner.set_qlimit(p, 2);
  for (int id = 1; id <= 2; ++id) client.send({.remote = x, .remote_type = kCopySend, .id = id});
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = x, .remote_type = kCopySend, .id = 3}.encode();
  const auto blocked = client.begin(args);
  protect();
  owner.mod_refs(p, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_TRUE(client.has_request(x));
  EXPECT_FALSE(client.result(blocked).has_value()) << "a move wakes no sender";
  const Name kept = rescued();
  const mach_port_status_t status = keeper.status(kept);
  EXPECT_EQ(status.mps_mscount + status.mps_seqno, 0U);
  EXPECT_EQ(status.mps_qlimit, 2U);
  EXPECT_TRUE(status.mps_srights && status.mps_nsrequest);
  for (int id = 1; id <= 3; ++id) EXPECT_EQ(keeper.receive(kept).header.msgh_id, id);
  EXPECT_EQ(client.result(blocked).value().code, MACH_MSG_SUCCESS);
  client.deallocate(x);
  EXPECT_EQ(owner.receive(log).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
}

// 06.8
TEST_F(PortDestroyed, TheSecondTimeItDies) {
  Task& client = world.task("client");
  const Name x = owner.give_send(client, p);
  protect();
  owner.destroy(p);
  keeper.destroy(rescued());
  EXPECT_EQ(client.state(x), "DN1");
}

TEST_F(PortDestroyed, AReceiverThatWaitedIsToldAndAMemberLeavesItsSet) {
  const auto waiting = owner.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = p});
  protect();
  owner.destroy(p);
  EXPECT_EQ(owner.result(waiting).value().code, MACH_RCV_PORT_DIED);
  const Name set = keeper.port_set();
  const Name member = rescued();
  ASSERT_EQ(keeper.move_member(member, set), KERN_SUCCESS);
  protect(keeper, member);
  keeper.mod_refs(member, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(keeper.status(rescued()).mps_pset, MACH_PORT_NULL);
}

// 01 §11: the send rights of the space stay what they are.
TEST_F(PortDestroyed, TheSendRightsBesideTheReceiveRightStay) {
  owner.make_send(p);
  owner.make_send(p);
  ASSERT_EQ(owner.request(p, MACH_NOTIFY_DEAD_NAME, owner.port()), KERN_SUCCESS);
  protect();
  owner.mod_refs(p, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(owner.state(p), "S2");
  EXPECT_TRUE(owner.has_request(p));
  const Name kept = rescued();
  ASSERT_EQ(keeper.request(kept, MACH_NOTIFY_NO_SENDERS, backup), KERN_SUCCESS);
  owner.destroy(p);
  EXPECT_EQ(keeper.receive(backup).header.msgh_id, MACH_NOTIFY_NO_SENDERS) << "none is left over";
}

// 01 §11: destroyed as a whole, the last send right goes with the count from before.
TEST_F(PortDestroyed, DestroyOfBothTellsNoSendersAfterwards) {
  owner.make_send(p);
  ASSERT_EQ(calls::request_notification(owner.space(), owner.space(), p, MACH_NOTIFY_NO_SENDERS, 0,
                                        keeper.give_send_once(owner, backup), kMoveOnce)
                .code(),
            KERN_SUCCESS);
  protect();
  owner.destroy(p);
  EXPECT_EQ(keeper.state(rescued()), "R");
  const Received got = keeper.receive(backup);
  EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(got.values.at(0), 1U);
}

// 06 §6: the right joins the name that the receiver has for the port.
TEST_F(PortDestroyed, TheBackupsHolderGetsItUnderItsName) {
  const Name x = owner.give_send(keeper, p);
  protect();
  owner.destroy(p);
  EXPECT_EQ(rescued(), x);
  EXPECT_EQ(keeper.state(x), "R+S1");
}

TEST_F(PortDestroyed, AMoveIsNoDestructionAndTheRequestMovesAlong) {
  protect();
  Task& next = world.task("next");
  const Name there = calls::extract_right(next.space(), owner.space(), p, kMoveReceive).value().first;
  EXPECT_EQ(keeper.receive(backup).code, MACH_RCV_TIMED_OUT);
  EXPECT_TRUE(next.status(there).mps_pdrequest);
  next.die();
  EXPECT_EQ(keeper.state(rescued()), "R");
}

// 06.9
TEST_F(PortDestroyed, ADeadBackupSavesNothing) {
  Task& client = world.task("client");
  const Name x = owner.give_send(client, p);
  protect();
  keeper.destroy(backup);
  owner.destroy(p);
  EXPECT_EQ(client.state(x), "DN1");
}

// 06.9: the backup is the port itself, or on its way to it. Its right is released without a word.
TEST_F(PortDestroyed, ABackupInACircleSavesNothing) {
  const Name own = owner.port_with_sends(1);
  ASSERT_EQ(request(owner, own, own), KERN_SUCCESS);
  owner.mod_refs(own, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(owner.state(own), "DN1");

  // The backup's receive right waits in the port's queue, and somebody asked to hear of senders of the backup.
  Task& client = world.task("client");
  const Name x = owner.give_send(client, p);
  const Name to_backup = keeper.give_send(client, backup);
  protect();
  const Name carried =
      calls::extract_right(client.space(), keeper.space(), backup, kMoveReceive).value().first;
  ASSERT_EQ(carried, to_backup);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMoveReceive, {carried})}}),
            MACH_MSG_SUCCESS);
  owner.destroy(p);
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_EQ(client.state(to_backup), "DN1") << "it was in the queue";
}

// 01 §12: the backup that is passed over survives here, as it has one of its own. Nothing was sent to it.
TEST_F(PortDestroyed, ABackupInACircleHearsNothing) {
  const Name inner = owner.port();
  ASSERT_EQ(request(owner, p, inner), KERN_SUCCESS);
  protect(owner, inner);
  ASSERT_EQ(owner.send({.remote = p, .remote_type = kMakeSend, .items = {rights(kMoveReceive, {inner})}}),
            MACH_MSG_SUCCESS);
  owner.destroy(p);
  const Name kept = rescued();
  EXPECT_EQ(keeper.receive(kept).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(keeper.status(kept).mps_sorights, 0U);
}

// 06 §6
TEST(PortDestroyedWithoutRoom, ThePortDies) {
  World world(ipc::Limits{.names_per_space = 3});
  Task& keeper = world.task("keeper");
  Task& owner = world.task("owner");
  Task& client = world.task("client");
  const Name backup = keeper.port();
  const Name p = owner.port();
  const Name x = owner.give_send(client, p);
  const Name once = keeper.give_send_once(owner, backup);
  ASSERT_TRUE(calls::request_notification(owner.space(), owner.space(), p, MACH_NOTIFY_PORT_DESTROYED, 0,
                                          once, kMoveOnce)
                  .ok());
  owner.destroy(p);
  keeper.dead_name(1);
  const Received got = keeper.receive(backup);
  EXPECT_EQ(got.code, static_cast<mach_msg_return_t>(MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE));
  EXPECT_EQ(got.values.at(0), MACH_PORT_NULL);
  EXPECT_EQ(client.state(x), "DN1");
}

// 05.9
TEST_F(PortDestroyed, TheRequestSaysWhyNot) {
  Task& other = world.task("other");
  const Name s = other.give_send(owner, other.port());
  const Name notify = owner.port();
  EXPECT_EQ(request(owner, kUnused, notify, 1), KERN_INVALID_VALUE) << "before the name";
  EXPECT_EQ(request(owner, kUnused, notify), KERN_INVALID_NAME);
  for (const Name name : {s, owner.dead_name(1), owner.port_set(), owner.give_send_once(owner, p)}) {
    EXPECT_EQ(request(owner, name, notify), KERN_INVALID_RIGHT);
  }
  EXPECT_EQ(owner.drain(notify, MACH_NOTIFY_SEND_ONCE), 6U) << "one for each right that failed with its call";
}

// 05.9
TEST_F(PortDestroyed, TheRequestGivesBackTheOneBefore) {
  const auto ask = [&](Name notify) {
    return calls::request_notification(owner.space(), owner.space(), p, MACH_NOTIFY_PORT_DESTROYED, 0, notify,
                                       kMakeOnce)
        .value();
  };
  const Name notify = owner.port();
  EXPECT_EQ(ask(notify), MACH_PORT_NULL);
  EXPECT_EQ(owner.state(ask(notify)), "SO");
  EXPECT_EQ(owner.state(ask(MACH_PORT_NULL)), "SO");
  EXPECT_FALSE(owner.status(p).mps_pdrequest);
  EXPECT_EQ(ask(MACH_PORT_NULL), MACH_PORT_NULL);
  world.check();
}

}  // namespace
}  // namespace netmsg::test
