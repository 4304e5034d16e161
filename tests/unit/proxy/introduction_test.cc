// SPDX-License-Identifier: Apache-2.0
// Introductions (rules R3, R5, D3, D7; peer.proto, exchange 10): A gives C rights to ports of B. Each step and each race
// with the order of the three links chosen by the test.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class Introduction : public ManyHosts {
 protected:
  explicit Introduction(unsigned hosts = 3, const proxy::PeerLimits& limits = {}) : ManyHosts(hosts, limits) {
    held = give_across(b, server, port, kCopySend, a, middle);
    inbox_port = client.port_with_sends(1);
    inbox = give_across(c, client, inbox_port, kCopySend, a, middle);
  }

  // A's program sends C's the right, and one message behind it.
  void introduce(unsigned disposition = kMoveSend, Name name = 0) {
    EXPECT_EQ(middle.send({.remote = inbox,
                           .remote_type = kCopySend,
                           .id = 1,
                           .items = {rights(disposition, {name == 0 ? held : name})}}),
              MACH_MSG_SUCCESS);
    EXPECT_EQ(middle.send({.remote = inbox, .remote_type = kCopySend, .id = 2}), MACH_MSG_SUCCESS);
  }
  // A send-once right to B's port in A's program.
  Name once() { return give_across(b, server, port, kMakeOnce, a, middle); }
  // What C's program has got; the right's name, 0 if the messages have not come.
  Name got() {
    const Received first = client.receive(inbox_port);
    if (first.code != MACH_MSG_SUCCESS) return 0;
    EXPECT_EQ(first.header.msgh_id, 1);
    EXPECT_EQ(client.receive(inbox_port).header.msgh_id, 2) << "those behind it come after it";
    return first.values.at(0);
  }
  void expect_dead() { EXPECT_EQ(got(), MACH_PORT_DEAD); }
  // C's program sends to B's port by it.
  void expect_works(Name name, unsigned disposition = kCopySend) {
    EXPECT_EQ(client.send({.remote = name, .remote_type = disposition, .id = 7}), MACH_MSG_SUCCESS);
    run();
    EXPECT_EQ(server.receive(port).header.msgh_id, 7);
  }
  void expect_no_senders(bool fires) {
    EXPECT_EQ(server.receive(backup).code, fires ? MACH_MSG_SUCCESS : MACH_RCV_TIMED_OUT);
  }
  // No-senders of B's port is heard there. B's own send right goes.
  void watch() {
    EXPECT_EQ(server.request(port, MACH_NOTIFY_NO_SENDERS, backup), KERN_SUCCESS);
    EXPECT_EQ(server.mod_refs(port, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  }
  unsigned notifications(mach_msg_id_t id) { return server.drain(port, id); }
  // Everything is given back: nobody has units but those of the name services.
  void expect_nothing_left() {
    for (Task* task : {&client, &middle}) task->die();
    run();
    pass(2 * timing.lease + milliseconds(500));
    for (Host* each : {&a, &b, &c}) {
      for (const proxy::PeerRow& row : each->link->peers()) {
        EXPECT_EQ(row.proxies, 1U) << each->name() << " of " << row.name;
        EXPECT_EQ(row.exports, 1U) << each->name() << " at " << row.name;
        EXPECT_EQ(row.send_once_units, 0U);
      }
    }
  }
  Host& a = host(0);
  Host& b = host(1);
  Host& c = host(2);
  Task& middle = a.task("middle");
  Task& server = b.task("server");
  Task& client = c.task("client");
  const Name port = server.port_with_sends(1);
  const Name backup = server.port();
  Name inbox_port = 0;
  Name inbox = 0;
  Name held = 0;
};

TEST_F(Introduction, ARightToAThirdHostsPortWorks) {
  introduce();
  run();
  expect_works(got());
  expect_nothing_left();
}

TEST_F(Introduction, TheMessageWaitsForItsUnit) {
  introduce();
  run(c);
  EXPECT_EQ(got(), 0U) << "parked, and the one behind it";
  run();
  expect_works(got());
  expect_nothing_left();
}

TEST_F(Introduction, TheUnitWaitsForItsMessage) {
  network.refuse_dials("a", "c", true);
  network.cut("a", "c", true);
  introduce();
  run();
  EXPECT_EQ(got(), 0U);
  EXPECT_EQ(c.row("b").proxies, 2U) << "unmatched";
  network.refuse_dials("a", "c", false);
  reconnect();
  expect_works(got());
  expect_nothing_left();
}

TEST_F(Introduction, OnlyMessagesOfThatSenderToThatPortWait) {
  introduce();
  run(c);
  const Name other = client.port_with_sends(1);
  EXPECT_EQ(client.send({.remote = inbox_port, .remote_type = kCopySend, .id = 5}), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.receive(inbox_port).header.msgh_id, 5) << "a local sender's";
  EXPECT_EQ(client.send({.remote = other, .remote_type = kCopySend, .id = 6}), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.receive(other).header.msgh_id, 6);
  run();
  EXPECT_NE(got(), 0U);
}

TEST_F(Introduction, SeveralRightsOfOneMessageAreAllSettledBeforeItComes) {
  const Name second_port = server.port_with_sends(1);
  const Name second = give_across(b, server, second_port, kCopySend, a, middle);
  EXPECT_EQ(middle.send({.remote = inbox,
                         .remote_type = kCopySend,
                         .local = held,
                         .local_type = kCopySend,
                         .id = 1,
                         .items = {rights(kCopySend, {held, second}), rights(kMoveOnce, {once()})}}),
            MACH_MSG_SUCCESS);
  run();
  const Received got = client.receive(inbox_port);
  ASSERT_EQ(got.values.size(), 3U);
  EXPECT_EQ(got.header.msgh_remote_port, got.values[0]) << "one port, one name (I9)";
  EXPECT_EQ(client.state(got.values[0]), "S2");
  EXPECT_EQ(client.state(got.values[1]), "S1");
  EXPECT_EQ(client.state(got.values[2]), "SO");
  expect_works(got.values[0]);
  expect_works(got.values[2], kMoveOnce);
  expect_nothing_left();
}

// R5: the unit is one, wherever it is.
TEST_F(Introduction, ASendOnceRightIsHandedOn) {
  introduce(kMoveOnce, once());
  EXPECT_EQ(b.row("a").send_once_units, 1U);
  run();
  EXPECT_EQ(b.row("a").send_once_units, 0U);
  EXPECT_EQ(b.row("c").send_once_units, 1U);
  expect_works(got(), kMoveOnce);
  EXPECT_EQ(notifications(MACH_NOTIFY_SEND_ONCE), 0U);
  expect_nothing_left();
}

// Its uid is the same before and after, though for a moment nobody holds a unit of it.
TEST_F(Introduction, ASendOnceRightOfAPortThatNobodyElseKnowsIsHandedOn) {
  const Name secret = server.port();
  introduce(kMoveOnce, give_across(b, server, secret, kMakeOnce, a, middle));
  run();
  EXPECT_EQ(client.send({.remote = got(), .remote_type = kMoveOnce, .id = 8}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(secret).header.msgh_id, 8);
  expect_nothing_left();
}

// A29: the introducer lets go of its own right at once.
TEST_F(Introduction, A29NoSendersWaitsForARightThatIsOnItsWayByAThirdHost) {
  watch();
  introduce(kMoveSend);
  run(b);  // Grant, then the Release
  expect_no_senders(false);
  run();
  const Name name = got();
  expect_works(name);
  expect_no_senders(false);
  EXPECT_EQ(client.deallocate(name), KERN_SUCCESS);
  run();
  expect_no_senders(true);
}

TEST_F(Introduction, NoSendersWaitsForAParkedMessage) {
  const Name heard = client.port();
  EXPECT_EQ(client.request(inbox_port, MACH_NOTIFY_NO_SENDERS, heard), KERN_SUCCESS);
  introduce();
  run(c);
  EXPECT_EQ(client.mod_refs(inbox_port, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  middle.die();
  run(c);
  EXPECT_EQ(client.receive(heard).code, MACH_RCV_TIMED_OUT) << "the parked ones hold their destination";
  run();
  EXPECT_NE(got(), 0U);
  EXPECT_EQ(client.receive(heard).code, MACH_MSG_SUCCESS);
}

// A33: C dials B only because of it; here they find each other again after a fence.
TEST_F(Introduction, A33TheHomeKeepsTheUnitUntilTheThirdHostHasASession) {
  part(b, c, true);
  EXPECT_FALSE(b.open("c"));
  introduce();
  run();
  EXPECT_EQ(got(), 0U);
  reconnect();
  expect_works(got());
  expect_nothing_left();
}

TEST_F(Introduction, WithoutASessionInTimeTheRightIsDeadAndTheUnitIsGivenBack) {
  part(b, c, true);
  network.refuse_dials("b", "c", true);
  introduce(kMoveOnce, once());
  run();
  EXPECT_EQ(got(), 0U);
  pass(timing.lease + milliseconds(500));
  expect_dead();
  EXPECT_EQ(notifications(MACH_NOTIFY_SEND_ONCE), 1U) << "what was kept for C";
  network.refuse_dials("b", "c", false);
  reconnect();
  expect_nothing_left();
}

TEST_F(Introduction, APortThatHasDiedIsDead) {
  EXPECT_EQ(server.destroy(port), KERN_SUCCESS);
  introduce();  // Died is still on its way
  run();
  expect_dead();
}

TEST_F(Introduction, APortThatDiesBehindTheGrantDiesAtTheThirdHost) {
  introduce();
  run(b);
  EXPECT_EQ(server.destroy(port), KERN_SUCCESS);
  run();
  const Name name = got();
  EXPECT_TRUE(name == MACH_PORT_DEAD || client.state(name) == "DN1") << client.state(name);
}

TEST_F(Introduction, AParkedMessageToAPortThatDiesGivesItsRightsBack) {
  introduce(kMoveOnce, once());
  run(c);
  EXPECT_EQ(client.destroy(inbox_port), KERN_SUCCESS);
  run();
  EXPECT_EQ(notifications(MACH_NOTIFY_SEND_ONCE), 1U);
}

// R9, D3: the introducer's link to the third host is cut for good; the message was lost in it.
TEST_F(Introduction, FenceBetweenIntroducerAndThirdHostGivesTheUnitUp) {
  watch();
  network.refuse_dials("a", "c", true);
  network.cut("a", "c", true);
  introduce(kMoveSend);
  run();
  EXPECT_EQ(c.row("b").proxies, 2U) << "unmatched";
  expect_no_senders(false);
  pass(timing.lease + milliseconds(500));
  EXPECT_EQ(c.row("b").proxies, 1U) << "its message cannot come any more";
  expect_no_senders(true);
}

// The message has come, its introducer goes: it is parked beyond that, and paired.
TEST_F(Introduction, AParkedMessageOutlivesItsSession) {
  introduce();
  run(c);
  b.link->tick();
  part(a, c, true);
  expect_works(got());
}

TEST_F(Introduction, ADaemonStopsWhileMessagesAreParked) {
  introduce();
  run(c);
  c.link->stop();
  EXPECT_EQ(got(), 0U) << "destroyed with their rights";
}

// D7: the Grant is lost with its session; the home denies it.
TEST_F(Introduction, FenceBetweenIntroducerAndHomeIsDenied) {
  network.refuse_dials("a", "b", true);
  network.cut("a", "b", true);
  introduce();
  run();
  EXPECT_EQ(got(), 0U);
  pass(2 * timing.lease);
  expect_dead();
}

// The home has granted, the unit was lost with the session of home and third host.
TEST_F(Introduction, FenceBetweenHomeAndThirdHostIsDenied) {
  introduce();
  network.refuse_dials("b", "c", true);
  network.cut("b", "c", true);
  run();
  EXPECT_EQ(got(), 0U);
  pass(timing.lease + milliseconds(500));
  network.refuse_dials("b", "c", false);
  reconnect();
  pass(timing.lease);
  expect_dead();
  EXPECT_EQ(b.row("c").exports, 1U);
}

TEST_F(Introduction, AHomeThatIsGoneForGoodIsDeadAfterTwoLeases) {
  introduce();
  for (const char* other : {"a", "c"}) {
    network.refuse_dials("b", other, true);
    network.cut("b", other, true);
  }
  run();
  EXPECT_EQ(got(), 0U);
  pass(2 * timing.lease + milliseconds(500));
  expect_dead();
}

TEST_F(Introduction, ARightToAHomeWhoseSessionIsOverIsDead) {
  part(a, b, true);
  EXPECT_EQ(middle.state(held), "DN1");
  introduce();
  run();
  expect_dead();
}

// From hand to hand: each hop is an introduction of its own.
class Chain : public Introduction {
 protected:
  Chain() : Introduction(4) {}
};

TEST_F(Chain, ARightGoesOnToAFourthHost) {
  introduce();
  run();
  const Name second = got();
  Host& d = host(3);
  Task& last = d.task("last");
  const Name final = give_across(c, client, second, kMoveSend, d, last);
  EXPECT_EQ(last.send({.remote = final, .remote_type = kCopySend, .id = 9}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(port).header.msgh_id, 9);
  EXPECT_EQ(c.row("b").proxies, 1U) << "C has let go";
}

// B and C do not talk to each other.
class AmongStrangers : public ManyHosts {
 protected:
  AmongStrangers() : ManyHosts(3, {}, {{1, 2}}) {}
  // A's program sends the right on to C's; what that one gets.
  Name introduce(unsigned disposition, Name name) {
    EXPECT_EQ(
        middle.send(
            {.remote = inbox, .remote_type = kCopySend, .id = 1, .items = {rights(disposition, {name})}}),
        MACH_MSG_SUCCESS);
    run();
    const Received first = client.receive(inbox_port);
    return first.code == MACH_MSG_SUCCESS ? first.values.at(0) : 0;
  }
  Task& middle = host(0).task("middle");
  Task& server = host(1).task("server");
  Task& client = host(2).task("client");
  const Name port = server.port_with_sends(1);
  const Name inbox_port = client.port_with_sends(1);
  const Name inbox = give_across(host(2), client, inbox_port, kCopySend, host(0), middle);
};

// GrantFailed(NOT_ALLOWED): at once, not when time is over.
TEST_F(AmongStrangers, ARightIsDeadWhoseHomeDoesNotTalkToTheThirdHost) {
  const Name held = give_across(host(1), server, port, kCopySend, host(0), middle);
  EXPECT_EQ(introduce(kMoveSend, held), MACH_PORT_DEAD);
  EXPECT_EQ(host(1).row("a").exports, 1U) << "the unit was given back";
}

TEST_F(AmongStrangers, ASendOnceRightIsItsNotification) {
  const Name once = give_across(host(1), server, port, kMakeOnce, host(0), middle);
  EXPECT_EQ(introduce(kMoveOnce, once), MACH_PORT_DEAD);
  EXPECT_EQ(server.drain(port, MACH_NOTIFY_SEND_ONCE), 1U);
}

}  // namespace
}  // namespace netmsg::test
