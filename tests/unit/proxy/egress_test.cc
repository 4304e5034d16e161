// SPDX-License-Identifier: Apache-2.0
// S5, M8: what waits to be appended keeps its place, and keeps nobody waiting but those behind it.
#include "proxy/egress.h"

#include <gtest/gtest.h>

#include "daemon/ipc/port.h"
#include "tests/support/engine_world.h"

namespace netmsg::proxy {
namespace {

using ipc::SendOnceRight;
using ipc::SendRight;

class EgressOfMessages : public testing::Test {
 protected:
  ipc::MessagePtr message(int id, bool once = false) {
    ipc::MessagePtr made = world.engine.new_message(account, ipc::Bytes(32));
    made->id = id;
    made->destination =
        once ? ipc::CarriedRight(SendOnceRight::mint(port)) : ipc::CarriedRight(SendRight::mint(port));
    return made;
  }
  Ticket push(std::uint64_t to, int id, unsigned waits_for) {
    return queues.push(to, message(id), waits_for);
  }
  // The ids of all that are ready, in order.
  std::vector<int> pop(std::uint64_t to) {
    std::vector<int> ids;
    while (std::optional<Departure> next = queues.pop(to)) ids.push_back(next->message->id);
    return ids;
  }

  test::World world;
  test::Task& task = world.task();
  ipc::Account account{ipc::Account::Limits{}};
  ipc::Port& port = *world.engine.copy_send(task.space(), task.port()).value().port();
  const ipc::Event event{world.engine};
  EgressQueues queues;
};

TEST_F(EgressOfMessages, OneThatWaitsForNothingWaitsForThoseBeforeIt) {
  const Ticket first = push(7, 1, 1);
  push(7, 2, 0);
  EXPECT_TRUE(queues.holds(7));
  EXPECT_EQ(pop(7), std::vector<int>{});
  queues.settle(first);
  EXPECT_EQ(pop(7), (std::vector<int>{1, 2}));
  EXPECT_FALSE(queues.holds(7));
}

TEST_F(EgressOfMessages, WaitsForEachThing) {
  const Ticket first = push(7, 1, 2);
  queues.settle(first);
  EXPECT_EQ(pop(7), std::vector<int>{});
  queues.settle(first);
  EXPECT_EQ(pop(7), std::vector<int>{1});
}

TEST_F(EgressOfMessages, OneThatIsReadyEarlyKeepsItsTurn) {
  const Ticket first = push(7, 1, 1);
  const Ticket second = push(7, 2, 1);
  queues.settle(second);
  EXPECT_EQ(pop(7), std::vector<int>{});
  queues.settle(first);
  EXPECT_EQ(pop(7), (std::vector<int>{1, 2}));
}

TEST_F(EgressOfMessages, OtherDestinationsDoNotWait) {
  const Ticket first = push(7, 1, 1);
  EXPECT_FALSE(queues.holds(8));
  push(8, 2, 0);
  EXPECT_EQ(pop(8), std::vector<int>{2});
  queues.settle(first);
  EXPECT_EQ(pop(7), std::vector<int>{1});
}

TEST_F(EgressOfMessages, OneThatIsTakenBackLetsTheNextOneGo) {
  const Ticket first = push(7, 1, 1);
  push(7, 2, 0);
  EXPECT_EQ(queues.find(first)->id, 1);
  EXPECT_EQ(queues.take_back(first)->id, 1);
  EXPECT_EQ(queues.find(first), nullptr);
  EXPECT_EQ(queues.take_back(first), nullptr);
  queues.settle(first);  // comes too late
  EXPECT_EQ(pop(7), std::vector<int>{2});
}

TEST_F(EgressOfMessages, AllOfOneDestinationComeInTheirOrder) {
  push(7, 1, 1);
  push(7, 2, 0);
  push(8, 3, 1);
  const std::vector<Departure> all = queues.take_all(7);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].message->id, 1);
  EXPECT_EQ(all[1].message->id, 2);
  EXPECT_TRUE(queues.take_all(7).empty());
  EXPECT_EQ(queues.take_all().size(), 1U);
  EXPECT_TRUE(queues.empty());
}

TEST_F(EgressOfMessages, CountsThoseOfADestination) {
  push(7, 1, 1);
  queues.push(7, message(2, true), 0);
  EXPECT_EQ(queues.waiting_for(7), 2U);
  EXPECT_EQ(queues.waiting_for(8), 0U);
  const std::vector<Departure> all = queues.take_all();
  EXPECT_EQ(all.size(), 2U);
}

}  // namespace
}  // namespace netmsg::proxy
