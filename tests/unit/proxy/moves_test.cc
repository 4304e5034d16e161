// SPDX-License-Identifier: Apache-2.0
// Receive rights that move between hosts (rules M1 to M8, N1, N3): every step and race of peer.proto, exchanges 12 and 13.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/unit/proxy/moving.h"

namespace netmsg::test {
namespace {

// 04.4, M1, M3
TEST_F(Moving, TheQueueGoesAlongAndNamesStay) {
  for (int id = 1; id <= 3; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  const Name q = move(y, server, p, z, heir);
  EXPECT_EQ(server.state(p), "free");
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(heir.status(q).mps_msgcount, 3U);
  EXPECT_EQ(heir.status(q).mps_seqno, 0U);
  EXPECT_EQ(send(4), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(heir, q), (Ints{1, 2, 3, 4}));
  EXPECT_TRUE(at_rest());
  EXPECT_EQ(x.row("c").proxies, 2U) << "directly from now on";
  EXPECT_EQ(x.row("b").proxies, 1U);
}

// A35
TEST_F(Moving, AStreamOfMessagesArrivesInOrderWhateverIsUnderWay) {
  server.set_qlimit(p, 16);
  run();
  int next = 0;
  for (; next < 4; ++next) EXPECT_EQ(send(next), MACH_MSG_SUCCESS);
  depart(y, server, p, z);
  for (; next < 8; ++next) EXPECT_EQ(send(next), MACH_MSG_SUCCESS);
  while (network.step()) {
    check();
    if (next < 14 && send(next) == MACH_MSG_SUCCESS) ++next;
  }
  const Name q = take(z, heir);
  for (; next < 16; ++next) EXPECT_EQ(send(next), MACH_MSG_SUCCESS);
  run();
  const Ints all = received(heir, q);
  ASSERT_EQ(all.size(), 16U);
  for (int id = 0; id < 16; ++id) EXPECT_EQ(all[static_cast<std::size_t>(id)], id);
  EXPECT_TRUE(at_rest());
}

// M4: its data goes ahead of it again, from the stub on; what its sender sends directly waits for it. z is slow, so it is
// long under way.
TEST_F(Moving, WhatHasMuchDataIsNotOvertakenBehindTheStub) {
  const std::size_t three_windows = 3 * proxy::PeerLimits{}.bulk_window;
  EXPECT_EQ(client.send(
                {.remote = far, .remote_type = kCopySend, .id = 1, .items = {memory(Bytes(three_windows))}}),
            MACH_MSG_SUCCESS);
  depart(y, server, p, z);
  while (network.step(x.name()) || network.step(y.name())) check();
  while (x.row("c").proxies < 2 || send(2) != MACH_MSG_SUCCESS) ASSERT_TRUE(network.step());
  run();
  EXPECT_EQ(received(heir, take(z, heir)), (Ints{1, 2}));
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, ToWhereASendRightIs) {
  const Name q = move(y, server, p, x, client);
  EXPECT_EQ(q, far);
  EXPECT_EQ(client.state(far), "R+S1");
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  EXPECT_EQ(received(client, far), (Ints{1}));
  EXPECT_TRUE(at_rest());
}

// M7: what it sent before is on its way back when the port is there.
TEST_F(Moving, WhatComesBackIsNotOvertaken) {
  depart(y, server, p, x);
  for (int id = 1; id <= 2; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run(x);  // the port, but nothing of what y sends after it
  EXPECT_EQ(send(3), MACH_MSG_SUCCESS);
  run();
  const Name q = take(x, client);
  EXPECT_EQ(send(4), MACH_MSG_SUCCESS);
  EXPECT_EQ(received(client, q), (Ints{1, 2, 3, 4}));
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, AndBackAgain) {
  Name q = move(y, server, p, z, heir);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  p = move(z, heir, q, y, server);
  EXPECT_EQ(send(2), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(server, p), (Ints{1, 2}));
  q = move(y, server, p, z, heir);
  EXPECT_EQ(send(3), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(heir, q), (Ints{3}));
  EXPECT_TRUE(at_rest());
}

// M8: from host to host as fast as it can.
TEST_F(Moving, AChainOfMovesWaitsForOldPathsOneAfterTheOther) {
  Host& w = host(3);
  Task& last = w.task("last");
  const Name watcher = give_across(y, server, p, kMakeSend, w, w.task("watcher"));
  EXPECT_NE(watcher, 0U);
  int next = 0;
  for (; next < 2; ++next) EXPECT_EQ(send(next), MACH_MSG_SUCCESS);
  depart(y, server, p, z);
  for (; next < 4; ++next) EXPECT_EQ(send(next), MACH_MSG_SUCCESS);
  Received got;
  do {
    ASSERT_TRUE(network.step());
    got = z.names.receive(z.names_port);
  } while (got.code != MACH_MSG_SUCCESS);
  depart(z, z.names, got.values.at(0), w);
  EXPECT_EQ(w.names.receive(w.names_port).code, MACH_RCV_TIMED_OUT);
  while (network.step()) {
    check();
    if (next < 10 && send(next) == MACH_MSG_SUCCESS) ++next;
  }
  const Name q = take(w, last);
  const Ints all = received(last, q);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(next));
  for (int id = 0; id < next; ++id) EXPECT_EQ(all[static_cast<std::size_t>(id)], id);
  EXPECT_TRUE(at_rest());
  EXPECT_TRUE(w.link->idle());
}

// A stub whose last path closes only when a message that waits (M8) goes on: a time that is over must not come again and again.
TEST_F(Moving, APathThatClosesLateIsNoDeadlineThatIsOver) {
  using std::chrono::milliseconds;
  Host& w = host(3);
  Task& donor = w.task("donor");
  const Name second = donor.port();
  give_across(w, donor, second, kMakeSend, x, client);
  server.make_send(p);
  network.cut(x.name(), y.name(), true);
  network.refuse_dials(x.name(), y.name(), true);
  move(y, server, p, z, heir);
  pass(milliseconds(3000));
  network.cut(x.name(), w.name(), true);
  network.refuse_dials(x.name(), w.name(), true);
  const Name here = move(w, donor, second, y, server);
  EXPECT_EQ(server.send({.remote = p, .remote_type = kCopySend, .items = {rights(kMoveReceive, {here})}}),
            MACH_MSG_SUCCESS);
  network.refuse_dials(x.name(), y.name(), false);
  for (int half_seconds = 0; half_seconds < 12; ++half_seconds) {
    pass(milliseconds(500));
    EXPECT_GT(y.link->next_deadline(), y.world.clock.now());
  }
  EXPECT_TRUE(y.downs.empty());
  network.refuse_dials(x.name(), w.name(), false);
}

// N1
TEST_F(Moving, NoSendersIsTrueWhenItIsSaidAndIsSaidWhereThePortIs) {
  const Name log = server.port();
  ASSERT_EQ(server.request(p, MACH_NOTIFY_NO_SENDERS, log), KERN_SUCCESS);
  const Name q = move(y, server, p, z, heir);
  EXPECT_TRUE(heir.status(q).mps_nsrequest);
  EXPECT_EQ(server.drain(log, MACH_NOTIFY_NO_SENDERS), 0U);
  client.deallocate(far);
  run();
  EXPECT_EQ(server.drain(log, MACH_NOTIFY_NO_SENDERS), 1U);
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, TheLastRightGoesWhileThePortMoves) {
  const Name log = server.port();
  ASSERT_EQ(server.request(p, MACH_NOTIFY_NO_SENDERS, log), KERN_SUCCESS);
  depart(y, server, p, z);
  client.deallocate(far);
  while (network.step()) check();
  EXPECT_EQ(server.drain(log, MACH_NOTIFY_NO_SENDERS), 1U);
  take(z, heir);
  EXPECT_TRUE(at_rest());
}

// A request that waits for the first send right is not answered by our own units.
TEST_F(Moving, WithoutSendersNothingIsSaid) {
  const Name log = server.port();
  const Name quiet = server.port();
  ASSERT_EQ(server.request(quiet, MACH_NOTIFY_NO_SENDERS, log, 1), KERN_SUCCESS);
  const Name q = move(y, server, quiet, z, heir);
  EXPECT_EQ(server.drain(log, MACH_NOTIFY_NO_SENDERS), 0U);
  heir.make_send(q);
  heir.deallocate(q);
  run();
  EXPECT_EQ(server.drain(log, MACH_NOTIFY_NO_SENDERS), 1U);
}

// N3
TEST_F(Moving, ABackupOnAnotherHostGetsTheReceiveRight) {
  const Name backup = heir.port();
  const Name once = give_across(z, heir, backup, kMakeOnce, y, server);
  request_by(server, p, MACH_NOTIFY_PORT_DESTROYED, once);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  run();
  server.destroy(p);
  run();
  const Received got = heir.receive(backup);
  EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(received(heir, got.values[0]), (Ints{1}));
}

TEST_F(Moving, ItsRequestsGoAlong) {
  const Name backup = server.port();
  ASSERT_EQ(server.request(p, MACH_NOTIFY_PORT_DESTROYED, backup), KERN_SUCCESS);
  const Name q = move(y, server, p, z, heir);
  EXPECT_TRUE(heir.status(q).mps_pdrequest);
  heir.destroy(q);
  run();
  const Received got = server.receive(backup);
  EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_TRUE(at_rest());
}

// R3 with N1: the notify port is a fourth host's, and is introduced with the port.
class RequestsOfAnotherHost : public Moving {
 protected:
  // Y's port gets a request whose notify right is w's.
  void request(mach_msg_id_t id) {
    const Name notify = give_across(w, watcher, heard, kMakeOnce, y, server);
    request_by(server, p, id, notify);
  }
  // The group is at z, but not what w has granted.
  void arrive_unsettled() {
    depart(y, server, p, z);
    run(z);
    EXPECT_EQ(z.names.receive(z.names_port).code, MACH_RCV_TIMED_OUT) << "it is parked";
  }
  mach_msg_id_t told() { return watcher.receive(heard).header.msgh_id; }
  Host& w = host(3);
  Task& watcher = w.task("watcher");
  Name heard = watcher.port();
};

TEST_F(RequestsOfAnotherHost, NoSendersIsToldThere) {
  request(MACH_NOTIFY_NO_SENDERS);
  const Name q = move(y, server, p, z, heir);
  EXPECT_TRUE(heir.status(q).mps_nsrequest);
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  run();
  EXPECT_EQ(told(), MACH_NOTIFY_NO_SENDERS);
  EXPECT_FALSE(heir.status(q).mps_nsrequest);
  EXPECT_TRUE(at_rest());
}

TEST_F(RequestsOfAnotherHost, WhoReplacesItGetsTheRight) {
  request(MACH_NOTIFY_NO_SENDERS);
  const Name q = move(y, server, p, z, heir);
  EXPECT_EQ(heir.request(q, MACH_NOTIFY_NO_SENDERS, 0), KERN_SUCCESS);
  run();
  EXPECT_EQ(w.row("c").send_once_units, 1U) << "it is z's";
}

TEST_F(RequestsOfAnotherHost, NoSendersThatIsDueBeforeTheRightIsThere) {
  request(MACH_NOTIFY_NO_SENDERS);
  arrive_unsettled();
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  run();
  EXPECT_EQ(told(), MACH_NOTIFY_NO_SENDERS);
  EXPECT_FALSE(heir.status(take(z, heir)).mps_nsrequest);
  EXPECT_TRUE(at_rest());
}

TEST_F(RequestsOfAnotherHost, ThePortDiesBeforeTheRightIsThere) {
  request(MACH_NOTIFY_PORT_DESTROYED);
  arrive_unsettled();
  z.names.destroy(z.names_port);
  EXPECT_EQ(told(), 0);
  run();
  const Received got = watcher.receive(heard);
  EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(send(5), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(watcher, got.values[0]), (Ints{5}));
}

TEST_F(RequestsOfAnotherHost, BothAreLostWithTheirHost) {
  request(MACH_NOTIFY_NO_SENDERS);
  request(MACH_NOTIFY_PORT_DESTROYED);
  arrive_unsettled();
  part(w, z, true);
  part(w, y, true);
  pass(2 * timing.lease);
  const Name q = take(z, heir);
  EXPECT_TRUE(heir.status(q).mps_nsrequest) << "of a dead port";
  EXPECT_EQ(client.deallocate(far), KERN_SUCCESS);
  heir.destroy(q);
  reconnect();
  EXPECT_EQ(told(), MACH_NOTIFY_SEND_ONCE) << "twice: by the home of the notify port";
  EXPECT_EQ(told(), MACH_NOTIFY_SEND_ONCE);
  EXPECT_EQ(told(), 0);
}

TEST_F(RequestsOfAnotherHost, OfPortsInTheQueueThatMoves) {
  request(MACH_NOTIFY_PORT_DESTROYED);
  const Name outer = server.port_with_sends(1);
  EXPECT_EQ(
      server.send({.remote = outer, .remote_type = kMoveSend, .id = 9, .items = {rights(kMoveReceive, {p})}}),
      MACH_MSG_SUCCESS);
  const Name carrier = move(y, server, outer, z, heir);
  const Received inner = heir.receive(carrier);
  ASSERT_EQ(inner.values.size(), 1U);
  heir.destroy(inner.values[0]);
  run();
  EXPECT_EQ(told(), MACH_NOTIFY_PORT_DESTROYED);
}

// M2: ports in the queue of the port that moves, and in their queues.
TEST_F(Moving, PortsInItsQueueGoAlong) {
  const Name inner = client.port();
  const Name innermost = client.port();
  const Name to_inner = client.give_send(client, inner);
  const Name to_innermost = client.give_send(client, innermost);
  EXPECT_EQ(client.send({.remote = to_innermost, .remote_type = kCopySend, .id = 7}), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.send(
                {.remote = to_inner, .remote_type = kCopySend, .items = {rights(kMoveReceive, {innermost})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.send({.remote = far, .remote_type = kCopySend, .items = {rights(kMoveReceive, {inner})}}),
            MACH_MSG_SUCCESS);
  run();
  const Name q = move(y, server, p, z, heir);
  const Received outer = heir.receive(q);
  ASSERT_EQ(outer.values.size(), 1U);
  EXPECT_EQ(heir.state(outer.values[0]), "R");
  const Received middle = heir.receive(outer.values[0]);
  ASSERT_EQ(middle.values.size(), 1U);
  EXPECT_EQ(heir.receive(middle.values[0]).header.msgh_id, 7);
  EXPECT_EQ(client.state(to_inner), "S1");
  EXPECT_EQ(client.send({.remote = to_innermost, .remote_type = kCopySend, .id = 8}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(heir.receive(middle.values[0]).header.msgh_id, 8);
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, AnArrayOfReceiveRights) {
  const Name one = server.port();
  const Name other = server.port();
  EXPECT_EQ(server.send({.remote = reach(y, server, z),
                         .remote_type = kMoveSend,
                         .items = {array(kMoveReceive, {one, p, other})}}),
            MACH_MSG_SUCCESS);
  run();
  const Received got = z.names.receive(z.names_port);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(z.row("b").state, "open");
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  run();
  EXPECT_TRUE(at_rest());
}

// Queued messages carry rights of all kinds, of all hosts concerned.
TEST_F(Moving, RightsInTheQueueAreTranslatedLikeAnyOthers) {
  const Name mine = server.port();
  server.make_send(p);
  EXPECT_EQ(server.send({.remote = p,
                         .remote_type = kCopySend,
                         .local = mine,
                         .local_type = kMakeOnce,
                         .items = {rights(kCopySend, {p})}}),
            MACH_MSG_SUCCESS);
  const Name theirs = give_across(z, heir, heir.port(), kMakeSend, y, server);
  EXPECT_EQ(server.send({.remote = p, .remote_type = kCopySend, .items = {rights(kMoveSend, {theirs})}}),
            MACH_MSG_SUCCESS);
  run();
  const Name q = move(y, server, p, z, heir);
  const Received first = heir.receive(q);
  ASSERT_EQ(first.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(first.values, std::vector<std::uint32_t>{q}) << "a right to the port itself";
  EXPECT_EQ(heir.state(q), "R+S1");
  EXPECT_EQ(heir.send({.remote = first.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 5}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(mine).header.msgh_id, 5);
  const Received second = heir.receive(q);
  ASSERT_EQ(second.values.size(), 1U);
  EXPECT_EQ(heir.state(second.values[0]), "R+S1") << "a right that came home";
  EXPECT_TRUE(at_rest());
}

// R3: the old home introduces them to the new one.
TEST_F(Moving, RightsOfAThirdHostInTheQueueAreIntroduced) {
  const Name own = client.port();
  const Name theirs = give_across(x, client, own, kMakeSend, y, server);
  const Name p_sends = server.give_send(server, p);
  EXPECT_EQ(
      server.send(
          {.remote = p_sends, .remote_type = kCopySend, .id = 1, .items = {rights(kMoveSend, {theirs})}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(server.send({.remote = p_sends, .remote_type = kCopySend, .id = 2}), MACH_MSG_SUCCESS);
  const Name q = move(y, server, p, z, heir);
  const Received first = heir.receive(q);
  ASSERT_EQ(first.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(first.header.msgh_id, 1);
  ASSERT_EQ(first.values.size(), 1U);
  EXPECT_EQ(heir.send({.remote = first.values[0], .remote_type = kMoveSend, .id = 5}), MACH_MSG_SUCCESS);
  EXPECT_EQ(heir.receive(q).header.msgh_id, 2);
  run();
  EXPECT_EQ(client.receive(own).header.msgh_id, 5);
  EXPECT_TRUE(at_rest());
}

// 06.3: it stands in the port's status, wherever the port is.
TEST_F(Moving, ARequestWhoseNotifyPortHasDiedIsStillOne) {
  const Name backup = server.port();
  const Name notify = server.port();
  ASSERT_EQ(server.request(p, MACH_NOTIFY_PORT_DESTROYED, backup), KERN_SUCCESS);
  ASSERT_EQ(server.request(p, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  server.destroy(backup);
  server.destroy(notify);
  EXPECT_TRUE(server.status(p).mps_pdrequest);
  EXPECT_TRUE(server.status(p).mps_nsrequest);
  const Name q = move(y, server, p, z, heir);
  EXPECT_TRUE(heir.status(q).mps_pdrequest);
  EXPECT_TRUE(heir.status(q).mps_nsrequest);
  EXPECT_TRUE(at_rest());
}

// R5 through a stub: a send-once right is used by way of the old home.
TEST_F(Moving, ASendOnceRightUsedOnTheOldPathIsUsedOnce) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name dropped = give_across(y, server, p, kMakeOnce, x, client);
  depart(y, server, p, z);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .id = 3}), MACH_MSG_SUCCESS);
  client.deallocate(dropped);
  run();
  const Name q = take(z, heir);
  EXPECT_EQ(received(heir, q), (Ints{3, MACH_NOTIFY_SEND_ONCE}));
  EXPECT_EQ(heir.status(q).mps_sorights, 0U);
  EXPECT_TRUE(at_rest());
}

// A right that is on its way home when home has moved.
TEST_F(Moving, RightsThatComeHomeToAStubGoOn) {
  Task& friendly = y.task("friendly");
  const Name box = friendly.port();
  const Name to_box = give_across(y, friendly, box, kMakeSend, x, client);
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  depart(y, server, p, z);
  EXPECT_EQ(client.send({.remote = to_box,
                         .remote_type = kCopySend,
                         .items = {rights(kMoveSend, {far}), rights(kMoveOnce, {once})}}),
            MACH_MSG_SUCCESS);
  run();
  const Name q = take(z, heir);
  const Received got = friendly.receive(box);
  ASSERT_EQ(got.values.size(), 2U);
  EXPECT_EQ(friendly.send({.remote = got.values[0], .remote_type = kMoveSend, .id = 1}), MACH_MSG_SUCCESS);
  EXPECT_EQ(friendly.send({.remote = got.values[1], .remote_type = kMoveOnce, .id = 2}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(heir, q), (Ints{1, 2}));
  EXPECT_EQ(heir.status(q).mps_srights, 0U);
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, BlockedSendersAtTheOldHomeGoOnAtTheNewOne) {
  server.make_send(p);
  for (int id = 0; id < 5; ++id) {
    EXPECT_EQ(server.send({.remote = p, .remote_type = kCopySend, .id = id}), MACH_MSG_SUCCESS);
  }
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = p, .remote_type = kCopySend, .id = 5}.encode();
  const ipc::OpToken waiting = server.begin(std::move(args));
  const Name q = move(y, server, p, z, heir);
  EXPECT_FALSE(server.result(waiting).has_value());
  EXPECT_EQ(heir.receive(q).header.msgh_id, 0);
  run();
  EXPECT_EQ(server.result(waiting).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(received(heir, q), (Ints{1, 2, 3, 4, 5}));
}

// N3 of msg-accepted: through the queue that moves, and through a stub.
TEST_F(Moving, ForcedMessagesAreAcceptedWhereverTheyEndUp) {
  const Name log = client.port();
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  const Outgoing message{.remote = far, .remote_type = kCopySend, .id = 5};
  EXPECT_EQ(client.send(message, MACH_SEND_NOTIFY, log), MACH_SEND_WILL_NOTIFY);
  run();
  const Name q = move(y, server, p, z, heir);
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_MSG_ACCEPTED), 0U);
  EXPECT_EQ(received(heir, q), (Ints{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_MSG_ACCEPTED), 1U);

  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  depart(z, heir, q, y);
  EXPECT_EQ(client.send(message, MACH_SEND_NOTIFY, log), MACH_SEND_WILL_NOTIFY);
  run();
  p = take(y, server);
  EXPECT_EQ(received(server, p), (Ints{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_MSG_ACCEPTED), 1U);
  EXPECT_TRUE(at_rest());
}

// 06.5: the old home has still to say that it has left the queue, and nobody else knows the port any more.
TEST_F(Moving, WhoForcesAMessageIntoAPortThatComesHomeAndDiesThereHearsIt) {
  const Name notify = client.port();
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.send({.remote = far, .remote_type = kCopySend, .id = 5}, MACH_SEND_NOTIFY, notify),
            MACH_SEND_WILL_NOTIFY);
  run();
  Task& other = x.task("other");
  const Name here = move(y, server, p, x, other);
  run();
  EXPECT_TRUE(at_rest());
  other.destroy(here);
  const Received accepted = client.receive(notify);
  EXPECT_EQ(accepted.header.msgh_id, MACH_NOTIFY_MSG_ACCEPTED);
  EXPECT_EQ(accepted.values, std::vector<std::uint32_t>{far});
  run();
}

// The old home has no unit of its own, and what it mints for a holder is for a port that is dead already.
TEST_F(Moving, ThePortDiesAtItsNewHomeAndTheOldOneHearsItWithoutUnits) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name q = server.port();
  const Name to_q = give_across(y, server, q, kMakeSend, x, client);
  client.destroy(far);
  run();
  depart(y, server, p, z);
  run(z);
  z.names.destroy(z.names.receive(z.names_port).values.at(0));
  EXPECT_EQ(client.send({.remote = to_q, .remote_type = kCopySend, .items = {rights(kMoveOnce, {once})}}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(q).values, std::vector<std::uint32_t>{MACH_PORT_DEAD});
  run();
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, ThePortDiesAtItsNewHome) {
  const Name q = move(y, server, p, z, heir);
  heir.destroy(q);
  run();
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, ThePortDiesBeforeAnybodyHasHeardThatItMoved) {
  depart(y, server, p, z);
  for (int id = 0; id < 3; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run(z);
  z.names.destroy(z.names.receive(z.names_port).values.at(0));
  run();
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_TRUE(at_rest());
}

// N2: the new home's word comes before the first unit, the old home's goes by a way that has been closed by then.
TEST_F(Moving, ThePortDiesBeforeAHolderKnowsOfIt) {
  const Name other = server.port();
  network.cut(x.name(), y.name(), true);
  network.refuse_dials(x.name(), y.name(), true);
  EXPECT_EQ(
      server.send(
          {.remote = reach(y, server, x), .remote_type = kMoveSend, .items = {rights(kMakeSend, {other})}}),
      MACH_MSG_SUCCESS);
  const Name q = move(y, server, other, z, heir);
  advance(std::chrono::milliseconds(1100));
  run();
  heir.destroy(q);
  run();
  network.refuse_dials(x.name(), y.name(), false);
  pass(std::chrono::milliseconds(3000));
  ASSERT_TRUE(all_linked());
  const Received got = x.names.receive(x.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_TRUE(got.values[0] == MACH_PORT_DEAD || x.names.state(got.values[0]) == "DN1");
  EXPECT_TRUE(at_rest());
}

// 06.8: a receive right in a message that is destroyed on arrival.
TEST_F(Moving, ToAPortThatIsDeadByThen) {
  Name gone = give_across(z, heir, heir.port(), kMakeSend, y, server);
  EXPECT_EQ(server.send({.remote = gone, .remote_type = kCopySend, .items = {rights(kMoveReceive, {p})}}),
            MACH_MSG_SUCCESS);
  heir.die();
  run();
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_EQ(server.state(gone), "DN1");
  EXPECT_TRUE(at_rest());
}

TEST_F(Moving, TheNameServiceStays) {
  EXPECT_EQ(y.names.send({.remote = reach(y, y.names, z),
                          .remote_type = kMoveSend,
                          .items = {rights(kMoveReceive, {y.names_port})}}),
            MACH_SEND_INVALID_RIGHT);
}

// A36
TEST_F(Moving, TwoPortsOnTheirWayIntoEachOtherDie) {
  const Name mine = client.port();
  const Name to_mine = give_across(x, client, mine, kMakeSend, y, server);
  cross(mine, to_mine, kCopySend);
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_EQ(server.state(to_mine), "DN1");
  EXPECT_TRUE(at_rest());
}

// The message that is destroyed, to break the circle, was for a port that lives on, as it has a backup.
TEST_F(Moving, WhoOutlivesACircleHearsOfTheSendOnceRightThatWasToReachIt) {
  const Name mine = client.port();
  const Name backup = server.port();
  const Name to_backup = give_across(y, server, backup, kMakeOnce, x, client);
  request_by(client, mine, MACH_NOTIFY_PORT_DESTROYED, to_backup);
  const Name to_mine = give_across(x, client, mine, kMakeOnce, y, server);
  cross(mine, to_mine, kMoveOnce);
  EXPECT_EQ(client.state(far), "DN1");
  const Received saved = server.receive(backup);
  EXPECT_EQ(saved.header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
  ASSERT_EQ(saved.values.size(), 1U);
  EXPECT_EQ(received(server, saved.values[0]), (Ints{MACH_NOTIFY_SEND_ONCE}));
  EXPECT_TRUE(at_rest());
}

// The same by a send right: the message took a place in the window, of which its home tells again when the old path closes. (On
// their way into each other the ports have changed places.)
TEST_F(Moving, WhoOutlivesACircleHasRoomForWhatComesAfterIt) {
  const Name mine = client.port();
  const Name to_mine = give_across(x, client, mine, kMakeSend, y, server);
  const Name backup = client.port();
  const Name to_backup = give_across(x, client, backup, kMakeOnce, y, server);
  request_by(server, p, MACH_NOTIFY_PORT_DESTROYED, to_backup);
  server.set_qlimit(p, 1);
  server.make_send(p);
  run();
  cross(mine, to_mine, kCopySend);
  EXPECT_EQ(server.state(to_mine), "DN1");
  const Received saved = client.receive(backup);
  ASSERT_EQ(saved.values.size(), 1U);
  EXPECT_EQ(server.send({.remote = p, .remote_type = kCopySend, .id = 5}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(client, saved.values[0]), (Ints{5}));
  EXPECT_TRUE(at_rest());
}

// --- somebody is lost (exchange 13) ---

TEST_F(LostMoves, TheNewHomeBeforeTheGroupIsThere) {
  depart(y, server, p, z);
  part(y, z, true);
  settle();
  EXPECT_EQ(client.state(far), "DN1");
}

TEST_F(LostMoves, TheNewHomeAfterIt) {
  depart(y, server, p, z);
  run(z);
  part(y, z, true);
  settle();
  EXPECT_EQ(client.state(far), "DN1");
  const Received got = z.names.receive(z.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(z.names.status(got.values[0]).mps_srights, 0U) << "nothing leaks";
}

TEST_F(LostMoves, AHolderOnItsWayToTheNewHome) {
  depart(y, server, p, z);
  run(z);
  part(x, y, true);
  settle();
  EXPECT_EQ(client.state(far), "DN1");
  const Received got = z.names.receive(z.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(z.names.status(got.values[0]).mps_srights, 0U);
}

TEST_F(LostMoves, AHolderAndTheNewHomeHaveLostEachOther) {
  part(x, z, true);
  reconnect();
  depart(y, server, p, z);
  run(z);
  part(x, z, true);
  run();
  settle();
  const Received got = z.names.receive(z.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(client.state(far) == "S1", z.names.status(got.values[0]).mps_srights == 1U);
}

TEST_F(LostMoves, EachStepOfAMoveWithACutAfterIt) {
  for (int steps = 0; steps < 12; ++steps) {
    for (const auto& [one, other] : {std::pair(0, 1), std::pair(0, 2), std::pair(1, 2)}) {
      SCOPED_TRACE(testing::Message()
                   << steps << " steps, then " << one << " and " << other << " are cut off");
      reconnect();
      const Name port = server.port();
      const Name there = give_across(y, server, port, kMakeSend, x, client);
      depart(y, server, port, z);
      for (int id = 0; id < 3; ++id) {
        EXPECT_EQ(client.send({.remote = there, .remote_type = kCopySend, .id = id}), MACH_MSG_SUCCESS);
      }
      for (int step = 0; step < steps; ++step) {
        network.step();
        check();
      }
      part(host(static_cast<std::size_t>(one)), host(static_cast<std::size_t>(other)), true);
      pass(std::chrono::milliseconds(20000));
      reconnect();
      EXPECT_TRUE(at_rest());
      const Received got = z.names.receive(z.names_port);
      const bool arrived =
          got.code == MACH_MSG_SUCCESS && !got.values.empty() && got.values[0] != MACH_PORT_DEAD;
      if (arrived) {
        received(z.names, got.values[0]);  // each holds a right to the port
        EXPECT_EQ(z.names.status(got.values[0]).mps_srights, client.state(there) == "S1" ? 1U : 0U);
        z.names.destroy(got.values[0]);
      } else {
        EXPECT_EQ(client.state(there), "DN1");
      }
      run();
      EXPECT_EQ(client.state(there), "DN1");
    }
  }
}

}  // namespace
}  // namespace netmsg::test
