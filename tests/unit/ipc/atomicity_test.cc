// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §8 against the engine, named after the cases. A5 is in same_name_test.cc. The
// races of A7-A11 are orders of events here; tests/system runs them with real threads.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

class Atomicity : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name notify = client.port();

  Outgoing both(unsigned destination, unsigned reply) const {
    return {.remote = x, .remote_type = destination, .local = x, .local_type = reply};
  }
};

using A1 = Atomicity;
TEST_F(A1, CopyThenMoveSucceedsMoveThenCopyFailsAndAllIsGone) {
  const Name d = server.give_send(client, server.port());
  EXPECT_EQ(
      client.send(
          {.remote = d, .remote_type = kCopySend, .items = {rights(kCopySend, {x}), rights(kMoveSend, {x})}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");

  const Name y = server.give_send(client, server.port());
  EXPECT_EQ(client.send({.remote = d,
                         .remote_type = kMoveSend,
                         .local = notify,
                         .local_type = kMakeOnce,
                         .items = {rights(kMoveSend, {y}), rights(kCopySend, {y})}}),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client.state(y), "free");
  EXPECT_EQ(client.state(d), "free");
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_SEND_ONCE), 1U) << "the reply right was destroyed";
}

TEST_F(A1, TheHeaderIsDoneBeforeTheBody) {
  EXPECT_EQ(client.send({.remote = x, .remote_type = kMoveSend, .items = {rights(kCopySend, {x})}}),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client.state(x), "free");
}

void expect_both_rights(Task& server, Name r) {
  const unsigned mscount = server.status(r).mps_mscount;
  const Received got = server.receive(r);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_bits, 0x1111U);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(got.header.msgh_remote_port, r);
  EXPECT_EQ(server.state(r), "R+S1");
  EXPECT_EQ(server.status(r).mps_mscount, mscount);
}

using A2 = Atomicity;
TEST_F(A2, MoveAsDestinationAndCopyAsReplyOfOneRight) {
  EXPECT_EQ(client.send(both(kMoveSend, kCopySend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  expect_both_rights(server, r);
}

TEST_F(A2, WithTwoReferencesOneStays) {
  server.give_send(client, r);
  EXPECT_EQ(client.send(both(kMoveSend, kCopySend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "S1");
  expect_both_rights(server, r);
}

using A3 = Atomicity;
TEST_F(A3, CopyAsDestinationAndMoveAsReplyOfOneRight) {
  EXPECT_EQ(client.send(both(kCopySend, kMoveSend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  expect_both_rights(server, r);
}

using A4 = Atomicity;
TEST_F(A4, MovingTheOnlyReferenceTwiceFailsAndChangesNothing) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  const std::uint64_t digest = world.engine.digest();
  EXPECT_EQ(client.send(both(kMoveSend, kMoveSend)), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(world.engine.digest(), digest);
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_TRUE(client.has_request(x));
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A4, WithTwoReferencesItSucceeds) {
  server.give_send(client, r);
  EXPECT_EQ(client.send(both(kMoveSend, kMoveSend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
}

using A6 = Atomicity;
TEST_F(A6, ABadReplyLeavesTheDestinationAlone) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  EXPECT_EQ(client.send({.remote = x, .remote_type = kMoveSend, .local = 777, .local_type = kCopySend}),
            MACH_SEND_INVALID_REPLY);
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A6, AlsoASendOnceDestination) {
  const Name once = server.give_send_once(client, r);
  ASSERT_EQ(client.request(once, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .local = 777, .local_type = kCopySend}),
            MACH_SEND_INVALID_REPLY);
  EXPECT_EQ(client.state(once), "SO");
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A6, AlsoAMadeRight) {
  const Name own = client.port();
  EXPECT_EQ(client.send({.remote = own, .remote_type = kMakeSend, .local = 777, .local_type = kCopySend}),
            MACH_SEND_INVALID_REPLY);
  EXPECT_EQ(client.status(own).mps_mscount, 0U);
  EXPECT_FALSE(client.status(own).mps_srights);
}

// Two send-once rights with requests; the ports die before or after the send.
class A7 : public Atomicity {
 protected:
  Name dest_port = server.port();
  Name reply_port = server.port();
  Name d = server.give_send_once(client, dest_port);
  Name q = server.give_send_once(client, reply_port);

  void SetUp() override {
    ASSERT_EQ(client.request(d, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
    ASSERT_EQ(client.request(q, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  }
  mach_msg_return_t send() {
    return client.send({.remote = d, .remote_type = kMoveOnce, .local = q, .local_type = kMoveOnce});
  }
  // The next notification: its id and the name in it.
  std::pair<mach_msg_id_t, Name> next() {
    const Received got = client.receive(notify);
    if (got.code != MACH_MSG_SUCCESS) return {0, 0};
    return {got.header.msgh_id, got.values.at(0)};
  }
};

using Told = std::pair<mach_msg_id_t, Name>;

TEST_F(A7, SentBeforeBothDie) {
  EXPECT_EQ(send(), MACH_MSG_SUCCESS);
  server.destroy(dest_port);
  server.destroy(reply_port);
  EXPECT_EQ(next(), Told(MACH_NOTIFY_PORT_DELETED, d)) << "the destination's first";
  EXPECT_EQ(next(), Told(MACH_NOTIFY_PORT_DELETED, q));
  EXPECT_EQ(next(), Told(0, 0));
}

TEST_F(A7, DestinationDiesFirst) {
  server.destroy(dest_port);
  EXPECT_EQ(send(), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(client.state(q), "SO") << "the reply right was not taken";
  EXPECT_EQ(next(), Told(MACH_NOTIFY_DEAD_NAME, d));
  EXPECT_EQ(next(), Told(0, 0));
  server.destroy(reply_port);
  EXPECT_EQ(next(), Told(MACH_NOTIFY_DEAD_NAME, q));
}

TEST_F(A7, ReplyDiesFirstThenTheSendCarriesDead) {
  server.destroy(reply_port);
  EXPECT_EQ(send(), MACH_MSG_SUCCESS);
  EXPECT_EQ(next(), Told(MACH_NOTIFY_DEAD_NAME, q));
  EXPECT_EQ(next(), Told(MACH_NOTIFY_PORT_DELETED, d));
  EXPECT_EQ(server.receive(dest_port).header.msgh_remote_port, MACH_PORT_DEAD);
}

// A message to r in its queue, the reply field a send right for r itself.
class A8 : public Atomicity {
 protected:
  void SetUp() override { ASSERT_EQ(client.send(both(kCopySend, kCopySend)), MACH_MSG_SUCCESS); }
};

TEST_F(A8, DeallocatedFirst) {
  EXPECT_EQ(server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_INVALID_NAME);
  EXPECT_EQ(client.state(x), "DN1");
}

// 03.16
TEST_F(A8, AReceiveInProgressIsToldThatThePortDied) {
  server.receive(r);  // empties the queue
  const auto waiting = server.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = r});
  EXPECT_FALSE(server.result(waiting).has_value());
  server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1);
  const auto ended = server.result(waiting);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, MACH_RCV_PORT_DIED);
}

TEST_F(A8, ReceivedFirst) {
  const Received got = server.receive(r);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(got.header.msgh_remote_port, r);
  server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(server.state(r), "DN1");
}

using A9 = A8;
TEST_F(A9, DestroyedAfterTheReceiveTheNameDenotesNothing) {
  server.receive(r);
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  EXPECT_EQ(server.state(r), "free");
}

TEST_F(A9, DestroyedFirst) {
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_INVALID_NAME);
}

// A request to the server with a send-once reply right for Q of the client.
class A10 : public Atomicity {
 protected:
  Name q = client.port();
  Name requests = server.port();

  void SetUp() override {
    ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce}),
              MACH_MSG_SUCCESS);
  }
};

TEST_F(A10, ReplyPortDiesBeforeTheReceive) {
  client.destroy(q);
  EXPECT_EQ(server.receive(r, MACH_RCV_NOTIFY, requests).header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(server.receive(requests).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A10, ReplyPortDiesAfterTheReceive) {
  const Name reply = server.receive(r, MACH_RCV_NOTIFY, requests).header.msgh_remote_port;
  EXPECT_TRUE(server.has_request(reply));
  client.destroy(q);
  EXPECT_EQ(server.state(reply), "DN2");
  const Received told = server.receive(requests);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(told.values.at(0), reply);
  EXPECT_EQ(server.receive(requests).code, MACH_RCV_TIMED_OUT);
}

using A11 = A10;
TEST_F(A11, WithoutNotifyTheNameJustDies) {
  const Name reply = server.receive(r).header.msgh_remote_port;
  client.destroy(q);
  EXPECT_EQ(server.state(reply), "DN1");
}

using A12 = Atomicity;
TEST_F(A12, AnExistingNameGetsNoRequest) {
  const Name q = client.port();
  const Name known = client.give_send(server, q);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = q, .local_type = kMakeSend}),
            MACH_MSG_SUCCESS);
  const Name requests = server.port();
  EXPECT_EQ(server.receive(r, MACH_RCV_NOTIFY, requests).header.msgh_remote_port, known);
  EXPECT_EQ(server.state(known), "S2");
  EXPECT_FALSE(server.has_request(known));
}

using A13 = Atomicity;
TEST_F(A13, ABadNotifyIsFoundEvenWithoutAReplyPort) {
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .id = 7}), MACH_MSG_SUCCESS);
  const Received got = server.receive(r, MACH_RCV_NOTIFY, 0);
  EXPECT_EQ(got.code, MACH_RCV_INVALID_NOTIFY);
  EXPECT_EQ(got.bytes.size(), sizeof(mach_msg_header_t));
  EXPECT_EQ(got.header.msgh_id, 7);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT) << "the message is gone";
}

// 03.20
TEST(A14, NoRoomForTheReplyRightRefusesTheWholeHeader) {
  World world(ipc::Limits{.names_per_space = 4});
  Task& server = world.task("server");
  const Name r = server.port();
  Task& client = world.task("client");
  const Name x = server.give_send(client, r);
  const Name q = client.port();
  server.dead_name(1);
  server.dead_name(1);  // the space is full: task port, r and two dead names
  ASSERT_EQ(client.send({.remote = x, .remote_type = kMoveSend, .local = q, .local_type = kMakeOnce}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_EQ(got.code, MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_NULL);
  EXPECT_EQ(server.state(r), "R");
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST(A14, ASendRightThatMergesNeedsNoRoom) {
  World world(ipc::Limits{.names_per_space = 3});
  Task& server = world.task("server");
  const Name r = server.port();
  Task& client = world.task("client");
  const Name x = server.give_send(client, r);
  server.dead_name(1);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kMoveSend, .local = x, .local_type = kCopySend}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  EXPECT_EQ(server.state(r), "R+S1");
}

using A16 = Atomicity;
// 04.6
TEST_F(A16, TheReceiveRightMovedAwayWithTheMessageInItsQueueIsServedByTheNewOwner) {
  const Name once = server.give_send_once(client, r);
  ASSERT_EQ(client.send({.remote = once, .remote_type = kMoveOnce}), MACH_MSG_SUCCESS);
  Task& other = world.task("other");
  const Name mailbox = other.port();
  const Name to_other = other.give_send(server, mailbox);
  ASSERT_EQ(
      server.send(
          {.remote = to_other, .remote_type = kCopySend, .items = {rights(MACH_MSG_TYPE_MOVE_RECEIVE, {r})}}),
      MACH_MSG_SUCCESS);
  const Name moved = other.receive(mailbox).values.at(0);
  const Received got = other.receive(moved);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_local_port, moved);
  EXPECT_EQ(got.header.msgh_seqno, 0U);
}

class A17 : public Atomicity {
 protected:
  Name once = server.give_send_once(client, r);
  Name other_notify = client.port();
  void SetUp() override { ASSERT_EQ(client.request(once, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS); }
};

// 03.11
TEST_F(A17, CancelDropsTheRequestOnTheDestinationSilently) {
  ASSERT_EQ(client.status(notify).mps_sorights, 1U);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce}, MACH_SEND_CANCEL, notify),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.status(notify).mps_sorights, 0U);
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
}

// 03.11
TEST_F(A17, AnotherNotifyPortCancelsNothing) {
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce}, MACH_SEND_CANCEL, other_notify),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_PORT_DELETED), 1U);
}

TEST(A18, MoveAsDestinationAndMakeAsReply) {
  World world;
  Task& task = world.task();
  const Name own = task.port_with_sends(1);
  EXPECT_EQ(task.send({.remote = own, .remote_type = kMoveSend, .local = own, .local_type = kMakeSend}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(task.state(own), "R");
  EXPECT_EQ(task.status(own).mps_mscount, 2U);
}

}  // namespace
}  // namespace netmsg::test
