// SPDX-License-Identifier: Apache-2.0
// The death of a session (rules S4, D1, D2, R9): what both sides see, however it came about.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class Fence : public TwoHosts {
 protected:
  void ask() {
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}),
              MACH_MSG_SUCCESS);
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name reply = client.port();
  const Name notify = client.port();
};

TEST_F(Fence, RightsToThePeersPortsBecomeDeadNames) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  part(true);
  EXPECT_EQ(client.state(x), "DN2");
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_DEAD_NAME), 1U);
  EXPECT_EQ(a.downs, std::vector<std::string>{"b"});
  EXPECT_EQ(b.downs, std::vector<std::string>{"a"});
}

TEST_F(Fence, WhatThePeerHeldIsTakenBack) {
  const Name watch = server.port();
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, watch), KERN_SUCCESS);
  part(true);
  EXPECT_EQ(server.drain(watch, MACH_NOTIFY_NO_SENDERS), 1U);
  EXPECT_EQ(server.state(r), "R");
}

TEST_F(Fence, EachSendOnceRightAtThePeerIsOneNotification) {
  ask();
  run();
  part(true);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  const Name name = server.receive(r).header.msgh_remote_port;
  EXPECT_EQ(name, MACH_PORT_DEAD);
}

// A30
TEST_F(Fence, AMessageThatWasLostOnTheWireAnswersItsReplyRightOnce) {
  ask();
  part(true);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
}

// A30
TEST_F(Fence, AMessageThatArrivedJustBeforeIsDeliveredWithADeadReply) {
  ask();
  part(false);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  const Received got = server.receive(r);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(got.header.msgh_bits & 0xFFU, 18U) << "a dead reply keeps its type";
}

TEST_F(Fence, AReplyThatWasOnTheWireIsLostOnceAndForAll) {
  ask();
  run();
  const Name name = server.receive(r).header.msgh_remote_port;
  EXPECT_EQ(server.send({.remote = name, .remote_type = kMoveOnce, .id = 42}), MACH_MSG_SUCCESS);
  part(true);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(client.receive(reply).code, MACH_RCV_TIMED_OUT);
}

// A31
TEST_F(Fence, ABlockedSenderIsLetGoAsByAPortsDeath) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
  ipc::MsgArgs args;
  args.option = MACH_SEND_MSG;
  args.message =
      Outgoing{.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}.encode();
  const ipc::OpToken token = client.begin(args);
  EXPECT_FALSE(client.result(token).has_value());
  part(true);
  const auto ended = client.result(token);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, MACH_MSG_SUCCESS);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST_F(Fence, RightsToThePeerInsideAQueuedMessageArriveDead) {
  const Name inner = client.port();
  EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMakeSend, {inner})}}),
            MACH_MSG_SUCCESS);
  run();
  part(true);
  const Received got = server.receive(r);
  EXPECT_EQ(got.values, std::vector<std::uint32_t>{MACH_PORT_DEAD});
}

TEST_F(Fence, SilenceForALeaseIsTheEndOnBothSides) {
  network.silence(true);
  advance(milliseconds(4900));
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_EQ(a.downs.size() + b.downs.size(), 0U);
  advance(milliseconds(200));
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_EQ(a.downs.size(), 1U);
  EXPECT_EQ(b.downs.size(), 1U);
}

TEST_F(Fence, HeartbeatsKeepAnIdleSession) {
  for (int second = 0; second < 60; ++second) {
    advance(milliseconds(1000));
    run();
  }
  EXPECT_TRUE(a.open());
  EXPECT_TRUE(b.open());
  EXPECT_EQ(client.state(x), "S1");
}

TEST_F(Fence, ANewSessionStartsFromEmptyTablesAndOldNamesStayDead) {
  part(true);
  for (int i = 0; i < 40 && !(a.open() && b.open()); ++i) {
    advance(milliseconds(100));
    run();
  }
  ASSERT_TRUE(a.open());
  EXPECT_EQ(client.state(x), "DN1");
  const Name again = give_across(b, server, r, kMakeSend, a, client);
  EXPECT_NE(again, x);
  EXPECT_EQ(client.state(again), "S1");
  EXPECT_EQ(client.send({.remote = again, .remote_type = kMoveSend, .id = 3}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(r).header.msgh_id, 3);
}

TEST_F(Fence, StoppingTellsThePeerAtOnce) {
  b.link->stop();
  run();
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_EQ(a.reasons.back(), "the peer says: the daemon stops");
  EXPECT_EQ(b.row().state, "down");
}

TEST_F(Fence, NothingIsLeftWhenAllRightsAreGone) {
  ask();
  run();
  EXPECT_EQ(server.deallocate(server.receive(r).header.msgh_remote_port), KERN_SUCCESS);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  run();
  advance(milliseconds(20));
  run();
  for (Host* host : {&a, &b}) {
    EXPECT_EQ(host->row().proxies, 1U) << "the name service's";
    EXPECT_EQ(host->row().exports, 1U);
    EXPECT_EQ(host->row().send_once_units, 0U);
    EXPECT_EQ(host->row().unacknowledged, 0U);
  }
  EXPECT_EQ(a.link->counters().frames_sent, b.link->counters().frames_applied);
  EXPECT_EQ(b.link->counters().frames_sent, a.link->counters().frames_applied);
}

}  // namespace
}  // namespace netmsg::test
