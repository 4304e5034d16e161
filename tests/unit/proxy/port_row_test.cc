// SPDX-License-Identifier: Apache-2.0
// What each daemon tells of a port that is on its way, and of rights to it that are not settled: nothing when all is at
// rest.
#include "proxy/port_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ipc/space.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

// P is at home at b; tasks of a and c have send rights to it.
class PortRows : public ManyHosts {
 protected:
  PortRows() : ManyHosts(3) {}

  proxy::PortUid uid() const { return *a.link->uid_of(*at_a.space().find(held)->port()); }
  std::optional<proxy::PortRow> row(const Host& at) const { return at.link->port_row(uid()); }
  bool at_rest() const {
    return row(a)->settled() && (!row(b) || row(b)->settled()) && (!row(c) || row(c)->settled());
  }
  // The receive right sets off in a message to c.
  void depart() {
    EXPECT_EQ(
        at_b.send(
            {.remote = reach(b, at_b, c), .remote_type = kMoveSend, .items = {rights(kMoveReceive, {p})}}),
        MACH_MSG_SUCCESS);
  }
  // a's right goes on to c.
  void introduce() {
    EXPECT_EQ(
        at_a.send(
            {.remote = reach(a, at_a, c), .remote_type = kMoveSend, .items = {rights(kCopySend, {held})}}),
        MACH_MSG_SUCCESS);
  }

  void lose_session_of_b_and_c() {
    part(b, c, true);
    network.refuse_dials("b", "c", true);
  }

  Host& a = host(0);
  Host& b = host(1);
  Host& c = host(2);
  Task& at_a = a.task("holder");
  Task& at_b = b.task("server");
  const Name p = at_b.port_with_sends(1);
  const Name held = give_across(b, at_b, p, kCopySend, a, at_a);
};

TEST_F(PortRows, OfAPortAtRestSayNothing) {
  EXPECT_TRUE(at_rest());
  EXPECT_FALSE(row(c)) << "which knows nothing of it";
  EXPECT_EQ(row(b)->epoch, 0U);
}

TEST_F(PortRows, AnOldHomeTellsOfThoseWhoStillSendToIt) {
  depart();
  EXPECT_FALSE(row(b)->stub->told) << "the group is under way";
  EXPECT_TRUE(row(b)->stub->guard);
  ASSERT_EQ(row(b)->stub->paths.size(), 1U);
  EXPECT_EQ(row(b)->stub->paths[0].send, 1U);
  EXPECT_EQ(b.link->peers()[row(b)->stub->target].name, "c");
  run();
  EXPECT_TRUE(at_rest());
  EXPECT_EQ(row(c)->epoch, 1U);
}

TEST_F(PortRows, ANewHomeTellsOfThoseWhoStillSendToTheOldOne) {
  depart();
  run(c);
  ASSERT_TRUE(row(c)->undrained);
  EXPECT_EQ(c.link->peers()[row(c)->undrained->by].name, "b");
  ASSERT_EQ(row(c)->undrained->paths.size(), 1U);
  EXPECT_EQ(row(c)->undrained->paths[0].holder.node, node_of(1));
  EXPECT_FALSE(row(c)->undrained->paths[0].closing);
  run();
  EXPECT_TRUE(at_rest());
}

TEST_F(PortRows, ARightThatWaitsForItsHomeIsToldWhereItWaits) {
  introduce();
  run(c);
  ASSERT_TRUE(row(c)) << "there is no port yet";
  EXPECT_EQ(row(c)->port, nullptr);
  EXPECT_EQ(row(c)->awaited, 1U);
  run();
  EXPECT_TRUE(at_rest());
  EXPECT_NE(row(c)->port, nullptr);
}

// The new home's word comes before the old one's.
TEST_F(PortRows, ARightWhoseHomeIsContestedIsToldWhereItWaits) {
  depart();
  run(c);
  const Received got = c.names.receive(c.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(c.names.send({.remote = reach(c, c.names, a),
                          .remote_type = kMoveSend,
                          .items = {rights(MACH_MSG_TYPE_MAKE_SEND, {got.values[0]})}}),
            MACH_MSG_SUCCESS);
  run(a);
  EXPECT_EQ(row(a)->awaited, 1U);
  run();
  pass(milliseconds(1000));
  EXPECT_TRUE(at_rest());
}

TEST_F(PortRows, MessagesThatWaitAreToldWithTheirPort) {
  const ipc::Port& names = *c.names.space().find(c.names_port)->port();
  introduce();
  run(c);
  const proxy::PortUid uid_of_names = *c.link->uid_of(names);
  const std::optional<proxy::PortRow> waiting = c.link->port_row(uid_of_names);
  ASSERT_EQ(waiting->parked.size(), 1U);
  EXPECT_EQ(waiting->parked[0].messages, 1U);
  EXPECT_EQ(c.link->peers()[waiting->parked[0].peer].name, "a");
  run();
  EXPECT_TRUE(c.link->port_row(uid_of_names)->settled());
}

TEST_F(PortRows, AUnitThatIsEarlyIsToldWithItsPort) {
  network.refuse_dials("a", "c", true);
  network.cut("a", "c", true);
  introduce();
  run();
  EXPECT_EQ(row(c)->unmatched, 1U);
  network.refuse_dials("a", "c", false);
  reconnect();
  EXPECT_TRUE(at_rest());
}

TEST_F(PortRows, AUnitWhoseDaemonHasNotComeIsToldAtHome) {
  lose_session_of_b_and_c();
  introduce();
  run();
  EXPECT_EQ(row(b)->kept, 1U);
  pass(3 * timing.lease);
  EXPECT_TRUE(at_rest());
}

TEST_F(PortRows, ARightThatIsDeadForItsIntroductionHasFailedIsToldWithTheIntroducer) {
  lose_session_of_b_and_c();
  introduce();
  run();
  pass(3 * timing.lease);
  EXPECT_EQ(c.row("a").dead_introductions.count, 1U);
  EXPECT_THAT(c.row("a").dead_introductions.last, testing::HasSubstr("home"));
  EXPECT_EQ(c.row("b").dead_introductions.count, 0U);
}

}  // namespace
}  // namespace netmsg::test
