// SPDX-License-Identifier: Apache-2.0
// Spec 04 §5-§7 and 03 §5, §11, §12: what a receiver, or a sender whose message comes back, finds in its
// space and buffer.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

class Copyout : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();

  mach_msg_return_t send_body(std::initializer_list<Item> items) {
    return client.send({.remote = x, .remote_type = kCopySend, .items = items});
  }
  Name received_right(std::initializer_list<Item> items) {
    EXPECT_EQ(send_body(items), MACH_MSG_SUCCESS);
    return server.receive(r).values.at(0);
  }
};

// 01.2
TEST_F(Copyout, ASendRightReceivedThreeTimesIsOneName) {
  const Name first = received_right({rights(kMakeSend, {q})});
  EXPECT_EQ(received_right({rights(kMakeSend, {q})}), first);
  EXPECT_EQ(received_right({rights(kMakeSend, {q})}), first);
  EXPECT_EQ(server.state(first), "S3");
}

// 01.2
TEST_F(Copyout, SendOnceRightsAreAlwaysNewNames) {
  const Name first = received_right({rights(kMakeOnce, {q})});
  const Name second = received_right({rights(kMakeOnce, {q})});
  EXPECT_NE(first, second);
  EXPECT_EQ(server.state(first), "SO");
  EXPECT_EQ(server.state(second), "SO");
}

// 01.4
TEST_F(Copyout, TheHolderOfTheReceiveRightGetsItsOwnName) {
  EXPECT_EQ(received_right({rights(kCopySend, {x})}), r);
  EXPECT_EQ(server.state(r), "R+S1");
}

// 01.3
TEST_F(Copyout, ASendOnceRightOfTheReceiversOwnPortHasANameOfItsOwn) {
  const Name once =
      received_right({rights(MACH_MSG_TYPE_MOVE_SEND_ONCE, {server.give_send_once(client, r)})});
  EXPECT_NE(once, r);
  EXPECT_EQ(server.state(once), "SO");
  EXPECT_EQ(server.state(r), "R");
}

// 04.5
TEST_F(Copyout, AReceiveRightJoinsTheSendRightsForIt) {
  const Name known = client.give_send(server, q);
  EXPECT_EQ(received_right({rights(kMoveReceive, {q})}), known);
  EXPECT_EQ(server.state(known), "R+S1");
  EXPECT_EQ(client.state(q), "free");
}

// 04.5
TEST_F(Copyout, AReceiveRightWithoutSendRightsGetsANewName) {
  EXPECT_EQ(server.state(received_right({rights(kMoveReceive, {q})})), "R");
}

// 01.5, 04.5
TEST_F(Copyout, ReferencesStayAtTheirMaximum) {
  const Name known = client.give_send(server, q);
  ASSERT_EQ(server.mod_refs(known, MACH_PORT_RIGHT_SEND, 65533), KERN_SUCCESS);
  EXPECT_EQ(received_right({rights(kMakeSend, {q})}), known);
  EXPECT_EQ(server.state(known), "S65534");
  const Name notify = client.port();
  ASSERT_EQ(client.request(q, MACH_NOTIFY_NO_SENDERS, notify, 100), KERN_SUCCESS);
  EXPECT_EQ(server.mod_refs(known, MACH_PORT_RIGHT_SEND, -65534), KERN_SUCCESS);
  EXPECT_FALSE(client.status(q).mps_srights);
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
}

// 04.5
TEST_F(Copyout, ADeadPortIsDeadWithItsTypeUnchanged) {
  ASSERT_EQ(send_body({rights(kMakeOnce, {q})}), MACH_MSG_SUCCESS);
  client.destroy(q);
  const Received got = server.receive(r);
  EXPECT_EQ(got.values.at(0), MACH_PORT_DEAD);
  EXPECT_EQ(static_cast<unsigned>(got.bytes[32]), static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND_ONCE));
}

// 02.3, 02.4
TEST_F(Copyout, UpperHalvesArriveAsZero) {
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .local = q,
                         .local_type = kMakeOnce,
                         .items = {rights(kMakeSend, {q})}}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  for (const std::size_t at : {12U, 13U, 14U, 15U, 20U, 21U, 22U, 23U, 44U, 45U, 46U, 47U}) {
    EXPECT_EQ(got.bytes.at(at), std::byte{0}) << at;
  }
  EXPECT_EQ(got.header.msgh_size, got.bytes.size());
}

TEST_F(Copyout, APayloadIsDeliveredInsteadOfTheName) {
  const Name other = client.give_send(server, q);
  ASSERT_EQ(ipc::mach_port::set_protected_payload(client.space(), q, 0x1122334455667788), KERN_SUCCESS);
  ASSERT_EQ(server.send({.remote = other, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
  const Received got = client.receive(q);
  EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits), MACH_MSG_TYPE_PROTECTED_PAYLOAD);
  EXPECT_EQ(got.header.msgh_protected_payload, 0x1122334455667788U);
}

// ---------------------------------------------------------------- header returned, message destroyed (03
// §12)

// 03.13
TEST_F(Copyout, TooLargeWithoutRcvLargeDestroysTheMessage) {
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .local = q,
                         .local_type = kMakeOnce,
                         .id = 5,
                         .items = {numbers({1, 2, 3})}}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r, 0, 0, 40);
  EXPECT_EQ(got.code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(got.bytes.size(), 32U);
  EXPECT_EQ(got.header.msgh_size, 56U);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_NULL);
  EXPECT_EQ(MACH_MSGH_BITS_PORTS(got.header.msgh_bits), 0x1112U);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.status(r).mps_seqno, 1U) << "a number was used up";
}

// 04.6, A16: the receive right moves away after the message was handed to a receiver and before that one has run.
TEST_F(Copyout, ASendOnceRightForAPortThatMovedMeanwhileIsAnsweredThere) {
  Task& other = world.task("other");
  const Name once = server.give_send_once(client, r);
  const ipc::OpToken waiting = server.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = r});
  Name there = MACH_PORT_NULL;
  {
    const ipc::Event together(world.engine);
    ipc::MsgArgs args{.option = MACH_SEND_MSG};
    args.message = Outgoing{.remote = once, .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE, .id = 5}.encode();
    world.engine.mach_msg(client.space(), 1'000'000, std::move(args));
    there = ipc::mach_port::extract_right(other.space(), server.space(), r, kMoveReceive).value().first;
  }
  world.check();
  const ipc::MsgResult received = server.result(waiting).value();
  EXPECT_EQ(received.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(header_of(received.bytes).msgh_local_port, MACH_PORT_NULL);
  EXPECT_EQ(other.receive(there).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
}

// 03 §12: the destination goes before the reply, each with its notification.
TEST_F(Copyout, AReturnedHeaderCostsTheDestinationFirst) {
  const Name log = client.port();
  ASSERT_TRUE(ipc::mach_port::request_notification(server.space(), server.space(), r, MACH_NOTIFY_NO_SENDERS,
                                                   0, client.give_send_once(server, log),
                                                   MACH_MSG_TYPE_MOVE_SEND_ONCE)
                  .ok());
  client.send({.remote = x, .remote_type = kMoveSend, .local = log, .local_type = kMakeOnce});
  EXPECT_EQ(server.receive(r, 0, 0, 8).code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(client.receive(log).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(client.receive(log).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
}

// 03.21
TEST_F(Copyout, NothingIsWrittenPastTheBuffer) {
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
  const Received got = server.receive(r, 0, 0, 8);
  EXPECT_EQ(got.code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(got.bytes.size(), 8U);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT) << "the message is gone";
}

// 03.12, 03.21
TEST_F(Copyout, RcvLargeLeavesTheMessageAndTellsItsSize) {
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {numbers({1})}}), MACH_MSG_SUCCESS);
  for (int i = 0; i < 2; ++i) {
    ipc::MsgResult got = server.call(
        {.option = MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_TIMEOUT, .rcv_size = 40, .rcv_name = r});
    EXPECT_EQ(got.code, MACH_RCV_TOO_LARGE);
    EXPECT_EQ(got.offset, 4U);
    ASSERT_EQ(got.bytes.size(), 4U);
    EXPECT_EQ(static_cast<unsigned>(got.bytes[0]), 48U);
  }
  for (const unsigned size : {4U, 0U}) {
    const Received got = server.receive(r, MACH_RCV_LARGE, 0, size);
    EXPECT_EQ(got.code, MACH_RCV_TOO_LARGE);
    EXPECT_EQ(got.bytes.size(), 0U) << "no room for the size";
  }
  EXPECT_EQ(server.receive(r, MACH_RCV_LARGE).header.msgh_seqno, 0U);
}

// ---------------------------------------------------------------- pseudo-receive (03 §5)

class PseudoReceive : public Copyout {
 protected:
  void SetUp() override { ASSERT_EQ(server.set_qlimit(r, 0), KERN_SUCCESS); }
};

// 03.5
TEST_F(PseudoReceive, CopyAndMakeOnceComeBackAsMoves) {
  const ipc::MsgResult back = client.send_for_result(
      {.remote = x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce, .id = 9});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  const mach_msg_header_t header = header_of(back.bytes);
  EXPECT_EQ(MACH_MSGH_BITS_PORTS(header.msgh_bits), MACH_MSGH_BITS(17U, 18U));
  EXPECT_EQ(header.msgh_remote_port, x);
  EXPECT_EQ(client.state(x), "S2") << "one more than before";
  EXPECT_EQ(client.state(header.msgh_local_port), "SO");
  EXPECT_EQ(header.msgh_id, 9);
  EXPECT_EQ(header.msgh_size, 32U);
  EXPECT_EQ(header.msgh_seqno, 0xA5A5A5A5U) << "as it was";
  for (const std::size_t at : {12U, 13U, 14U, 15U, 20U, 21U, 22U, 23U})
    EXPECT_EQ(back.bytes.at(at), std::byte{0}) << at;

  server.set_qlimit(r, 1);
  EXPECT_EQ(client.send({.remote = x,
                         .remote_type = kMoveSend,
                         .local = header.msgh_local_port,
                         .local_type = MACH_MSG_TYPE_MOVE_SEND_ONCE}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "S1");
}

// 03.6
TEST_F(PseudoReceive, AReceiveRightComesBackWithItsQueueAndNewCounts) {
  ASSERT_EQ(client.send({.remote = q, .remote_type = kMakeSend, .id = 33}), MACH_MSG_SUCCESS);
  const ipc::MsgResult back =
      client.send_for_result({.remote = x, .remote_type = kCopySend, .items = {rights(kMoveReceive, {q})}});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  const Name again = values_of(back.bytes).at(0);
  EXPECT_EQ(client.state(again), "R");
  EXPECT_EQ(client.status(again).mps_mscount, 0U);
  EXPECT_EQ(client.receive(again).header.msgh_id, 33);
}

TEST_F(PseudoReceive, NoRoomForARightSetsTheSpecialBitAndLosesIt) {
  World small(ipc::Limits{.names_per_space = 3});
  Task& holder = small.task("holder");
  const Name port = holder.port();
  ASSERT_EQ(holder.set_qlimit(port, 0), KERN_SUCCESS);
  holder.dead_name(1);
  const ipc::MsgResult back = holder.send_for_result(
      {.remote = port, .remote_type = kMakeSend, .local = port, .local_type = kMakeOnce});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(header_of(back.bytes).msgh_remote_port, port) << "merges with the receive right";
  EXPECT_EQ(header_of(back.bytes).msgh_local_port, MACH_PORT_NULL);
  EXPECT_EQ(holder.drain(port, MACH_NOTIFY_SEND_ONCE), 1U);
}

// 03 §5: the destination comes back first, so it gets the only name that is left.
TEST_F(PseudoReceive, TheDestinationComesBackBeforeTheReply) {
  World small(ipc::Limits{.names_per_space = 3});
  Task& holder = small.task("holder");
  Task& receiver = small.task("receiver");
  const Name full = receiver.port();
  ASSERT_EQ(receiver.set_qlimit(full, 0), KERN_SUCCESS);
  const Name to = receiver.give_send(holder, full);
  const Name reply = holder.port();
  const ipc::MsgResult back = holder.send_for_result(
      {.remote = to, .remote_type = kMoveSend, .local = reply, .local_type = kMakeOnce});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(holder.state(header_of(back.bytes).msgh_remote_port), "S1");
  EXPECT_EQ(header_of(back.bytes).msgh_local_port, MACH_PORT_NULL);
}

// 03.20
TEST_F(PseudoReceive, NoRoomInABodyGivesNullAndTheOtherItems) {
  World small(ipc::Limits{.names_per_space = 3});
  Task& holder = small.task("holder");
  Task& giver = small.task("giver");
  const Name port = holder.port();
  holder.dead_name(1);
  const Name to = holder.give_send(giver, port);
  const Name own = giver.port();
  ASSERT_EQ(giver.send({.remote = to,
                        .remote_type = kCopySend,
                        .items = {rights(kMakeSend, {own}), rights(kCopySend, {to})}}),
            MACH_MSG_SUCCESS);
  const Received got = holder.receive(port);
  EXPECT_EQ(got.code, MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(got.values, (std::vector<std::uint32_t>{MACH_PORT_NULL, port}));
}

}  // namespace
}  // namespace netmsg::test
