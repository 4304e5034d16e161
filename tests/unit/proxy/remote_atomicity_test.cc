// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §9 over two hosts, named after the cases: the client is on host a, the port on
// host b.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

class RemoteAtomicity : public TwoHosts {
 protected:
  RemoteAtomicity() { run(); }

  Outgoing both(unsigned destination, unsigned reply) const {
    return {.remote = x, .remote_type = destination, .local = x, .local_type = reply};
  }
  // What a message with both rights of one port looks like to its receiver.
  void expect_both_rights() {
    run();
    const Received got = server.receive(r);
    ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_bits, 0x1111U);
    EXPECT_EQ(got.header.msgh_local_port, r);
    EXPECT_EQ(got.header.msgh_remote_port, r);
    EXPECT_EQ(server.state(r), "R+S1");
    run();
  }
  std::uint64_t frames() const { return a.link->counters().frames_sent; }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name notify = client.port();
};

using A19 = RemoteAtomicity;
TEST_F(A19, MoveAsDestinationAndCopyAsReplyOfOneProxy) {
  EXPECT_EQ(client.send(both(kMoveSend, kCopySend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  expect_both_rights();
  EXPECT_EQ(a.row().proxies, 1U) << "only the name service's: the proxy went with its last right";
}

TEST_F(A19, WithTwoReferencesOneStays) {
  EXPECT_EQ(give_across(b, server, r, kMakeSend, a, client), x);
  EXPECT_EQ(client.send(both(kMoveSend, kCopySend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "S1");
  expect_both_rights();
}

using A20 = RemoteAtomicity;
TEST_F(A20, CopyAsDestinationAndMoveAsReplyOfOneProxy) {
  EXPECT_EQ(client.send(both(kCopySend, kMoveSend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  expect_both_rights();
}

using A21 = RemoteAtomicity;
TEST_F(A21, TwoMovesOfOneReferenceFailAndNothingIsSent) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  run();
  const std::string before = network.sent_by("a");
  const std::uint64_t frames_before = frames();
  EXPECT_EQ(client.send(both(kMoveSend, kMoveSend)), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_TRUE(client.has_request(x));
  EXPECT_EQ(frames(), frames_before);
  EXPECT_EQ(network.sent_by("a"), before) << "not a byte on the link";
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A21, TwoMovesOfTwoReferencesSucceed) {
  ASSERT_EQ(give_across(b, server, r, kMakeSend, a, client), x);
  EXPECT_EQ(client.send(both(kMoveSend, kMoveSend)), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  expect_both_rights();
}

using A24 = RemoteAtomicity;
TEST_F(A24, ThePortDiesWhileTheMessageIsOnTheWire) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  const Name reply = client.port();
  EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}),
            MACH_MSG_SUCCESS);
  EXPECT_GT(network.under_way("b"), 0U);
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(client.state(x), "DN2");
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_DEAD_NAME), 1U);
  run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 0U);
}

using A25 = RemoteAtomicity;
TEST_F(A25, A_DestructionFirst) {
  EXPECT_EQ(client.send(both(kCopySend, kCopySend)), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_INVALID_NAME);
  run();
  EXPECT_EQ(client.state(x), "DN1");
}

TEST_F(A25, B_ReceiveFirst) {
  EXPECT_EQ(client.send(both(kCopySend, kCopySend)), MACH_MSG_SUCCESS);
  run();
  const Received got = server.receive(r);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(got.header.msgh_remote_port, r);
  EXPECT_EQ(server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  EXPECT_EQ(server.state(r), "DN1");
  run();
}

TEST_F(A25, D_TheBlockedReceiverNeverSeesOneFieldDead) {
  ipc::MsgArgs args;
  args.option = MACH_RCV_MSG;
  args.rcv_name = r;
  args.rcv_size = 4096;
  const ipc::OpToken token = server.begin(args);
  EXPECT_EQ(client.send(both(kCopySend, kCopySend)), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  const std::optional<ipc::MsgResult> got = server.result(token);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->code, MACH_MSG_SUCCESS);
  const mach_msg_header_t header = header_of(got->bytes);
  EXPECT_EQ(header.msgh_local_port == MACH_PORT_DEAD, header.msgh_remote_port == MACH_PORT_DEAD);
  run();
}

// 04 A10 with the receiver on b and the reply port Q on a.
class A27 : public RemoteAtomicity {
 protected:
  void send_with_reply(unsigned type) {
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = q, .local_type = type}),
              MACH_MSG_SUCCESS);
    run();
  }
  Received receive_with_notify() { return server.receive(r, MACH_RCV_NOTIFY, server_notify); }

  const Name q = client.port();
  const Name server_notify = server.port();
};

TEST_F(A27, A_TheDeathIsKnownBeforeTheReceive) {
  send_with_reply(kMakeOnce);
  EXPECT_EQ(client.destroy(q), KERN_SUCCESS);
  run();
  EXPECT_EQ(receive_with_notify().header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(server.drain(server_notify, MACH_NOTIFY_DEAD_NAME), 0U);
}

TEST_F(A27, B_TheDeathIsKnownAfterTheReceive) {
  send_with_reply(kMakeOnce);
  EXPECT_EQ(client.destroy(q), KERN_SUCCESS);
  const Received got = receive_with_notify();  // the news is still under way
  const Name name = got.header.msgh_remote_port;
  EXPECT_EQ(server.state(name), "SO");
  run();
  EXPECT_EQ(server.state(name), "DN2");
  EXPECT_EQ(server.drain(server_notify, MACH_NOTIFY_DEAD_NAME), 1U);
}

TEST_F(A27, B_WithASendRight) {
  send_with_reply(kMakeSend);
  EXPECT_EQ(client.destroy(q), KERN_SUCCESS);
  const Name name = receive_with_notify().header.msgh_remote_port;
  run();
  EXPECT_EQ(server.state(name), "DN2");
  EXPECT_EQ(server.drain(server_notify, MACH_NOTIFY_DEAD_NAME), 1U);
}

using A28 = A27;
TEST_F(A28, WhatWasSentAfterADeathArrivesAfterItsNews) {
  send_with_reply(kMakeOnce);
  const Name name = receive_with_notify().header.msgh_remote_port;
  EXPECT_EQ(server.state(name), "SO");
  EXPECT_EQ(client.destroy(q), KERN_SUCCESS);
  EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .id = 2}), MACH_MSG_SUCCESS);
  // One event at a time: when the second message can be
  // received, the name is dead and the notification is there.
  Received second;
  for (second = server.receive(r); second.code != MACH_MSG_SUCCESS; second = server.receive(r)) {
    ASSERT_TRUE(network.step());
  }
  EXPECT_EQ(second.header.msgh_id, 2);
  EXPECT_EQ(server.state(name), "DN2");
  EXPECT_EQ(server.drain(server_notify, MACH_NOTIFY_DEAD_NAME), 1U);
  run();
}

// 04 A22: the columns S, SO, DN and free of the same-name table give on proxies what they give on ports.
TEST_F(RemoteAtomicity, ADeadProxyIsADeadName) {
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  run();
  EXPECT_EQ(client.send(both(kCopySend, kCopySend)), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(client.send({.remote = x, .remote_type = kMoveOnce}), MACH_SEND_INVALID_DEST);
}

}  // namespace
}  // namespace netmsg::test
