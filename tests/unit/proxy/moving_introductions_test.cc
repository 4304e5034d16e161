// SPDX-License-Identifier: Apache-2.0
// Introductions of ports that move (rules R3, R6, T4; peer.proto, exchange 10 steps 7 and 8): units of a home that the holder
// does not know yet, or no more, and Grants that find the port gone.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

// A port of y's server moves to z. X's client holds a send right and has an inbox that z's heir may send to; so has w's.
class MovingIntroduction : public ManyHosts {
 protected:
  explicit MovingIntroduction(const proxy::PeerLimits& limits = {}) : ManyHosts(4, limits) {}

  // It is at home at z, whose program has it; y has not heard of that. Its name there.
  Name move_unnoticed() {
    EXPECT_EQ(
        server.send(
            {.remote = reach(y, server, z), .remote_type = kMoveSend, .items = {rights(kMoveReceive, {p})}}),
        MACH_MSG_SUCCESS);
    run(z);
    const Received got = z.names.receive(z.names_port);
    EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
    const auto moved =
        ipc::mach_port::extract_right(heir.space(), z.names.space(), got.values.at(0), kMoveReceive);
    return moved.value().first;
  }
  void send_right(Task& from, Name to, unsigned disposition, Name name) {
    EXPECT_EQ(
        from.send({.remote = to, .remote_type = kCopySend, .id = 1, .items = {rights(disposition, {name})}}),
        MACH_MSG_SUCCESS);
  }
  // Everything that acknowledgements bring about.
  void settle() {
    run();
    pass(milliseconds(1500));
  }
  // The right in the next message; 0 if there is none.
  Name got(Task& task, Name port) {
    const Received first = task.receive(port);
    return first.code == MACH_MSG_SUCCESS ? first.values.at(0) : 0;
  }
  void expect_works(Task& task, Name name, Name home, unsigned disposition = kCopySend) {
    EXPECT_EQ(task.send({.remote = name, .remote_type = disposition, .id = 7}), MACH_MSG_SUCCESS);
    settle();
    EXPECT_EQ(heir.receive(home).header.msgh_id, 7);
  }
  // No unit is left behind: with the last right no-senders comes.
  void expect_no_senders_without(std::initializer_list<Task*> holders, Name home) {
    EXPECT_EQ(heir.request(home, MACH_NOTIFY_NO_SENDERS, heard), KERN_SUCCESS);
    EXPECT_EQ(heir.receive(heard).code, MACH_RCV_TIMED_OUT);
    for (Task* each : holders) each->die();
    server.die();
    settle();
    EXPECT_EQ(heir.receive(heard).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
    for (unsigned each = 0; each < 4; ++each) EXPECT_TRUE(host(each).link->idle());
  }

  Host& x = host(0);
  Host& y = host(1);
  Host& z = host(2);
  Host& w = host(3);
  Task& client = x.task("client");
  Task& server = y.task("server");
  Task& heir = z.task("heir");
  Task& other = w.task("other");
  const Name p = server.port();
  const Name far = give_across(y, server, p, kMakeSend, x, client);
  const Name heard = heir.port();
  const Name client_port = client.port();
  const Name to_client = give_across(x, client, client_port, kMakeSend, z, heir);
  const Name other_port = other.port();
  const Name to_other = give_across(w, other, other_port, kMakeSend, x, client);
};

// R6: the new home is ahead of the Moved.
TEST_F(MovingIntroduction, AUnitOfAHomeThatIsNotKnownYetWaits) {
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(x);
  EXPECT_EQ(got(client, client_port), 0U) << "parked";
  settle();
  EXPECT_EQ(got(client, client_port), far) << "one port, one name";
  EXPECT_EQ(client.state(far), "S2");
  expect_works(client, far, q);
  expect_no_senders_without({&client}, q);
}

TEST_F(MovingIntroduction, AndSoDoesASendOnceRight) {
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeOnce, q);
  run(x);
  EXPECT_EQ(got(client, client_port), 0U);
  settle();
  const Name once = got(client, client_port);
  EXPECT_EQ(client.state(once), "SO");
  expect_works(client, once, q, kMoveOnce);
}

// R6 (c): there is no proxy any more.
TEST_F(MovingIntroduction, WithoutTheOldProxyItIsFirstContact) {
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(x);
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  pass(milliseconds(1500));
  const Name name = got(client, client_port);
  expect_works(client, name, q);
  expect_no_senders_without({&client}, q);
}

TEST_F(MovingIntroduction, AUnitOfAHomeThatIsLostIsDead) {
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(x);
  part(x, z, true);
  EXPECT_EQ(got(client, client_port), MACH_PORT_DEAD);
}

TEST_F(MovingIntroduction, AUnitOfAPortThatDiesThereIsDead) {
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(x);
  heir.destroy(q);
  settle();
  EXPECT_EQ(got(client, client_port), MACH_PORT_DEAD);
}

// R6 (b): what the old home has granted comes behind what the new one has.
TEST_F(MovingIntroduction, ASlowUnitOfTheOldHomeCountsWithTheNewOne) {
  const Name to_client_too = give_across(x, client, client_port, kMakeSend, y, server);
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  run();
  server.make_send(p);
  network.cut("a", "b", true);
  send_right(server, to_client_too, kCopySend, p);  // comes when the stream is back
  EXPECT_EQ(server.mod_refs(p, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(x);
  const Name name = got(client, client_port);
  EXPECT_EQ(client.state(name), "S1") << "first contact";
  reconnect();
  settle();
  EXPECT_EQ(got(client, client_port), name);
  EXPECT_EQ(client.state(name), "S2");
  expect_works(client, name, q);
  expect_no_senders_without({&client}, q);
}

// Likewise where the new home has granted send-once rights only: the unit is one that it has heard of from the old home.
class SlowUnitBesideASendOnceRight : public MovingIntroduction {
 protected:
  SlowUnitBesideASendOnceRight() {
    const Name to_client_too = give_across(x, client, client_port, kMakeSend, y, server);
    EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
    run();
    server.make_send(p);
    network.cut("a", "b", true);
    send_right(server, to_client_too, kCopySend, p);
    EXPECT_EQ(server.mod_refs(p, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
    q = move_unnoticed();
    send_right(heir, to_client, kMakeOnce, q);
    run(x);
    once = got(client, client_port);
    reconnect();
    settle();
    name = got(client, client_port);
  }
  Name q = 0;
  Name once = 0;
  Name name = 0;
};

TEST_F(SlowUnitBesideASendOnceRight, IsKept) {
  EXPECT_EQ(client.state(once), "SO");
  EXPECT_EQ(client.state(name), "S1");
  expect_works(client, name, q);
  expect_works(client, once, q, kMoveOnce);
  expect_works(client, name, q);
  expect_no_senders_without({&client}, q);
  EXPECT_TRUE(z.open("a")) << "no more was given back than was granted";
}

TEST_F(SlowUnitBesideASendOnceRight, IsGivenBackByWayOfAHomeThatHasMovedOn) {
  EXPECT_EQ(
      heir.send(
          {.remote = reach(z, heir, w), .remote_type = kMoveSend, .items = {rights(kMoveReceive, {q})}}),
      MACH_MSG_SUCCESS);
  run(w);
  EXPECT_EQ(client.deallocate(name), KERN_SUCCESS);
  settle();
  const Received carrier = w.names.receive(w.names_port);
  ASSERT_EQ(carrier.values.size(), 1U);
  const Name notified = w.names.port();
  EXPECT_EQ(w.names.request(carrier.values[0], MACH_NOTIFY_NO_SENDERS, notified), KERN_SUCCESS);
  settle();
  EXPECT_EQ(w.names.receive(notified).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
}

proxy::PeerLimits soon_too_much() {
  proxy::PeerLimits limits;
  limits.unacknowledged = 4096;
  return limits;
}

// The new home has lost the old one, and has been told by x what that has, when a right comes there that the old home has
// granted: the new home has taken it away (D4).
class SlowUnitOfALostHome : public MovingIntroduction {
 protected:
  SlowUnitOfALostHome() : MovingIntroduction(soon_too_much()) {
    to_client_too = give_across(x, client, client_port, kMakeSend, y, server);
    EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
    run();
    network.cut("a", "b", true);
    network.refuse_dials("a", "b", true);
  }
  // By its old home; comes when the stream is back.
  void grant_slowly(unsigned disposition) {
    server.make_send(p);
    send_right(server, to_client_too, disposition, p);
    EXPECT_EQ(server.mod_refs(p, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
    q = move_unnoticed();
    advance(milliseconds(20));
    run(y);  // which tells x, after that right
  }
  Name grant(unsigned disposition) {
    send_right(heir, to_client, disposition, q);
    run(x);
    return got(client, client_port);
  }
  void lose_the_old_home() {
    EXPECT_EQ(heir.send({.remote = reach(z, heir, y),
                         .remote_type = kMoveSend,
                         .items = {memory(Bytes(5 * soon_too_much().unacknowledged))}}),
              MACH_MSG_SUCCESS);
    z.advance(milliseconds(0));
    ASSERT_FALSE(z.open("b"));
  }
  void ask() {
    lose_the_old_home();
    run(x);
    run(z);
  }
  Name come_slowly() {
    network.refuse_dials("a", "b", false);
    reconnect();
    settle();
    return got(client, client_port);
  }
  // The next frame to x.
  void come_from(Host& host) {
    network.sort_by_stream("a");
    const std::uint64_t applied = x.row(host.name()).frames_applied;
    while (x.row(host.name()).frames_applied == applied) ASSERT_TRUE(network.step("a"));
  }
  Name to_client_too = 0;
  Name q = 0;
};

TEST_F(SlowUnitOfALostHome, IsNotGivenBack) {
  grant_slowly(kCopySend);
  const Name name = grant(kMakeSend);
  ask();
  EXPECT_EQ(come_slowly(), name);
  EXPECT_EQ(client.state(name), "S2");
  expect_works(client, name, q);
  expect_no_senders_without({&client}, q);
}

TEST_F(SlowUnitOfALostHome, NorWhenTheNewHomeHasGrantedMoreMeanwhile) {
  grant_slowly(kCopySend);
  lose_the_old_home();
  run(x);  // it has nothing
  const Name name = grant(kMakeSend);
  run(z);
  EXPECT_EQ(come_slowly(), name);
  expect_works(client, name, q);
  expect_no_senders_without({&client}, q);
}

TEST_F(SlowUnitOfALostHome, IsDeadWhereNothingIsBehindIt) {
  grant_slowly(kCopySend);
  const Name once = grant(kMakeOnce);
  ask();
  EXPECT_EQ(come_slowly(), MACH_PORT_DEAD);
  expect_works(client, once, q, kMoveOnce);
}

TEST_F(SlowUnitOfALostHome, IsDeadIfItIsASendOnceRight) {
  grant_slowly(kMakeOnce);
  const Name name = grant(kMakeSend);
  ask();
  EXPECT_EQ(heir.receive(q).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
  EXPECT_EQ(come_slowly(), MACH_PORT_DEAD);
  expect_works(client, name, q);
}

TEST_F(SlowUnitOfALostHome, IsDeadWhereNothingWasWhenTheNewHomeAsked) {
  grant_slowly(kCopySend);
  ask();
  const Name once = grant(kMakeOnce);
  EXPECT_EQ(come_slowly(), MACH_PORT_DEAD);
  expect_works(client, once, q, kMoveOnce);
}

// It is there before the Moved, and has made a proxy. What the new home has granted by then does not make that follow.
TEST_F(SlowUnitOfALostHome, DoesNotFollow) {
  network.refuse_dials("a", "b", false);
  reconnect();  // by a stream that is younger than that of the new home
  settle();
  grant_slowly(kCopySend);
  lose_the_old_home();
  come_from(z);
  come_from(y);
  EXPECT_EQ(x.row("b").proxies, 2U);
  send_right(heir, to_client, kMakeOnce, q);
  come_from(z);
  settle();
  EXPECT_EQ(got(client, client_port), MACH_PORT_DEAD);
  expect_works(client, got(client, client_port), q, kMoveOnce);
}

// T4: x introduces the port to w when it has left y already.
TEST_F(MovingIntroduction, AGrantThatFindsThePortGoneGoesOn) {
  const Name q = move_unnoticed();
  send_right(client, to_other, kCopySend, far);
  settle();
  const Name name = got(other, other_port);
  expect_works(other, name, q);
  expect_works(client, far, q);
  expect_no_senders_without({&client, &other}, q);
}

TEST_F(MovingIntroduction, AndOneOfASendOnceRight) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name q = move_unnoticed();
  send_right(client, to_other, kMoveOnce, once);
  settle();
  const Name name = got(other, other_port);
  EXPECT_EQ(other.state(name), "SO");
  expect_works(other, name, q, kMoveOnce);
  EXPECT_EQ(heir.receive(q).code, MACH_RCV_TIMED_OUT) << "one message, no notification";
}

// The third daemon is the new home itself.
TEST_F(MovingIntroduction, ToWhereThePortHasGone) {
  const Name inbox = heir.port();
  const Name to_heir = give_across(z, heir, inbox, kMakeSend, x, client);
  const Name q = move_unnoticed();
  send_right(client, to_heir, kCopySend, far);
  settle();
  EXPECT_EQ(got(heir, inbox), q);
  EXPECT_EQ(heir.state(q), "R+S1");
  EXPECT_EQ(heir.deallocate(q), KERN_SUCCESS);
  expect_no_senders_without({&client}, q);
}

// The old home has kept the unit for w, to which it had no session, when the port left.
TEST_F(MovingIntroduction, AUnitThatWasKeptGoesOnToo) {
  part(y, w, true);
  network.refuse_dials("b", "d", true);
  send_right(client, to_other, kCopySend, far);
  run();
  EXPECT_EQ(got(other, other_port), 0U);
  const Name q = move_unnoticed();
  settle();
  network.refuse_dials("b", "d", false);
  reconnect();
  settle();
  expect_works(other, got(other, other_port), q);
  expect_no_senders_without({&client, &other}, q);
}

// A port that has died where it went: the failure goes back the way that the Grant has come.
TEST_F(MovingIntroduction, AFailureComesBackByTheOldHome) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name q = move_unnoticed();
  send_right(client, to_other, kMoveOnce, once);
  run(y);
  heir.destroy(q);
  settle();
  EXPECT_EQ(got(other, other_port), MACH_PORT_DEAD);
}

// M8: while the data of the message that carries it is under way, something is parked for the port.
TEST_F(MovingIntroduction, AMessageWhoseDataHasGoneAheadWaitsForWhatIsParked) {
  EXPECT_EQ(server.send({.remote = reach(y, server, z),
                         .remote_type = kMoveSend,
                         .items = {rights(kMoveReceive, {p}), memory(Bytes(6U << 20))}}),
            MACH_MSG_SUCCESS);
  send_right(client, far, kCopySend, to_other);
  for (int round = 0; round < 20; ++round) {
    run(y);
    run(z);
  }
  EXPECT_EQ(z.names.receive(z.names_port).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(client.state(far), "S1");
  settle();
  const Received carrier = z.names.receive(z.names_port);
  ASSERT_FALSE(carrier.values.empty());
  EXPECT_EQ(z.names.receive(carrier.values[0]).values.size(), 1U) << "with what was parked in its queue";
  EXPECT_EQ(client.state(far), "S1");
}

// The same for one that waits behind the data of another.
TEST_F(MovingIntroduction, AMessageBehindOneWithDataWaitsForWhatIsParked) {
  const Name to_z = reach(y, server, z);
  EXPECT_EQ(
      server.send({.remote = to_z, .remote_type = kCopySend, .id = 1, .items = {memory(Bytes(6U << 20))}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(
      server.send({.remote = to_z, .remote_type = kMoveSend, .id = 2, .items = {rights(kMoveReceive, {p})}}),
      MACH_MSG_SUCCESS);
  send_right(client, far, kCopySend, to_other);
  for (int round = 0; round < 20; ++round) {
    run(y);
    run(z);
  }
  EXPECT_EQ(z.names.receive(z.names_port).header.msgh_id, 1);
  EXPECT_EQ(z.names.receive(z.names_port).code, MACH_RCV_TIMED_OUT) << "it waits (M8)";
  settle();
  const Received carrier = z.names.receive(z.names_port);
  ASSERT_FALSE(carrier.values.empty());
  EXPECT_EQ(z.names.receive(carrier.values[0]).values.size(), 1U) << "with what was parked in its queue";
  EXPECT_EQ(client.state(far), "S1");
}

// The port comes with a queue that waits for a right of w's. What was sent to its old home, by somebody who then had no right
// left, is in there.
class MovesWithAQueueThatWaits : public MovingIntroduction {
 protected:
  // In front, with w's right.
  MovesWithAQueueThatWaits() {
    send_right(client, far, kCopySend, to_other);
    run();
  }
  void send_last(Task& from, Name name, int id) {
    EXPECT_EQ(from.send({.remote = name, .remote_type = kMoveSend, .id = id}), MACH_MSG_SUCCESS);
    run();
  }
  void send(Task& from, Name name, int id) {
    EXPECT_EQ(from.send({.remote = name, .remote_type = kCopySend, .id = id}), MACH_MSG_SUCCESS);
  }
  // All but w go on.
  Name move_without_w() {
    const Name q = move_unnoticed();
    run_without_w();
    EXPECT_EQ(heir.receive(q).code, MACH_RCV_TIMED_OUT) << "parked";
    return q;
  }
  void run_without_w() {
    for (int round = 0; round < 20; ++round) {
      for (Host* each : {&x, &y, &z}) run(*each);
    }
  }
  std::vector<int> received(Name port) {
    std::vector<int> ids;
    for (Received each = heir.receive(port); each.code == MACH_MSG_SUCCESS; each = heir.receive(port)) {
      ids.push_back(each.header.msgh_id);
    }
    return ids;
  }
  bool at_rest() const { return x.link->idle() && y.link->idle() && z.link->idle() && w.link->idle(); }
};

// I6 of somebody who is where the port comes to.
TEST_F(MovesWithAQueueThatWaits, OurProgramsDoNotOvertakeIt) {
  const Name over_there = give_across(y, server, p, kMakeSend, z, heir);
  send_last(heir, over_there, 2);
  const Name q = move_without_w();
  heir.make_send(q);
  send(heir, q, 3);
  EXPECT_EQ(heir.status(q).mps_msgcount, 1U) << "it counts";
  settle();
  EXPECT_EQ(received(q), (std::vector{1, 2, 3}));
  settle();
  EXPECT_TRUE(at_rest());
}

// And of somebody elsewhere, who has a right again.
TEST_F(MovesWithAQueueThatWaits, NorDoPeersThatHadNoRight) {
  send_last(client, far, 2);
  const Name q = move_without_w();
  send_right(heir, to_client, kMakeSend, q);
  run_without_w();
  const Name again = got(client, client_port);
  send(client, again, 3);
  run_without_w();
  EXPECT_EQ(received(q), (std::vector<int>{}));
  settle();
  EXPECT_EQ(received(q), (std::vector{1, 2, 3}));
  settle();
  EXPECT_TRUE(at_rest());
}

// The old home's programs may go on sending what waits for rights: neither who is behind the queue nor who is behind an old
// path waits for that.
TEST_F(MovesWithAQueueThatWaits, NobodyWaitsForWhatTheOldHomeSendsLater) {
  server.make_send(p);
  const Name of_other = give_across(w, other, other_port, kMakeSend, y, server);
  const Name q = move_without_w();
  heir.make_send(q);
  advance(milliseconds(1500));  // acknowledged: x follows
  run_without_w();
  heir.set_qlimit(q, MACH_PORT_QLIMIT_MAX);  // and is told of room
  run_without_w();
  send(heir, q, 2);
  send(client, far, 3);
  run_without_w();
  send_right(server, p, kCopySend, of_other);
  run(z);
  run(w);
  std::vector<int> all;
  while (network.step(z.name())) {
    for (const int id : received(q)) all.push_back(id);
  }
  EXPECT_EQ(all, (std::vector{1, 2, 3, 1}));
}

TEST_F(MovesWithAQueueThatWaits, WhatWaitsBehindItDiesWithThePort) {
  const Name q = move_without_w();
  heir.make_send(q);
  EXPECT_EQ(
      heir.send({.remote = q, .remote_type = kCopySend, .id = 3, .items = {rights(kMakeOnce, {heard})}}),
      MACH_MSG_SUCCESS);
  heir.destroy(q);
  EXPECT_EQ(heir.receive(heard).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
  settle();
  EXPECT_TRUE(at_rest());
}

// It waits for as long as the introduced rights may take, whoever is gone.
TEST_F(MovesWithAQueueThatWaits, TheLossOfTheOldHomeOpensIt) {
  const Name q = move_without_w();
  heir.make_send(q);
  send(heir, q, 3);
  part(y, z, true);
  settle();
  EXPECT_EQ(received(q), (std::vector{1, 3}));
}

// In the very event in which the last message of that queue is in.
TEST_F(MovesWithAQueueThatWaits, NotificationsThatComeWithTheLastRightKeepTheirPlace) {
  const Name dies = other.port();
  const Name to_dying = give_across(w, other, dies, kMakeSend, z, heir);
  const Name q = move_without_w();
  ASSERT_EQ(heir.request(to_dying, MACH_NOTIFY_DEAD_NAME, q), KERN_SUCCESS);
  w.gathers = true;
  run(w);  // which grants the right
  other.destroy(dies);
  w.link->write();
  settle();
  EXPECT_EQ(received(q), (std::vector{1, MACH_NOTIFY_DEAD_NAME}));
}

TEST_F(MovingIntroduction, WhoGrantsTheRightThatAQueueWaitsForDoesNotOvertakeItselfEither) {
  const Name to_client_of_y = give_across(x, client, client_port, kMakeSend, y, server);
  server.make_send(p);
  send_right(server, p, kCopySend, to_client_of_y);
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  run();
  network.cut("a", "b", true);
  network.refuse_dials("a", "b", true);
  run(x);
  const Name q = move_unnoticed();
  send_right(heir, to_client, kMakeSend, q);
  run(z);
  run(x);
  const Name again = got(client, client_port);
  EXPECT_EQ(client.send({.remote = again, .remote_type = kCopySend, .id = 2}), MACH_MSG_SUCCESS);
  run(z);
  EXPECT_EQ(heir.receive(q).code, MACH_RCV_TIMED_OUT) << "behind the queue";
  network.refuse_dials("a", "b", false);
  x.gathers = true;
  advance(milliseconds(200));
  for (int round = 0; round < 5; ++round) {
    run(y);
    run(x);
  }
  EXPECT_EQ(client.send({.remote = again, .remote_type = kCopySend, .id = 3}), MACH_MSG_SUCCESS);
  x.link->write();
  settle();
  for (const int id : {1, 2, 3}) EXPECT_EQ(heir.receive(q).header.msgh_id, id);
}

// M2 at the new home: what comes directly, and closes a circle, does not wait for the old path. (A port in its own queue would
// be there for ever.)
TEST_F(MovingIntroduction, WhatClosesACircleIsDestroyedWhereverItHasToWait) {
  const Name q = move_unnoticed();
  advance(milliseconds(1500));  // acknowledged: x follows
  run(z);
  run(y);
  run(x);
  heir.set_qlimit(q, MACH_PORT_QLIMIT_MAX);
  run(z);
  run(x);
  EXPECT_EQ(heir.send({.remote = to_client, .remote_type = kCopySend, .items = {rights(kMoveReceive, {q})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(
      client.send({.remote = far, .remote_type = kCopySend, .items = {rights(kMoveReceive, {client_port})}}),
      MACH_MSG_SUCCESS);
  settle();
  EXPECT_EQ(client.state(far), "DN1");
}

}  // namespace
}  // namespace netmsg::test
