// SPDX-License-Identifier: Apache-2.0
// R3: a message waits for its rights and for those before it in its lane, and for nothing else.
#include "proxy/parking.h"

#include <gtest/gtest.h>

#include "daemon/ipc/port.h"
#include "tests/support/engine_world.h"

namespace netmsg::proxy {
namespace {

using ipc::SendRight;
using Ints = std::vector<int>;

class ParkedMessages : public testing::Test {
 protected:
  ~ParkedMessages() override { parking.take_all(); }

  ParkingTicket push(const Parking::Lane& to, int id, std::size_t unsettled) {
    ipc::MessagePtr made = world.engine.new_message(account, ipc::Bytes(32));
    made->id = id;
    made->destination = ipc::CarriedRight(SendRight::mint(port));
    return parking.push(to, std::move(made), unsettled);
  }
  void settle(ParkingTicket ticket) { parking.settle(ticket, 0, ipc::CarriedRight(SendRight::mint(other))); }
  Ints pop(const Parking::Lane& from) {
    Ints ids;
    while (const ipc::MessagePtr next = parking.pop(from)) ids.push_back(next->id);
    parking.check_invariants();
    return ids;
  }
  ipc::Port& make_port() { return *world.engine.copy_send(task.space(), task.port()).value().port(); }

  test::World world;
  test::Task& task = world.task();
  ipc::Account account{ipc::Account::Limits{}};
  ipc::Port& port = make_port();
  ipc::Port& other = make_port();
  const ipc::Event event{world.engine};
  const Parking::Lane lane{{{}, 7}, 1};
  const Parking::Lane of_another_peer{{{}, 7}, 2};
  const Parking::Lane to_another_port{{{}, 8}, 1};
  Parking parking;
};

TEST_F(ParkedMessages, OneWithNothingUnsettledWaitsForThoseBeforeIt) {
  const ParkingTicket first = push(lane, 1, 1);
  push(lane, 2, 0);
  EXPECT_EQ(pop(lane), Ints{});
  settle(first);
  EXPECT_EQ(pop(lane), (Ints{1, 2}));
  EXPECT_TRUE(parking.empty());
}

TEST_F(ParkedMessages, OneWaitsForEachOfItsRights) {
  const ParkingTicket only = push(lane, 1, 2);
  settle(only);
  EXPECT_EQ(pop(lane), Ints{});
  settle(only);
  EXPECT_EQ(pop(lane), Ints{1});
}

TEST_F(ParkedMessages, ALaterOneThatIsSettledFirstKeepsItsPlace) {
  const ParkingTicket first = push(lane, 1, 1);
  settle(push(lane, 2, 1));
  EXPECT_EQ(pop(lane), Ints{});
  settle(first);
  EXPECT_EQ(pop(lane), (Ints{1, 2}));
}

TEST_F(ParkedMessages, LanesDoNotWaitForEachOther) {
  push(lane, 1, 1);
  for (const Parking::Lane& each : {of_another_peer, to_another_port}) {
    EXPECT_FALSE(parking.holds(each));
    settle(push(each, 2, 1));
    EXPECT_EQ(pop(each), Ints{2});
  }
  EXPECT_TRUE(parking.holds(lane));
}

TEST_F(ParkedMessages, WhatIsSettledIsFilledInAndCounts) {
  const std::uint32_t before = other.srights();
  settle(push(lane, 1, 1));
  EXPECT_EQ(other.srights(), before + 1);
  const ipc::MessagePtr message = parking.pop(lane);
  EXPECT_EQ(message->reply.port(), &other);
}

// N2: those that are known are given up at once, the others when they are known.
TEST_F(ParkedMessages, RightsOfMessagesToADeadPortAreGivenUp) {
  const std::uint32_t before = other.srights();
  const ParkingTicket waiting = push(lane, 1, 2);
  settle(waiting);
  EXPECT_EQ(other.srights(), before + 1);
  parking.destination_died(lane.port);
  EXPECT_EQ(other.srights(), before);
  EXPECT_EQ(pop(lane), Ints{}) << "it is still awaited";
}

}  // namespace
}  // namespace netmsg::proxy
