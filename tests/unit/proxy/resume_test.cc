// SPDX-License-Identifier: Apache-2.0
// A session goes on when its stream breaks (rules S2, S3; peer.proto, exchange 8): nothing is lost, nothing comes twice.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "daemon/ipc/port.h"
#include "netmsg/v1/peer.pb.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class Resume : public TwoHosts {
 protected:
  void settle() {
    run();
    for (int round = 0; round < 100 && !(a.open() && b.open()); ++round) {
      advance(milliseconds(50));
      run();
    }
  }
  void send(std::int32_t id) {
    EXPECT_EQ(client.send(
                  {.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce, .id = id}),
              MACH_MSG_SUCCESS);
  }
  void expect_the_same_session() {
    EXPECT_TRUE(a.open());
    EXPECT_TRUE(b.open());
    EXPECT_EQ(a.downs.size() + b.downs.size(), 0U);
    EXPECT_EQ(a.ups.size() + b.ups.size(), 2U);
    EXPECT_EQ(client.state(x), "S1");
    EXPECT_EQ(network.streams(), 1U);
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name reply = client.port();
};

TEST_F(Resume, WhatWasLostOnTheWireIsSentAgain) {
  send(1);
  send(2);
  network.cut(true);
  settle();
  expect_the_same_session();
  EXPECT_EQ(server.receive(r).header.msgh_id, 1);
  EXPECT_EQ(server.receive(r).header.msgh_id, 2);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(client.receive(reply).code, MACH_RCV_TIMED_OUT) << "no send-once right was lost";
}

// F: an acknowledgement that was lost must not bring its frame a second time.
TEST_F(Resume, WhatHadArrivedComesOnce) {
  send(1);
  network.run("b");
  network.cut(true);
  settle();
  expect_the_same_session();
  EXPECT_EQ(server.receive(r).header.msgh_id, 1);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
}

TEST_F(Resume, WhatIsSentMeanwhileWaitsForTheNextStream) {
  network.cut(true);
  run();
  EXPECT_EQ(a.row().state, "broken");
  EXPECT_EQ(a.row().last_error, "cut");
  send(7);
  settle();
  expect_the_same_session();
  EXPECT_EQ(a.row().last_error, "");
  EXPECT_EQ(server.receive(r).header.msgh_id, 7);
}

TEST_F(Resume, RepliesAndNotificationsToo) {
  send(1);
  send(2);
  run();
  const Name first = server.receive(r).header.msgh_remote_port;
  const Name second = server.receive(r).header.msgh_remote_port;
  EXPECT_EQ(server.send({.remote = first, .remote_type = kMoveOnce, .id = 42}), MACH_MSG_SUCCESS);
  EXPECT_EQ(server.deallocate(second), KERN_SUCCESS);
  network.cut(true);
  settle();
  EXPECT_EQ(client.receive(reply).header.msgh_id, 42);
  EXPECT_EQ(client.receive(reply).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
  EXPECT_EQ(client.receive(reply).code, MACH_RCV_TIMED_OUT);
  expect_the_same_session();
}

TEST_F(Resume, AsOftenAsTheStreamBreaks) {
  for (std::int32_t id = 1; id <= 30; ++id) {
    send(id);
    for (int steps = 0; steps < id % 7; ++steps) network.step();
    network.cut(id % 2 == 0);
    settle();
    EXPECT_EQ(server.receive(r).header.msgh_id, id);
  }
  expect_the_same_session();
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
}

// Cut at each point of the resumption itself.
TEST_F(Resume, ACutWhileItIsResumedIsOneCutMore) {
  for (int steps = 0; steps < 12; ++steps) {
    send(steps);
    network.cut(true);
    run();
    advance(milliseconds(60));
    for (int i = 0; i < steps; ++i) network.step();
    network.cut(true);
    settle();
    EXPECT_EQ(server.receive(r).header.msgh_id, steps);
  }
  expect_the_same_session();
}

// One end sees its stream broken, the other one does not.
TEST_F(Resume, AHalfOpenStreamIsReplaced) {
  send(1);
  network.silence(true);
  advance(timing.lease * 3 / 4);  // nothing has come for so long
  EXPECT_EQ(a.row().state, "broken");
  network.silence(false);
  settle();
  expect_the_same_session();
  EXPECT_EQ(server.receive(r).header.msgh_id, 1);
}

TEST_F(Resume, NotAfterTheLease) {
  part(true);
  settle();
  EXPECT_TRUE(a.open());
  EXPECT_EQ(a.downs.size(), 1U);
  EXPECT_EQ(b.downs.size(), 1U);
  EXPECT_EQ(client.state(x), "DN1");
}

// The two leases need not end together: whoever still has the session is told that it is over.
TEST_F(Resume, WhoeverHasFencedRefusesAndBothHaveFenced) {
  send(1);
  network.cut(true);
  run();
  network.refuse_dials(true);
  b.advance(timing.lease);  // b's clock only
  network.refuse_dials(false);
  EXPECT_EQ(b.downs.size(), 1U);
  a.advance(milliseconds(250));
  run();
  EXPECT_EQ(a.downs, std::vector<std::string>{"b"});
  EXPECT_EQ(a.reasons.back(), "the peer says: the session to be resumed is over");
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  settle();
  EXPECT_TRUE(a.open());
  EXPECT_TRUE(b.open());
}

TEST_F(Resume, ClosingMeanwhileIsAFenceForTheOther) {
  network.cut(true);
  run();
  b.link->stop();
  advance(milliseconds(1000));
  run();
  EXPECT_EQ(client.state(x), "S1") << "nothing says that b is gone";
  for (int round = 0; round < 11; ++round) {
    advance(milliseconds(500));
    run();
  }
  EXPECT_EQ(client.state(x), "DN1");
}

// Exchange 1, the race: b has opened the session, its answer never arrives at a.
class LostAnswer : public testing::Test {
 protected:
  explicit LostAnswer(unsigned char node_a = 1)
      : a(network, {.name = "a", .node = node_a, .dials = {"b"}, .expects = {}}) {
    network.run();
    network.refuse_dials(false);
    a.advance(milliseconds(50));
    while (!b.open() && network.step()) {
    }
    EXPECT_TRUE(b.open());
    EXPECT_FALSE(a.open());
  }
  // b's programs use the session at once.
  void use() {
    EXPECT_EQ(b.names.send({.remote = b.peer_names, .remote_type = kCopySend, .id = 8}), MACH_MSG_SUCCESS);
  }
  void lose() {
    network.cut(true);
    network.run();
  }
  void settle() {
    for (int round = 0; round < 20 && !(a.open() && b.open()); ++round) {
      a.advance(milliseconds(50));
      b.advance(milliseconds(50));
      network.run();
    }
    network.run();
  }
  void expect_nothing_lost() {
    EXPECT_TRUE(a.open());
    EXPECT_TRUE(b.open());
    EXPECT_EQ(b.downs.size(), 0U);
    EXPECT_EQ(a.names.receive(a.names_port).header.msgh_id, 8);
    EXPECT_EQ(a.names.send({.remote = a.peer_names, .remote_type = kCopySend, .id = 9}), MACH_MSG_SUCCESS);
    network.run();
    EXPECT_EQ(b.names.receive(b.names_port).header.msgh_id, 9);
  }

  struct Apart {
    explicit Apart(MemoryNetwork& network) { network.refuse_dials(true); }
  };

  MemoryNetwork network;
  const Apart at_first{network};
  Host a;
  Host b{network, {.name = "b", .node = 2, .dials = {"a"}, .expects = {}}};
};

TEST_F(LostAnswer, TheDialerOffersTheSameSessionAgain) {
  use();
  lose();
  for (int round = 0; round < 4; ++round) a.advance(milliseconds(50));  // a dials first
  network.run();
  settle();
  expect_nothing_lost();
}

TEST_F(LostAnswer, TheRoomOfTheNameServiceIsWhatTheLastHelloSays) {
  lose();
  EXPECT_EQ(a.names.set_qlimit(a.names_port, 2), KERN_SUCCESS);
  for (int round = 0; round < 4; ++round) a.advance(milliseconds(50));  // a dials first
  settle();
  const std::vector<proxy::SessionRow> sessions = b.link->open_sessions();
  EXPECT_EQ(sessions.at(0).units.back().side, proxy::UnitRow::Side::kProxy);
  EXPECT_EQ(sessions.at(0).units.back().port->room(), 2U);
}

// Else the session would be over and open, and what is kept by the nonce of a session that is over would go at once.
TEST_F(LostAnswer, WhatIsOverForTheOtherOneIsRefusedAndAnotherSessionOffered) {
  const std::uint64_t lost = b.link->open_sessions().at(0).nonce;
  lose();
  network.refuse_dials(true);
  for (int second = 0; second < 6; ++second) b.advance(milliseconds(1000));
  EXPECT_FALSE(b.open());
  network.refuse_dials(false);
  settle();
  EXPECT_TRUE(a.open() && b.open());
  EXPECT_NE(b.link->open_sessions().at(0).nonce, lost);
}

TEST_F(LostAnswer, TheOtherOneResumesIt) {
  use();
  lose();
  for (int round = 0; round < 4; ++round) b.advance(milliseconds(50));  // b dials first
  network.run();
  settle();
  expect_nothing_lost();
}

class LostAnswerToTheHigherNode : public LostAnswer {
 protected:
  LostAnswerToTheHigherNode() : LostAnswer(3) {}
};

// b's stream stays, by which it resumes the session: that a's was refused says nothing about what a has offered.
TEST_F(LostAnswerToTheHigherNode, BothDialAndTheRefusalComesFirst) {
  use();
  lose();
  for (int round = 0; round < 4; ++round) {
    a.advance(milliseconds(50));
    b.advance(milliseconds(50));
  }
  while (a.row().state != "hello") ASSERT_TRUE(network.step("a"));
  network.run("b");
  network.sort_by_stream("a");
  network.run();
  settle();
  expect_nothing_lost();
}

}  // namespace
}  // namespace netmsg::test
