// SPDX-License-Identifier: Apache-2.0
// Spec 06: the bytes of each notification, what causes it and what does not.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <cstring>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

class Notifications : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name notify = client.port();
  Name server_notify = server.port();

  // The ids that wait at `name`, in order.
  static std::vector<mach_msg_id_t> ids(Task& task, Name name) {
    std::vector<mach_msg_id_t> found;
    for (Received got = task.receive(name); got.code == MACH_MSG_SUCCESS; got = task.receive(name)) {
      found.push_back(got.header.msgh_id);
    }
    return found;
  }
  using Ids = std::vector<mach_msg_id_t>;
};

std::uint64_t word(const Bytes& bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// 06.1
TEST_F(Notifications, DeadNameByteForByte) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  server.destroy(r);
  const Received got = client.receive(notify);
  ASSERT_EQ(got.bytes.size(), 48U);
  EXPECT_EQ(got.header.msgh_bits, 0x1200U);
  EXPECT_EQ(got.header.msgh_size, 48U);
  EXPECT_EQ(got.header.msgh_remote_port, 0U);
  EXPECT_EQ(got.header.msgh_local_port, notify);
  EXPECT_EQ(got.header.msgh_id, 72);
  EXPECT_EQ(word(got.bytes, 32), 0x000000012000200FULL);
  EXPECT_EQ(word(got.bytes, 40), x);
}

// 06.1
TEST_F(Notifications, PortDeletedByteForByte) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.deallocate(x);
  const Received got = client.receive(notify);
  ASSERT_EQ(got.bytes.size(), 48U);
  EXPECT_EQ(got.header.msgh_bits, 0x1200U);
  EXPECT_EQ(got.header.msgh_id, 65);
  EXPECT_EQ(word(got.bytes, 32), 0x000000012000200FULL);
  EXPECT_EQ(word(got.bytes, 40), x);
}

// 06.1
TEST_F(Notifications, NoSendersByteForByte) {
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify), KERN_SUCCESS);
  client.deallocate(x);
  const Received got = server.receive(server_notify);
  EXPECT_EQ(got.header.msgh_id, 70);
  EXPECT_EQ(word(got.bytes, 32), 0x0000000120002002ULL);
  EXPECT_EQ(word(got.bytes, 40), 1U);
}

// 06.1
TEST_F(Notifications, SendOnceByteForByte) {
  client.deallocate(server.give_send_once(client, r));
  const Received got = server.receive(r);
  EXPECT_EQ(got.bytes.size(), 32U);
  EXPECT_EQ(got.header.msgh_bits, 0x1200U);
  EXPECT_EQ(got.header.msgh_id, 71);
}

// ---------------------------------------------------------------- dead-name and port-deleted

// 06.2
TEST_F(Notifications, DeadNameAddsAReference) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  server.destroy(r);
  EXPECT_EQ(client.state(x), "DN2");
  EXPECT_EQ(ids(client, notify), Ids{72});
}

// 06.2
TEST_F(Notifications, DeadNameOnASendOnceRight) {
  const Name once = server.give_send_once(client, r);
  ASSERT_EQ(client.request(once, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  server.destroy(r);
  EXPECT_EQ(client.state(once), "DN2");
  EXPECT_EQ(ids(client, notify), Ids{72});
}

// 01.6, 06.2
TEST_F(Notifications, ReceiveRightWithSendRightsBecomesADeadName) {
  const Name own = client.port_with_sends(3);
  ASSERT_EQ(client.request(own, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.mod_refs(own, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(client.state(own), "DN4");
  EXPECT_EQ(ids(client, notify), Ids{72});
  const Name unwatched = client.port_with_sends(3);
  client.mod_refs(unwatched, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(client.state(unwatched), "DN3");
}

// 06.2, 06.4
TEST_F(Notifications, ReceiveRightAloneIsDeletedNotDead) {
  const Name own = client.port();
  ASSERT_EQ(client.request(own, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.mod_refs(own, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(client.state(own), "free");
  EXPECT_EQ(ids(client, notify), Ids{65});
}

// 01.7
TEST_F(Notifications, DestroyOfReceiveAndSendRightsIsDeletedNotDead) {
  const Name own = client.port_with_sends(1);
  ASSERT_EQ(client.request(own, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.destroy(own);
  EXPECT_EQ(ids(client, notify), Ids{65});
}

// 04.10, 06.4
TEST_F(Notifications, PortDeletedForEachWayToFreeAName) {
  const auto requested = [&](Name name) {
    EXPECT_EQ(client.request(name, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
    return name;
  };
  client.deallocate(requested(x));
  EXPECT_EQ(ids(client, notify), Ids{65});
  client.destroy(requested(server.give_send(client, r)));
  EXPECT_EQ(ids(client, notify), Ids{65});
  client.deallocate(requested(server.give_send_once(client, r)));
  EXPECT_EQ(ids(client, notify), Ids{65});
  client.send({.remote = requested(server.give_send(client, r)), .remote_type = kMoveSend});
  EXPECT_EQ(ids(client, notify), Ids{65});
  const Name d = server.give_send(client, r);
  client.send({.remote = d,
               .remote_type = kCopySend,
               .items = {rights(MACH_MSG_TYPE_MOVE_RECEIVE, {requested(client.port())})}});
  EXPECT_EQ(ids(client, notify), Ids{65});
}

TEST_F(Notifications, TheRequestStaysWhenOnlyOneOfTwoRightsGoes) {
  const Name own = client.port_with_sends(1);
  ASSERT_EQ(client.request(own, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.deallocate(own);
  EXPECT_TRUE(client.has_request(own));
  EXPECT_EQ(ids(client, notify), Ids{});
}

TEST_F(Notifications, RequestsFireInTheOrderOfRegistrationAndAReplacedOneKeepsItsPlace) {
  std::vector<Task*> tasks;
  std::vector<Name> names;
  for (int i = 0; i < 4; ++i) {
    tasks.push_back(&world.task());
    names.push_back(server.give_send(*tasks.back(), r));
  }
  const Name log = client.port();
  for (int i = 0; i < 4; ++i) {
    const Name to = client.give_send_once(*tasks[i], log);
    ASSERT_TRUE(ipc::mach_port::request_notification(tasks[i]->space(), tasks[i]->space(), names[i],
                                                     MACH_NOTIFY_DEAD_NAME, 0, to, kMoveOnce)
                    .ok());
    client.send({.remote = log, .remote_type = kMakeSend, .id = 1000 + i});
    client.set_qlimit(log, 16);
  }
  const Name again = client.give_send_once(*tasks[1], log);
  const auto previous = ipc::mach_port::request_notification(tasks[1]->space(), tasks[1]->space(), names[1],
                                                             MACH_NOTIFY_DEAD_NAME, 0, again, kMoveOnce);
  EXPECT_EQ(tasks[1]->state(previous.value()), "SO");
  ids(client, log);
  server.destroy(r);
  std::vector<std::uint32_t> told;
  for (Received got = client.receive(log); got.code == MACH_MSG_SUCCESS; got = client.receive(log)) {
    told.push_back(got.values.at(0));
  }
  EXPECT_EQ(told, names);
}

// 06.3
TEST_F(Notifications, OnADeadNameTheyAreTellingAtOnceIfAsked) {
  const Name dead = client.dead_name(1);
  EXPECT_EQ(client.request(dead, MACH_NOTIFY_DEAD_NAME, notify, 0), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(ids(client, notify), Ids{71}) << "the right for the failed request";
  EXPECT_EQ(client.request(dead, MACH_NOTIFY_DEAD_NAME, notify, 1), KERN_SUCCESS);
  EXPECT_EQ(client.state(dead), "DN2");
  EXPECT_EQ(ids(client, notify), Ids{72});
  ASSERT_EQ(client.mod_refs(dead, MACH_PORT_RIGHT_DEAD_NAME, 65533), KERN_SUCCESS);
  EXPECT_EQ(client.request(dead, MACH_NOTIFY_DEAD_NAME, notify, 1), KERN_UREFS_OVERFLOW);
}

TEST_F(Notifications, ANotificationToADeadPortVanishes) {
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  client.destroy(notify);
  server.destroy(r);
  EXPECT_EQ(client.state(x), "DN2");
}

// ---------------------------------------------------------------- no-senders

// 06.10
TEST_F(Notifications, NoSendersAtRegistrationDependsOnCountAndSync) {
  client.deallocate(x);  // no send right, make-send count 1
  EXPECT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify, 2), KERN_SUCCESS);
  EXPECT_EQ(ids(server, server_notify), Ids{}) << "an old state does not fire";
  EXPECT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify, 1), KERN_SUCCESS);
  EXPECT_EQ(ids(server, server_notify), Ids{70});
}

// 03.24, 06.10
TEST_F(Notifications, NoSendersWaitsForTheMessageThatHoldsTheLastRight) {
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify), KERN_SUCCESS);
  client.send({.remote = x, .remote_type = kMoveSend});
  EXPECT_EQ(ids(server, server_notify), Ids{});
  server.receive(r);
  EXPECT_EQ(ids(server, server_notify), Ids{70});
}

// 06.10
TEST_F(Notifications, NoSendersByTheDeathOfATask) {
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify), KERN_SUCCESS);
  client.die();
  EXPECT_EQ(ids(server, server_notify), Ids{70});
}

// 01.9, 06.12
TEST_F(Notifications, ADyingPortAnswersItsNoSendersRequestWithSendOnce) {
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, server_notify), KERN_SUCCESS);
  server.mod_refs(r, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(ids(server, server_notify), Ids{71});
}

TEST_F(Notifications, DestroyOfTheLastSendRightWithItsReceiveRightTellsTheOldCount) {
  const Name own = server.port_with_sends(1);
  ASSERT_EQ(server.request(own, MACH_NOTIFY_NO_SENDERS, server_notify, 5), KERN_SUCCESS);
  server.destroy(own);
  const Received got = server.receive(server_notify);
  EXPECT_EQ(got.header.msgh_id, 70);
  EXPECT_EQ(got.values.at(0), 1U);
}

// ---------------------------------------------------------------- send-once conservation

TEST_F(Notifications, EverySendOnceRightEndsOnce) {
  const Name once = server.give_send_once(client, r);
  client.send({.remote = once, .remote_type = kMoveOnce, .id = 1});
  EXPECT_EQ(ids(server, r), Ids{1}) << "used by a message";
  server.give_send_once(client, r);
  client.die();
  EXPECT_EQ(ids(server, r), Ids{71}) << "task death";
}

// 06.14
TEST_F(Notifications, ManyOfThemPassAFullQueueInOrder) {
  ASSERT_EQ(client.set_qlimit(notify, 1), KERN_SUCCESS);
  std::vector<Name> names;
  for (int i = 0; i < 100; ++i) {
    names.push_back(server.give_send(client, server.port()));
    ASSERT_EQ(client.request(names.back(), MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  }
  server.die();
  for (const Name name : names) EXPECT_EQ(client.receive(notify).values.at(0), name);
}

TEST_F(Notifications, WhatTheTaskPortIsAskedIsAnsweredAtOnce) {
  const Name reply = client.port();
  ASSERT_EQ(client.send({.remote = ipc::kTaskSelfName,
                         .remote_type = kCopySend,
                         .local = reply,
                         .local_type = kMakeOnce,
                         .id = 3209}),
            MACH_MSG_SUCCESS);
  const Received got = client.receive(reply);
  EXPECT_EQ(got.header.msgh_id, 3309);
  EXPECT_EQ(static_cast<int>(got.values.at(0)), -303);
}

}  // namespace
}  // namespace netmsg::test
