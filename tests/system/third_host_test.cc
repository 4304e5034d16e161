// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §9 that take a third host, with real daemons and links that have faults. The client
// is on host x, the port P on y, and whoever is third on z.
#include <gtest/gtest.h>
#include <mach/notify.h>
#include <signal.h>

#include "tests/support/dispositions.h"
#include "tests/support/linked_hosts.h"
#include "tests/system/puppet_task.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kPatienceMs = 30000;
constexpr milliseconds kPatience{30000};
enum At : std::size_t { kX, kY, kZ };

class ThirdHost : public testing::Test {
 protected:
  void TearDown() override {
    hosts.heal();
    EXPECT_TRUE(hosts.connected());
    EXPECT_EQ(hosts.balanced(), "");
  }

  bool becomes(PuppetTask& task, Name name, const std::string& state) {
    return eventually([&] { return task.state(name) == state; }, kPatience);
  }

  LinkedHosts hosts{{"x", "y", "z"}};
  PuppetTask client{hosts[kX]};
  PuppetTask server{hosts[kY]};
  PuppetTask third{hosts[kZ]};
  const Name p = server.port();
  const Name x = server.give(p, kMakeSend, client);  // for P
};

class Introduction : public ThirdHost {};
class Circle : public ThirdHost {};

// The destination on y, the reply on z.
class A29 : public Introduction {
 protected:
  Outgoing request(Name to, unsigned type) const {
    return {.remote = x, .remote_type = kCopySend, .local = to, .local_type = type, .id = 7};
  }
  void kill_third_host() {
    hosts[kZ].restart(SIGKILL);
    EXPECT_TRUE(hosts.connected());
  }

  const Name q = third.port();
  const Name reply = third.give(q, kMakeSend, client);
  const Name reply_once = third.give(q, kMakeOnce, client);
};

TEST_F(A29, TheThirdHostDiesBeforeTheMessageArrives) {
  for (const auto& [name, type] : {std::pair{reply, kMoveSend}, std::pair{reply_once, kMoveOnce}}) {
    hosts.hold(kX, kY);
    ASSERT_EQ(client.send(request(name, type)), MACH_MSG_SUCCESS);
  }
  kill_third_host();
  hosts.heal();
  for (int i = 0; i < 2; ++i) {
    const PuppetTask::Message got = server.receive(p, kPatienceMs);
    EXPECT_EQ(got.header.msgh_id, 7) << "the destination is as it was";
    EXPECT_EQ(got.header.msgh_local_port, p);
    EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
  }
  EXPECT_EQ(client.state(x), "S1");
}

TEST_F(A29, TheThirdHostDiesAfterTheMessageWasReceived) {
  ASSERT_EQ(client.send(request(reply, kCopySend)), MACH_MSG_SUCCESS);
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  EXPECT_EQ(got.header.msgh_local_port, p);
  EXPECT_EQ(server.state(got.header.msgh_remote_port), "S1");
  kill_third_host();
  EXPECT_TRUE(becomes(server, got.header.msgh_remote_port, "DN1"));
  EXPECT_TRUE(becomes(client, reply, "DN1"));
  EXPECT_EQ(client.state(x), "S1");
}

TEST_F(A29, TheReplyReachesTheThirdHost) {
  ASSERT_EQ(client.send(request(reply_once, kMoveOnce)), MACH_MSG_SUCCESS);
  const PuppetTask::Message got = server.receive(p, kPatienceMs);
  EXPECT_EQ(server.send({.remote = got.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 8}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(third.receive(q, kPatienceMs).header.msgh_id, 8);
  EXPECT_EQ(third.receive(q).code, MACH_RCV_TIMED_OUT);
}

using A33 = Introduction;
TEST_F(A33, DirectlyAndByTheThirdHostItHasOneName) {
  const Name there = server.give(p, kMakeSend, third);
  EXPECT_EQ(third.give(there, kMoveSend, client), x);
  EXPECT_EQ(client.state(x), "S2");
}

TEST_F(A33, WhicheverOfTheTwoComesFirst) {
  const Name there = server.give(p, kMakeSend, third);
  const Name other = third.port();
  const Name to_other = third.give(other, kMakeSend, client);  // keeps x and z talking, whatever P does
  hosts.hold(kY, kX);                                          // the home's word comes after the introducer's
  const Name inbox = client.port();
  const Name to_inbox = client.give(inbox, kMakeSend, third);
  ASSERT_EQ(third.send({.remote = to_inbox, .remote_type = kMoveSend, .items = {rights(kMoveSend, {there})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.send({.remote = to_other, .remote_type = kMoveSend, .id = 1}), MACH_MSG_SUCCESS);
  EXPECT_EQ(third.receive(other, kPatienceMs).header.msgh_id, 1) << "nobody else waits";
  EXPECT_EQ(client.receive(inbox).code, MACH_RCV_TIMED_OUT) << "parked until the home has said so";
  hosts.heal();
  const PuppetTask::Message got = client.receive(inbox, kPatienceMs);
  EXPECT_EQ(got.values, std::vector<std::uint32_t>{x});
  EXPECT_EQ(client.state(x), "S2");
}

// P moves from y to z while x streams numbered messages to it.
class A35 : public ThirdHost {
 protected:
  static constexpr mach_msg_id_t kCount = 60;

  bool send_next() {
    if (next == kCount) return false;
    const mach_msg_return_t code = client.send({.remote = x, .remote_type = kCopySend, .id = next}, 20);
    EXPECT_TRUE(code == MACH_MSG_SUCCESS || code == MACH_SEND_TIMED_OUT) << code;
    if (code != MACH_MSG_SUCCESS) return false;
    ++next;
    return true;
  }
  void receive_rest(Name port) {
    for (mach_msg_id_t id = 0; id < kCount; ++id) {
      while (send_next()) {
      }
      const PuppetTask::Message got = third.receive(port, kPatienceMs);
      ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
      EXPECT_EQ(got.header.msgh_id, id);
      EXPECT_EQ(got.header.msgh_seqno, static_cast<mach_port_seqno_t>(id)) << "from 0 where it is now";
    }
    EXPECT_EQ(third.receive(port).code, MACH_RCV_TIMED_OUT);
  }

  mach_msg_id_t next = 0;
};

TEST_F(A35, WithItsQueue) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send_next());
  ASSERT_EQ(hosts.balanced(), "") << "they are in the queue";
  receive_rest(server.give(p, MACH_MSG_TYPE_MOVE_RECEIVE, third));
}

TEST_F(A35, WithMessagesOnTheWireToTheOldHome) {
  hosts.hold(kX, kY);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send_next());
  const Name moved = server.give(p, MACH_MSG_TYPE_MOVE_RECEIVE, third);
  EXPECT_EQ(third.receive(moved).code, MACH_RCV_TIMED_OUT);
  hosts.heal();
  receive_rest(moved);
}

TEST_F(A35, WithTheNewsOfTheMoveHeld) {
  hosts.hold(kY, kX);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(send_next());
  const Name moved = server.give(p, MACH_MSG_TYPE_MOVE_RECEIVE, third);
  while (send_next()) {
  }
  hosts.heal();
  receive_rest(moved);
}

TEST_F(A35, WithTheLinkOfTheHomesHeld) {
  const Name inbox = third.port();
  const Name to_inbox = third.give(inbox, kMakeSend, server);
  hosts.hold(kY, kZ);
  ASSERT_EQ(
      server.send(
          {.remote = to_inbox, .remote_type = kMoveSend, .items = {rights(MACH_MSG_TYPE_MOVE_RECEIVE, {p})}}),
      MACH_MSG_SUCCESS);
  while (send_next()) {
  }
  hosts.heal();
  receive_rest(third.receive(inbox, kPatienceMs).values.at(0));
}

// Each port in a message to the other one, both on the wire.
using A36 = Circle;
TEST_F(A36, ACircleAcrossTwoHostsIsDestroyed) {
  const Name a = client.port();
  const Name to_a = client.give(a, kMakeSend, server);
  const Name witness_a = client.give(a, kMakeSend, third);
  const Name witness_p = server.give(p, kMakeSend, third);
  hosts.link(kX, kY).hold();
  EXPECT_EQ(client.send(
                {.remote = x, .remote_type = kMoveSend, .items = {rights(MACH_MSG_TYPE_MOVE_RECEIVE, {a})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(
      server.send(
          {.remote = to_a, .remote_type = kMoveSend, .items = {rights(MACH_MSG_TYPE_MOVE_RECEIVE, {p})}}),
      MACH_MSG_SUCCESS);
  hosts.heal();
  constexpr milliseconds kAtLast{60000};
  EXPECT_TRUE(eventually([&] { return third.state(witness_a) == "DN1"; }, kAtLast));
  EXPECT_TRUE(eventually([&] { return third.state(witness_p) == "DN1"; }, kAtLast));
}

}  // namespace
}  // namespace netmsg::test
