// SPDX-License-Identifier: Apache-2.0
// Spec 01 §6-§8 and 03 §4, §11, §13, §14: limits, waiting, timeouts, interruption, hand-over, counts.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class Queue : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);

  Outgoing numbered(int id) const { return {.remote = x, .remote_type = kCopySend, .id = id}; }
  mach_msg_return_t send(int id) { return client.send(numbered(id)); }
  ipc::OpToken begin_send(int id, mach_msg_option_t option = 0, unsigned timeout_ms = 0) {
    ipc::MsgArgs args{.option = MACH_SEND_MSG | option, .timeout_ms = timeout_ms};
    args.message = numbered(id).encode();
    return client.begin(std::move(args));
  }
  ipc::OpToken begin_receive(mach_msg_option_t option = 0, unsigned timeout_ms = 0, unsigned size = 1000) {
    return server.begin(
        {.option = MACH_RCV_MSG | option, .rcv_size = size, .rcv_name = r, .timeout_ms = timeout_ms});
  }
  int received_id() { return server.receive(r).header.msgh_id; }
};

mach_msg_id_t id_of(const std::optional<ipc::MsgResult>& result) {
  return header_of(result.value().bytes).msgh_id;
}

TEST_F(Queue, FiveMessagesFitTheSixthTimesOut) {
  for (int id = 1; id <= 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(6), MACH_SEND_TIMED_OUT);
  for (int id = 1; id <= 5; ++id) EXPECT_EQ(received_id(), id);
}

// 01.11
TEST_F(Queue, SendOnceRightsIgnoreTheLimitButCount) {
  server.set_qlimit(r, 2);
  send(1);
  send(2);
  const auto third = begin_send(3);
  EXPECT_FALSE(client.result(third).has_value());
  const Name once = server.give_send_once(client, r);
  EXPECT_EQ(client.send({.remote = once, .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE}), MACH_MSG_SUCCESS);
  EXPECT_EQ(server.status(r).mps_msgcount, 3U);
}

// 01.12
TEST_F(Queue, WithLimitZeroASendWaitsEvenIfAReceiverDoes) {
  server.set_qlimit(r, 0);
  const auto waiting = begin_receive();
  EXPECT_EQ(send(1), MACH_SEND_TIMED_OUT);
  EXPECT_FALSE(server.result(waiting).has_value());
}

TEST_F(Queue, BlockedSendersGoOnInTheirOrder) {
  server.set_qlimit(r, 1);
  send(1);
  const auto second = begin_send(2);
  const auto third = begin_send(3);
  EXPECT_EQ(received_id(), 1);
  EXPECT_TRUE(client.result(second).has_value());
  EXPECT_FALSE(client.result(third).has_value()) << "exactly one is woken";
  EXPECT_EQ(received_id(), 2);
  EXPECT_TRUE(client.result(third).has_value());
  EXPECT_EQ(received_id(), 3);
}

// 01.13
TEST_F(Queue, RaisingTheLimitByTwoWakesTwo) {
  server.set_qlimit(r, 1);
  send(1);
  std::vector<ipc::OpToken> waiting;
  for (int id = 2; id <= 5; ++id) waiting.push_back(begin_send(id));
  server.set_qlimit(r, 3);
  EXPECT_TRUE(client.result(waiting[0]) && client.result(waiting[1]));
  EXPECT_FALSE(client.result(waiting[2]) || client.result(waiting[3]));
}

TEST_F(Queue, ASendTimesOutAtItsDeadlineAndComesBack) {
  server.set_qlimit(r, 0);
  const auto waiting = begin_send(1, MACH_SEND_TIMEOUT, 50);
  world.advance(milliseconds(49));
  EXPECT_FALSE(client.result(waiting).has_value());
  EXPECT_TRUE(world.engine.next_deadline().has_value());
  world.advance(milliseconds(1));
  EXPECT_EQ(client.result(waiting).value().code, MACH_SEND_TIMED_OUT);
  EXPECT_EQ(client.state(x), "S2");
  EXPECT_FALSE(world.engine.next_deadline().has_value());
}

TEST_F(Queue, AReceiveTimesOutAtItsDeadline) {
  const auto waiting = begin_receive(MACH_RCV_TIMEOUT, 20);
  world.advance(milliseconds(19));
  EXPECT_FALSE(server.result(waiting).has_value());
  world.advance(milliseconds(1));
  EXPECT_EQ(server.result(waiting).value().code, MACH_RCV_TIMED_OUT);
}

TEST_F(Queue, ReceiversAreServedMostRecentFirst) {
  const auto first = begin_receive();
  const auto second = begin_receive();
  send(1);
  EXPECT_EQ(id_of(server.result(second)), 1);
  EXPECT_FALSE(server.result(first).has_value());
  send(2);
  EXPECT_EQ(id_of(server.result(first)), 2);
}

// 03.14
TEST_F(Queue, AWaitingReceiverThatIsTooSmallIsToldAndTheNextOneGetsTheMessage) {
  const auto large = begin_receive(MACH_RCV_LARGE, 0, 1000);
  const auto small = begin_receive(MACH_RCV_LARGE, 0, 32);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .id = 4, .items = {numbers({1})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server.result(small).value().code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(id_of(server.result(large)), 4);
}

// 03.16
TEST_F(Queue, CancelGivesInterruptedExactlyOnce) {
  const auto receiving = begin_receive();
  server.cancel(receiving);
  server.cancel(receiving);
  EXPECT_EQ(server.result(receiving).value().code, MACH_RCV_INTERRUPTED);

  server.set_qlimit(r, 0);
  const auto sending = begin_send(1);
  client.cancel(sending);
  EXPECT_EQ(client.result(sending).value().code, MACH_SEND_INTERRUPTED);
  EXPECT_EQ(client.state(x), "S2");
}

// 03.3
TEST_F(Queue, ADestinationThatDiesEndsBlockedSendsWithSuccessAndDestroysTheirMessages) {
  server.set_qlimit(r, 0);
  const Name reply = client.port();
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message =
      Outgoing{.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}.encode();
  const auto sending = client.begin(std::move(args));
  server.destroy(r);
  EXPECT_EQ(client.result(sending).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(send(1), MACH_SEND_INVALID_DEST);
}

// 03.23
TEST_F(Queue, CombinedCallReceivesOnlyAfterASuccessfulSend) {
  const Name reply = client.port();
  ipc::MsgArgs args{.option = MACH_SEND_MSG | MACH_RCV_MSG, .rcv_size = 100, .rcv_name = reply};
  args.message =
      Outgoing{.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}.encode();
  const auto calling = client.begin(args);
  const Name to = server.receive(r).header.msgh_remote_port;
  EXPECT_FALSE(client.result(calling).has_value());
  server.send({.remote = to, .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE, .id = 42});
  EXPECT_EQ(id_of(client.result(calling)), 42);

  args.rcv_name = 4711;
  EXPECT_EQ(client.call(args).code, MACH_RCV_INVALID_NAME);
  EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS) << "the request had been sent";

  server.set_qlimit(r, 0);
  args.option |= MACH_SEND_TIMEOUT;
  EXPECT_EQ(client.call(args).code, MACH_SEND_TIMED_OUT);
}

// 03.15
TEST_F(Queue, NamesThatNobodyCanReceiveFrom) {
  EXPECT_EQ(client.receive(x).code, MACH_RCV_INVALID_NAME);
  EXPECT_EQ(client.receive(client.dead_name(1)).code, MACH_RCV_INVALID_NAME);
  EXPECT_EQ(client.receive(0).code, MACH_RCV_INVALID_NAME);
  const Name set = client.port_set();
  EXPECT_EQ(client.receive(set).code, MACH_RCV_TIMED_OUT);
  const Name member = client.port();
  ASSERT_EQ(ipc::mach_port::move_member(client.space(), member, set), KERN_SUCCESS);
  EXPECT_EQ(client.receive(member).code, MACH_RCV_IN_SET);
  client.destroy(set);
  EXPECT_EQ(client.receive(member).code, MACH_RCV_TIMED_OUT);
}

// 03.1
TEST_F(Queue, NeitherSendNorReceiveDoesNothing) {
  EXPECT_EQ(client.call({.option = MACH_MSG_OPTION_NONE}).code, MACH_MSG_SUCCESS);
  EXPECT_EQ(client.call({.option = MACH_SEND_TIMEOUT}).code, MACH_MSG_SUCCESS);
}

TEST_F(Queue, SequenceNumbersFollowDequeue) {
  for (int id = 0; id < 3; ++id) send(id);
  for (unsigned n = 0; n < 3; ++n) EXPECT_EQ(server.receive(r).header.msgh_seqno, n);
}

TEST_F(Queue, AMessageThatIsTooBigForTheDaemonIsRefused) {
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = numbered(1).encode();
  args.message.resize((1U << 20) + 8);
  EXPECT_EQ(client.call(args).code, MACH_SEND_NO_BUFFER);
}

TEST_F(Queue, QueuedBytesAreChargedAndReleased) {
  const std::uint64_t before = world.account.bytes_used();
  send(1);
  EXPECT_GT(world.account.bytes_used(), before);
  server.receive(r);
  EXPECT_EQ(world.account.bytes_used(), before);
}

}  // namespace
}  // namespace netmsg::test
