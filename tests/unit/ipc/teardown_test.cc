// SPDX-License-Identifier: Apache-2.0
// Spec 01 §10-§14: deaths of ports, messages and tasks, and that none of it recurses.
#include <gtest/gtest.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

class Teardown : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
};

// 01.8: each queued message carries a port whose death somebody has asked to hear of.
TEST_F(Teardown, QueuedMessagesDieOldestFirst) {
  const Name r = server.port();
  const Name x = server.give_send(client, r);
  const Name log = server.port();
  std::vector<std::uint32_t> watched;
  for (int message = 0; message < 3; ++message) {
    const Name carried = client.port();
    watched.push_back(client.give_send(server, carried));
    ASSERT_EQ(server.request(watched.back(), MACH_NOTIFY_DEAD_NAME, log), KERN_SUCCESS);
    client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMoveReceive, {carried})}});
  }
  server.destroy(r);
  for (const std::uint32_t name : watched) EXPECT_EQ(server.receive(log).values.at(0), name);
}

// 01.8: the reply ports are in one set, which shows the order between them.
TEST_F(Teardown, QueuedRequestsAreAnsweredOldestFirst) {
  const Name r = server.port();
  const Name x = server.give_send(client, r);
  const Name set = client.port_set();
  std::vector<Name> replies;
  for (int i = 0; i < 3; ++i) {
    replies.push_back(client.port());
    ASSERT_EQ(ipc::mach_port::move_member(client.space(), replies.back(), set), KERN_SUCCESS);
    client.send({.remote = x, .remote_type = kCopySend, .local = replies.back(), .local_type = kMakeOnce});
  }
  server.destroy(r);
  for (const Name reply : replies) {
    const Received told = client.receive(set);
    EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_SEND_ONCE);
    EXPECT_EQ(told.header.msgh_local_port, reply);
  }
}

// 01.8
TEST_F(Teardown, QueuedRequestsAnswerWithSendOnce) {
  const Name r = server.port();
  const Name x = server.give_send(client, r);
  const Name reply = client.port();
  for (int i = 0; i < 2; ++i) {
    client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce});
  }
  server.destroy(r);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 2U);
}

// 01 §12: a right that a port call carried in vain dies as in a message, so the requests come before the queue.
class RefusedRights : public Teardown {
 protected:
  RefusedRights() {
    EXPECT_EQ(server.request(r, MACH_NOTIFY_DEAD_NAME, log), KERN_SUCCESS);
    server.send({.remote = r, .remote_type = kMakeOnce, .local = log, .local_type = kMakeOnce});
  }
  void expect_death_before_queue() {
    world.check();
    EXPECT_EQ(server.receive(log).header.msgh_id, MACH_NOTIFY_DEAD_NAME);
    EXPECT_EQ(server.receive(log).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
  }

  const Name r = server.port_with_sends(1);
  const Name log = server.port();
};

TEST_F(RefusedRights, OfInsertRightTellTheirDeathBeforeTheirQueue) {
  EXPECT_EQ(ipc::mach_port::insert_right(server.space(), server.space(), log, r, kMoveReceive),
            KERN_RIGHT_EXISTS);
  expect_death_before_queue();
}

TEST_F(RefusedRights, OfRequestNotificationTellTheirDeathBeforeTheirQueue) {
  EXPECT_EQ(ipc::mach_port::request_notification(server.space(), server.space(), log, MACH_NOTIFY_DEAD_NAME,
                                                 0, r, kMoveReceive)
                .code(),
            MIG_BAD_ARGUMENTS);
  expect_death_before_queue();
}

// 01.19: each port's receive right travels in the queue of the next one.
TEST_F(Teardown, TenThousandNestedReceiveRightsDieWithoutRecursion) {
  Name inner = client.port();
  for (int depth = 0; depth < 10000; ++depth) {
    const Name outer = client.port();
    ASSERT_EQ(ipc::mach_port::insert_right(client.space(), client.space(), outer, outer, kMakeSend),
              KERN_SUCCESS);
    ipc::MsgArgs args{.option = MACH_SEND_MSG};
    args.message =
        Outgoing{.remote = outer, .remote_type = kMoveSend, .items = {rights(kMoveReceive, {inner})}}
            .encode();
    world.engine.mach_msg(client.space(), static_cast<ipc::OpToken>(depth) + 1000000, std::move(args));
    inner = outer;
  }
  EXPECT_EQ(client.destroy(inner), KERN_SUCCESS);
  world.check();
}

// 03.17
TEST_F(Teardown, APortThatCarriesItselfDies) {
  const Name own = client.port_with_sends(1);
  EXPECT_EQ(client.send({.remote = own, .remote_type = kCopySend, .items = {rights(kMoveReceive, {own})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(own), "DN1");
}

// 03.18
TEST_F(Teardown, TwoPortsInEachOthersQueuesDie) {
  const Name a = client.port_with_sends(1);
  const Name b = client.port_with_sends(1);
  EXPECT_EQ(client.send({.remote = b, .remote_type = kCopySend, .items = {rights(kMoveReceive, {a})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.send({.remote = a, .remote_type = kCopySend, .items = {rights(kMoveReceive, {b})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(a), "DN1");
  EXPECT_EQ(client.state(b), "DN1");
}

// 03.18
TEST_F(Teardown, AChainOfThreePortsInEachOthersQueuesDies) {
  const Name ports[] = {client.port_with_sends(1), client.port_with_sends(1), client.port_with_sends(1)};
  const Name reply = client.port();
  for (unsigned at = 0; at < 3; ++at) {
    EXPECT_EQ(client.send({.remote = ports[(at + 1) % 3],
                           .remote_type = kCopySend,
                           .local = reply,
                           .local_type = kMakeOnce,
                           .items = {rights(kMoveReceive, {ports[at]})}}),
              MACH_MSG_SUCCESS);
  }
  for (const Name port : ports) EXPECT_EQ(client.state(port), "DN1");
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 3U) << "all three messages are destroyed";
}

// 03.19
TEST_F(Teardown, ACircularMessageToAFullQueueComesBack) {
  const Name own = client.port_with_sends(1);
  client.set_qlimit(own, 0);
  const ipc::MsgResult back = client.send_for_result(
      {.remote = own, .remote_type = kCopySend, .items = {rights(kMoveReceive, {own})}});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  EXPECT_EQ(values_of(back.bytes).at(0), own);
  EXPECT_EQ(client.state(own), "R+S2") << "the destination right came back too";
}

// 01.10
TEST_F(Teardown, AMovedReceiveRightKeepsItsQueueAndStartsItsCountsAnew) {
  const Name mailbox = server.port();
  const Name to_server = server.give_send(client, mailbox);
  const Name moving = client.port_with_sends(1);
  client.set_qlimit(moving, 7);
  for (int id = 0; id < 4; ++id) client.send({.remote = moving, .remote_type = kCopySend, .id = id});
  client.receive(moving);
  ASSERT_EQ(ipc::mach_port::move_member(client.space(), moving, client.port_set()), KERN_SUCCESS);
  ASSERT_EQ(ipc::mach_port::set_protected_payload(client.space(), moving, 0x1122334455667788), KERN_SUCCESS);
  client.send({.remote = to_server, .remote_type = kCopySend, .items = {rights(kMoveReceive, {moving})}});
  EXPECT_EQ(client.state(moving), "S1");
  const Name moved = server.receive(mailbox).values.at(0);
  EXPECT_EQ(server.status(moved).mps_mscount, 0U);
  EXPECT_EQ(server.status(moved).mps_qlimit, 7U);
  EXPECT_EQ(server.status(moved).mps_pset, 0U);
  for (unsigned n = 0; n < 3; ++n) {
    const Received got = server.receive(moved);
    EXPECT_EQ(got.header.msgh_seqno, n);
    EXPECT_EQ(got.header.msgh_id, static_cast<int>(n) + 1);
    EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits), 17U) << "no payload any more";
    EXPECT_EQ(got.header.msgh_local_port, moved);
  }
}

// 01.18
TEST_F(Teardown, TaskDeathGivesUpEverything) {
  const Name r = server.port();
  const Name x = server.give_send(client, r);
  server.give_send_once(client, r);
  const Name notify = server.port();
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  const Name of_client = client.port();
  const Name known = client.give_send(server, of_client);
  const Name own_notify = server.port();
  ASSERT_EQ(server.request(known, MACH_NOTIFY_DEAD_NAME, own_notify), KERN_SUCCESS);
  server.set_qlimit(r, 0);
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = x, .remote_type = kCopySend}.encode();
  client.begin(args);  // a blocked send
  client.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = of_client});
  client.die();
  EXPECT_EQ(server.drain(r, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
  EXPECT_EQ(server.drain(own_notify, MACH_NOTIFY_DEAD_NAME), 1U);
  EXPECT_EQ(server.state(known), "DN2");
}

TEST_F(Teardown, TheTaskPortDiesWithItsTask) {
  const Name mailbox = server.port();
  const Name to_server = server.give_send(client, mailbox);
  client.send(
      {.remote = to_server, .remote_type = kCopySend, .local = ipc::kTaskSelfName, .local_type = kCopySend});
  const Name of_task = server.receive(mailbox).header.msgh_remote_port;
  EXPECT_EQ(server.state(of_task), "S1");
  client.die();
  EXPECT_EQ(server.state(of_task), "DN1");
}

TEST_F(Teardown, MessagesOfADeadTaskStayInTheirQueues) {
  const Name r = server.port();
  const Name x = server.give_send(client, r);
  client.send({.remote = x, .remote_type = kCopySend, .id = 3});
  client.die();
  EXPECT_EQ(server.receive(r).header.msgh_id, 3);
}

}  // namespace
}  // namespace netmsg::test
