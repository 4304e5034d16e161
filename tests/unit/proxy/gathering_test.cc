// SPDX-License-Identifier: Apache-2.0
// A host that writes what several events have to say at once, when its owner says so.
#include <gtest/gtest.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

class Gathering : public TwoHosts {
 protected:
  mach_msg_return_t send(int id) { return client.send({.remote = x, .remote_type = kCopySend, .id = id}); }
  void send(int first, int last) {
    for (int id = first; id <= last; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  }
  void expect_received(int first, int last) {
    for (int id = first; id <= last; ++id) EXPECT_EQ(server.receive(r).header.msgh_id, id);
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
};

TEST_F(Gathering, WhatSeveralEventsSayLeavesInOneMessage) {
  a.gathers = true;
  a.writes_owed = 0;
  send(1, 3);
  EXPECT_EQ(a.writes_owed, 1) << "the owner is told once";
  EXPECT_EQ(network.under_way("b"), 0U);
  a.link->write();
  EXPECT_TRUE(network.step("b"));
  EXPECT_FALSE(network.step("b"));
  expect_received(1, 3);
  send(4, 4);
  EXPECT_EQ(a.writes_owed, 2) << "it is told again";
}

TEST_F(Gathering, WhoWritesForNothingSaysNothing) {
  a.gathers = true;
  a.link->write();
  EXPECT_EQ(network.under_way("b"), 0U);
}

TEST_F(Gathering, EachRoomIsToldOnceAsItIsThen) {
  send(1, 5);
  run();
  b.gathers = true;
  const std::uint64_t told = b.row().frames_sent;
  expect_received(1, 5);
  run();
  EXPECT_EQ(send(6), MACH_SEND_TIMED_OUT) << "nobody has told";
  b.link->write();
  EXPECT_EQ(b.row().frames_sent, told + 1);
  run();
  send(6, 10);
  EXPECT_EQ(send(11), MACH_SEND_TIMED_OUT);
}

TEST_F(Gathering, OfAPortThatHasDiedOnlyThatIsTold) {
  send(1, 5);
  run();
  b.gathers = true;
  const std::uint64_t told = b.row().frames_sent;
  expect_received(1, 5);
  EXPECT_EQ(server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  b.link->write();
  EXPECT_EQ(b.row().frames_sent, told + 1);
  run();
  EXPECT_EQ(client.state(x), "DN1");
}

TEST_F(Gathering, TimeWritesWhatIsOwedToo) {
  a.gathers = true;
  send(1, 2);
  a.advance(timing.ack_delay);
  run();
  expect_received(1, 2);
}

TEST_F(Gathering, WhoStopsHasSaidAll) {
  a.gathers = true;
  send(1, 2);
  a.link->stop();
  run();
  expect_received(1, 2);
}

}  // namespace
}  // namespace netmsg::test
