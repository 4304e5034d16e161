// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §9 with real daemons whose link has the fault that the case is about: what is on
// the wire stays there until the test lets it go on. The client is on host x, the port on host y.
#include <gtest/gtest.h>
#include <mach/notify.h>
#include <signal.h>

#include "tests/support/dispositions.h"
#include "tests/support/linked_hosts.h"
#include "tests/system/puppet_task.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kPatienceMs = 10000;
constexpr milliseconds kLeaseAndSome{15000};
constexpr unsigned kQueueLimit = 5;
constexpr unsigned kLongMessage = 3600;
enum At : std::size_t { kX, kY };

// P lives at the server on y; the client on x has one send right for it, and ports of its own: Q for replies, N
// for notifications.
class LinkFault : public testing::Test {
 protected:
  void TearDown() override {
    hosts.heal();
    EXPECT_TRUE(hosts.connected());
    EXPECT_EQ(hosts.balanced(), "");
  }

  Outgoing request(mach_msg_id_t id = 0) const {
    return {.remote = x, .remote_type = kCopySend, .local = q, .local_type = kMakeOnce, .id = id};
  }
  // Sends it, and sees to it that it has reached the link that is held.
  void send_onto_the_wire(const Outgoing& message) {
    FaultLink& link = hosts.link(kX, kY);
    hosts.hold(kX, kY);
    const std::uint64_t before = link.waiting(LinkedHosts::way(kX, kY));
    ASSERT_EQ(client.send(message), MACH_MSG_SUCCESS);
    ASSERT_TRUE(eventually(
        [&] { return link.waiting(LinkedHosts::way(kX, kY)) > before + sizeof(mach_msg_header_t); }));
  }
  bool client_sees(const std::string& state, milliseconds patience = kLeaseAndSome) {
    return eventually([&] { return client.state(x) == state; }, patience);
  }
  void expect_one(PuppetTask& task, Name port, mach_msg_id_t id) {
    EXPECT_EQ(task.receive(port, kPatienceMs).header.msgh_id, id);
    EXPECT_EQ(task.receive(port).code, MACH_RCV_TIMED_OUT) << "once is enough";
  }

  LinkedHosts hosts{{"x", "y"}};
  PuppetTask client{hosts[kX]};
  PuppetTask server{hosts[kY]};
  const Name p = server.port();
  const Name x = server.give(p, kMakeSend, client);
  const Name q = client.port();
  const Name n = client.port();
};

using A21 = LinkFault;
TEST_F(A21, WhatFailsHerePutsNothingOnTheLink) {
  const auto under_way = [this] { return hosts.link(kX, kY).waiting(LinkedHosts::way(kX, kY)); };
  hosts.hold(kX, kY);
  Outgoing twice = {.remote = x, .remote_type = kMoveSend, .local = x, .local_type = kMoveSend};
  twice.items = {numbers({})};
  twice.items[0].values.assign(kLongMessage / 4, 0);
  twice.items[0].descriptor.msgt_number = kLongMessage / 4;
  EXPECT_EQ(client.send(twice), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(client.state(x), "S1");
  send_onto_the_wire(request());
  EXPECT_LT(under_way(), kLongMessage) << "only the short one";
}

using A24 = LinkFault;
TEST_F(A24, ThePortDiesWhileTheMessageIsHeldOnTheLink) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, n), KERN_SUCCESS);
  send_onto_the_wire(request());
  ASSERT_EQ(server.destroy(p), KERN_SUCCESS);
  EXPECT_TRUE(client_sees("DN2")) << "the news travels against the message";
  expect_one(client, n, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(client.receive(q).code, MACH_RCV_TIMED_OUT) << "the reply right is still on the wire";
  hosts.heal();
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
}

using A25 = LinkFault;
TEST_F(A25, BothFieldsAreTheNameThatThenDies) {
  send_onto_the_wire({.remote = x, .remote_type = kCopySend, .local = x, .local_type = kCopySend});
  hosts.heal();
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_local_port, p);
  EXPECT_EQ(got.header.msgh_remote_port, p);
  EXPECT_EQ(server.mod_refs(p, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  EXPECT_EQ(server.state(p), "DN1");
  EXPECT_TRUE(client_sees("DN1"));
}

using A26 = LinkFault;
TEST_F(A26, AMessageThatFindsItsPortDeadIsDestroyedAsAWhole) {
  const Name carried = client.port();
  ASSERT_EQ(client.make_send(carried), KERN_SUCCESS);
  ASSERT_EQ(client.request(carried, MACH_NOTIFY_NO_SENDERS, n), KERN_SUCCESS);
  Outgoing message = {.remote = x,
                      .remote_type = kCopySend,
                      .local = x,
                      .local_type = kCopySend,
                      .items = {rights(kMoveSend, {carried}), rights(kMakeOnce, {q})}};
  send_onto_the_wire(message);
  ASSERT_EQ(server.destroy(p), KERN_SUCCESS);
  EXPECT_TRUE(client_sees("DN1"));
  hosts.heal();
  expect_one(client, n, MACH_NOTIFY_NO_SENDERS);
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
}

// Q dies on x while a right for it is at y: y knows, or does not know yet.
class A27 : public LinkFault {
 protected:
  A27() {
    EXPECT_EQ(client.send(request(1)), MACH_MSG_SUCCESS);
    EXPECT_EQ(hosts.balanced(), "") << "the message is in the queue";
  }
  Name receive_reply() {
    const PuppetTask::Message got = server.receive(p, kPatienceMs, MACH_RCV_NOTIFY, told);
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    return got.header.msgh_remote_port;
  }
  const Name told = server.port();
};

TEST_F(A27, KnownBeforeTheReceiveItIsDeadAndNobodyIsNotified) {
  ASSERT_EQ(client.destroy(q), KERN_SUCCESS);
  ASSERT_EQ(hosts.balanced(), "");
  EXPECT_EQ(receive_reply(), MACH_PORT_DEAD);
  EXPECT_EQ(server.receive(told).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A27, HeldOnTheLinkItIsANameAndThenOneNotification) {
  hosts.hold(kX, kY);
  ASSERT_EQ(client.destroy(q), KERN_SUCCESS);
  const Name reply = receive_reply();
  EXPECT_EQ(server.state(reply), "SO");
  EXPECT_EQ(server.receive(told).code, MACH_RCV_TIMED_OUT);
  hosts.heal();
  expect_one(server, told, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(server.state(reply), "DN2");
}

using A28 = A27;
TEST_F(A28, WhatWasSentAfterADeathIsReceivedAfterItsNews) {
  const Name reply = receive_reply();
  hosts.hold(kX, kY);
  ASSERT_EQ(client.destroy(q), KERN_SUCCESS);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .id = 2}), MACH_MSG_SUCCESS);
  EXPECT_EQ(server.state(reply), "SO");
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT) << "both are on the wire";
  hosts.heal();
  EXPECT_EQ(server.receive(p, kPatienceMs).header.msgh_id, 2);
  EXPECT_EQ(server.state(reply), "DN2");
  expect_one(server, told, MACH_NOTIFY_DEAD_NAME);
}

using A30 = LinkFault;
TEST_F(A30, LostOnTheWireAndDeclaredDead) {
  send_onto_the_wire(request());
  hosts.link(kX, kY).cut();
  EXPECT_TRUE(client_sees("DN1"));
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
  hosts.heal();
  EXPECT_TRUE(hosts.connected());
  EXPECT_EQ(hosts.balanced(), "");
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT) << "what was lost stays lost";
  EXPECT_EQ(client.receive(q).code, MACH_RCV_TIMED_OUT);
}

TEST_F(A30, DeliveredBeforeTheCutAndDeclaredDead) {
  ASSERT_EQ(client.send(request(7)), MACH_MSG_SUCCESS);
  ASSERT_EQ(hosts.balanced(), "") << "it is in the queue";
  hosts.link(kX, kY).cut();
  EXPECT_TRUE(client_sees("DN1"));
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
  EXPECT_TRUE(eventually([&] { return hosts[kY].peer_state("x") == "down"; }, kLeaseAndSome));
  const PuppetTask::Message got = server.receive(p);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_id, 7);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT) << "never twice";
}

TEST_F(A30, LostOnTheWireAndResumedInTime) {
  send_onto_the_wire(request(7));
  hosts.link(kX, kY).cut();
  sleep_for(milliseconds(500));  // the cut lasts: some dials fail
  hosts.heal();
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  EXPECT_EQ(got.header.msgh_id, 7);
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT) << "never twice";
  EXPECT_EQ(client.receive(q).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_EQ(server.send({.remote = got.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 8}),
            MACH_MSG_SUCCESS);
  expect_one(client, q, 8);
}

// Only the acknowledgements are lost: what is sent again on the next stream was applied already.
TEST_F(A30, AcknowledgementsLostAndResumedInTime) {
  hosts.hold(kY, kX);
  ASSERT_EQ(client.send(request(7)), MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(p, kPatienceMs).header.msgh_id, 7);
  hosts.link(kX, kY).reset();
  hosts.heal();
  EXPECT_EQ(hosts.balanced(), "");
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT) << "never twice";
  EXPECT_EQ(client.state(x), "S1");
}

// Each side has half of a stream: either the session is resumed, or both fence; never one alone.
TEST_F(A30, HalfClosedStreamsAreResumed) {
  for (const auto& [from, to] : {std::pair{kX, kY}, std::pair{kY, kX}}) {
    ASSERT_EQ(client.send(request(7)), MACH_MSG_SUCCESS);
    hosts.link(kX, kY).half_close(LinkedHosts::way(from, to));
    EXPECT_EQ(server.receive(p, kPatienceMs).header.msgh_id, 7);
    EXPECT_EQ(hosts.balanced(), "");
    EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT);
    EXPECT_EQ(client.state(x), "S1");
  }
}

class A31 : public LinkFault {
 protected:
  A31() {
    for (unsigned i = 0; i < kQueueLimit; ++i) {
      EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
    }
    EXPECT_EQ(hosts.balanced(), "") << "they have arrived";
    hosts.link(kX, kY).cut();
  }
};

TEST_F(A31, ABlockedSendersOwnTimeoutApplies) {
  client.begin_send(request(), 500);
  EXPECT_FALSE(client.has_ended());
  const PuppetTask::Message back = client.end();
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  EXPECT_EQ(client.state(x), "S2") << "given back with one reference more";
  EXPECT_EQ(client.state(back.header.msgh_local_port), "SO");
  EXPECT_EQ(client.receive(q).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(client.destroy(back.header.msgh_local_port), KERN_SUCCESS);
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
}

TEST_F(A31, AtTheDeclarationABlockedSenderWakesAsIfThePortHadDied) {
  client.begin_send(request());
  EXPECT_EQ(client.state(x), "S1");
  EXPECT_FALSE(client.has_ended());
  EXPECT_EQ(client.end().code, MACH_MSG_SUCCESS);
  EXPECT_TRUE(client_sees("DN1"));
  expect_one(client, q, MACH_NOTIFY_SEND_ONCE);
  hosts.heal();
  EXPECT_TRUE(hosts.connected());
  EXPECT_EQ(server.status(p).msgcount, kQueueLimit) << "y has never seen it";
}

// What y has taken out is not known yet on x: the queue is full there until the news has come.
using A32 = LinkFault;
TEST_F(A32, FullIsWhatHasBeenHeardOf) {
  for (mach_msg_id_t id = 0; id < static_cast<mach_msg_id_t>(kQueueLimit); ++id) {
    ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .id = id}), MACH_MSG_SUCCESS);
  }
  ASSERT_EQ(hosts.balanced(), "");
  hosts.hold(kY, kX);
  EXPECT_EQ(server.receive(p).header.msgh_id, 0);
  const PuppetTask::Message back = client.send_for_result(request(5));
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  EXPECT_EQ(client.state(x), "S2");
  EXPECT_EQ(client.state(back.header.msgh_local_port), "SO");
  EXPECT_EQ(client.destroy(back.header.msgh_local_port), KERN_SUCCESS);
  hosts.heal();
  EXPECT_TRUE(eventually(
      [&] { return client.send({.remote = x, .remote_type = kCopySend, .id = 6}) == MACH_MSG_SUCCESS; }));
  ASSERT_EQ(hosts.balanced(), "");
  for (const mach_msg_id_t id : {1, 2, 3, 4, 6}) EXPECT_EQ(server.receive(p).header.msgh_id, id);
  EXPECT_EQ(server.receive(p).code, MACH_RCV_TIMED_OUT);
}

using A34 = LinkFault;
TEST_F(A34, NoSendersWaitsForTheLinkThatIsHeld) {
  const Name own = client.port();
  ASSERT_EQ(client.make_send(own), KERN_SUCCESS);
  ASSERT_EQ(client.request(own, MACH_NOTIFY_NO_SENDERS, n), KERN_SUCCESS);
  send_onto_the_wire({.remote = x, .remote_type = kCopySend, .local = own, .local_type = kMoveSend});
  EXPECT_EQ(client.state(own), "R") << "the last right anywhere is on the wire";
  EXPECT_EQ(client.receive(n).code, MACH_RCV_TIMED_OUT);
  hosts.heal();
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  EXPECT_EQ(client.receive(n).code, MACH_RCV_TIMED_OUT);
  hosts.hold(kY, kX);
  EXPECT_EQ(server.mod_refs(got.header.msgh_remote_port, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  EXPECT_EQ(client.receive(n).code, MACH_RCV_TIMED_OUT) << "the news is on the wire";
  hosts.heal();
  const PuppetTask::Message told = client.receive(n, kPatienceMs);
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(told.values.at(0), 1U) << "the make-send count";
  EXPECT_EQ(client.receive(n).code, MACH_RCV_TIMED_OUT);
}

// 10,000 send-once rights and a receiver's death, or the session's, while they are on the link: each yields one
// notification.
class ManyRights : public LinkFault {
 protected:
  static constexpr unsigned kRightsEach = 2000;

  ManyRights() {
    Outgoing message = {.remote = x, .remote_type = kCopySend, .items = {rights(kMakeOnce, {})}};
    message.items[0].values.assign(kRightsEach, q);
    message.items[0].descriptor.msgt_number = kRightsEach;
    for (unsigned i = 0; i < kQueueLimit; ++i) send_onto_the_wire(message);
    EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 0U);
  }
  void expect_all_back() {
    unsigned count = 0;
    EXPECT_TRUE(eventually(
        [&] { return (count += client.drain(q, MACH_NOTIFY_SEND_ONCE)) >= kQueueLimit * kRightsEach; },
        kLeaseAndSome));
    hosts.heal();
    EXPECT_TRUE(hosts.connected());
    EXPECT_EQ(hosts.balanced(), "");
    EXPECT_EQ(count + client.drain(q, MACH_NOTIFY_SEND_ONCE), kQueueLimit * kRightsEach);
  }
};

TEST_F(ManyRights, EndOnceWhenTheHostsLoseEachOther) {
  hosts.link(kX, kY).cut();
  expect_all_back();
}

TEST_F(ManyRights, EndOnceWhenTheStreamBreaksAndTheReceiverIsKilledLater) {
  hosts.link(kX, kY).reset();
  hosts.heal();
  ASSERT_TRUE(eventually([&] { return server.status(p).msgcount == kQueueLimit; }, kLeaseAndSome));
  server.process().signal(SIGKILL);
  expect_all_back();
}

using A37 = LinkFault;
TEST_F(A37, TwoNamesOfOneProxyArriveAsOnePort) {
  const Name once = server.give(p, kMakeOnce, client);
  ASSERT_NE(once, x);
  send_onto_the_wire({.remote = once, .remote_type = kMoveOnce, .local = x, .local_type = kMoveSend});
  EXPECT_EQ(client.state(once), "free");
  EXPECT_EQ(client.state(x), "free");
  hosts.heal();
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  EXPECT_EQ(got.header.msgh_local_port, p);
  EXPECT_EQ(got.header.msgh_remote_port, p);
  EXPECT_EQ(server.state(p), "R+S1");
}

}  // namespace
}  // namespace netmsg::test
