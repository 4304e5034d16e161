// SPDX-License-Identifier: Apache-2.0
// Messages that are forced into queues of another host (03 §6, 06 §5; peer.proto, exchange 2 step 6): the sender hears
// once, when they leave their queues.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

class ForcedAcross : public TwoHosts {
 protected:
  ForcedAcross() {
    for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
    run();
  }
  mach_msg_return_t send(int id) { return client.send({.remote = x, .remote_type = kCopySend, .id = id}); }
  mach_msg_return_t force(int id) {
    return client.send({.remote = x, .remote_type = kCopySend, .id = id}, MACH_SEND_NOTIFY, notify);
  }
  // The names that the msg-accepted notifications carry.
  std::vector<std::uint32_t> accepted() {
    std::vector<std::uint32_t> names;
    for (Received got = client.receive(notify); got.code == MACH_MSG_SUCCESS; got = client.receive(notify)) {
      EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_MSG_ACCEPTED);
      names.push_back(got.values.at(0));
    }
    return names;
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name notify = client.port();
};

TEST_F(ForcedAcross, IsTheLastInTheQueueAndTheSenderHearsWhenItIsPickedUp) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  run();
  EXPECT_EQ(server.status(r).mps_msgcount, 6U);
  for (int id = 0; id < 5; ++id) {
    EXPECT_EQ(server.receive(r).header.msgh_id, id);
    run();
  }
  EXPECT_TRUE(accepted().empty());
  EXPECT_EQ(server.receive(r).header.msgh_id, 6);
  run();
  EXPECT_EQ(accepted(), std::vector<std::uint32_t>{x});
  EXPECT_EQ(client.state(x), "S1");
}

TEST_F(ForcedAcross, OneAtATime) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(force(7), MACH_SEND_NOTIFY_IN_PROGRESS);
  run();
  for (int id = 0; id < 6; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(accepted().size(), 1U);
}

TEST_F(ForcedAcross, CountsAgainstTheRoom) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  run();
  EXPECT_EQ(server.receive(r).header.msgh_id, 0);
  run();
  EXPECT_EQ(send(7), MACH_SEND_TIMED_OUT) << "still five in the queue";
  EXPECT_EQ(server.receive(r).header.msgh_id, 1);
  run();
  EXPECT_EQ(send(7), MACH_MSG_SUCCESS);
}

// A program that forces, gives its right up, and forces again under a new one: each message is there, and paid for.
TEST_F(ForcedAcross, TheSenderPaysUntilItHasLeftTheQueue) {
  pass(std::chrono::milliseconds(50));  // what was sent before is acknowledged
  const std::uint64_t before = a.world.account.bytes_used();
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  run();
  advance(std::chrono::milliseconds(50));
  run();
  EXPECT_EQ(a.row().unacknowledged, 0U);
  EXPECT_GT(a.world.account.bytes_used(), before);
  for (int id = 0; id < 6; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(accepted().size(), 1U);
  EXPECT_EQ(a.world.account.bytes_used(), before);
}

TEST_F(ForcedAcross, ThePortsDeathIsHeardAfterTheMessages) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  run();
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  run();
  EXPECT_EQ(client.receive(notify).header.msgh_id, MACH_NOTIFY_MSG_ACCEPTED);
  EXPECT_EQ(client.receive(notify).header.msgh_id, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(client.receive(notify).code, MACH_RCV_TIMED_OUT);
}

TEST_F(ForcedAcross, ToAPortThatDiesMeanwhile) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(server.destroy(r), KERN_SUCCESS);
  run();
  EXPECT_EQ(accepted().size(), 1U);
}

TEST_F(ForcedAcross, TheFenceIsTheEndOfIt) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  run();
  part(true);
  EXPECT_EQ(accepted().size(), 1U);
  server.drain(r, 0);
  run();
  EXPECT_TRUE(accepted().empty()) << "once";
}

TEST_F(ForcedAcross, ACutIsNot) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  network.cut(true);
  run();
  EXPECT_TRUE(accepted().empty());
  for (int round = 0; round < 20; ++round) {
    advance(std::chrono::milliseconds(50));
    run();
  }
  for (int id = 0; id < 6; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(accepted().size(), 1U);
}

TEST_F(ForcedAcross, WithoutItsNameTheSenderHearsNull) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  run();
  for (int id = 0; id < 6; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(accepted(), std::vector<std::uint32_t>{MACH_PORT_NULL});
}

TEST_F(ForcedAcross, TheSendersDeathLeavesNothing) {
  EXPECT_EQ(force(6), MACH_SEND_WILL_NOTIFY);
  run();
  client.die();
  run();
  for (int id = 0; id < 6; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(a.row().proxies, 1U) << "the name service's";
}

}  // namespace
}  // namespace netmsg::test
