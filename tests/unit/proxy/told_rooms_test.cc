// SPDX-License-Identifier: Apache-2.0
#include "proxy/told_rooms.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

using std::chrono::milliseconds;

class ToldRoomsTest : public testing::Test {
 protected:
  bool can_wait(std::uint32_t room) { return rooms.can_wait(port, room, clock.now()); }
  void arrive(int count) {
    for (int at = 0; at < count; ++at) rooms.arrived(port);
  }

  const PortUid port{{}, 7};
  base::ManualClock clock;
  ToldRooms rooms;
};

TEST_F(ToldRoomsTest, TheFirstNewsOfAPortIsToldAtOnce) {
  EXPECT_FALSE(can_wait(16));
  EXPECT_FALSE(rooms.owed_since());
}

TEST_F(ToldRoomsTest, NewsWaitsAsLongAsMoreThanHalfOfTheRoomIsKnown) {
  rooms.told(port, 16);
  arrive(7);
  EXPECT_TRUE(can_wait(16));
  arrive(1);
  EXPECT_FALSE(can_wait(16));
}

TEST_F(ToldRoomsTest, LessRoomThanIsKnownIsToldAtOnce) {
  rooms.told(port, 16);
  EXPECT_FALSE(can_wait(15));
}

TEST_F(ToldRoomsTest, AUnitThatTellsTheRoomIsNews) {
  rooms.told(port, 16);
  arrive(12);
  EXPECT_FALSE(can_wait(16));
  rooms.one_more(port, 16);
  EXPECT_TRUE(can_wait(16));
  rooms.one_more(port, 16);
  EXPECT_FALSE(rooms.owed_since());
}

TEST_F(ToldRoomsTest, AfterAFirstUnitNewsIsToldAtOnceAllTheSame) {
  rooms.one_more(port, 16);
  EXPECT_FALSE(can_wait(16));
}

TEST_F(ToldRoomsTest, AUnitWhoseRoomMayNotCountMakesItUnknown) {
  rooms.told(port, 16);
  EXPECT_FALSE(rooms.one_more_unseen(port));
  EXPECT_FALSE(can_wait(16));
  rooms.told(port, 16);
  arrive(1);
  EXPECT_TRUE(can_wait(16));
  EXPECT_TRUE(rooms.one_more_unseen(port)) << "who tells it now?";
  EXPECT_EQ(rooms.owed(), 0U);
}

TEST_F(ToldRoomsTest, ItIsOwedSinceTheFirstNews) {
  rooms.told(port, 16);
  arrive(1);
  EXPECT_TRUE(can_wait(16));
  const base::Instant first = clock.now();
  clock.advance(milliseconds(3));
  EXPECT_TRUE(can_wait(16));
  EXPECT_EQ(rooms.owed_since(), first);
  rooms.told(port, 16);
  EXPECT_FALSE(rooms.owed_since());
}

// Each message that has come since uses up a place of what was told (seed 561 of the random programs, with broken streams).
TEST_F(ToldRoomsTest, WhoIsOwedNewsSeesWhatHeHasNotUsedOfTheLast) {
  rooms.told(port, 4);
  EXPECT_EQ(rooms.still_seen(port), std::nullopt);
  arrive(1);
  EXPECT_TRUE(can_wait(4));
  EXPECT_EQ(rooms.still_seen(port), 3U);
  arrive(4);  // forced ones need no room
  EXPECT_EQ(rooms.still_seen(port), 0U);
}

TEST_F(ToldRoomsTest, OwedNewsIsTakenOnce) {
  rooms.told(port, 16);
  arrive(1);
  EXPECT_TRUE(can_wait(16));
  EXPECT_EQ(rooms.take_owed(), std::vector<PortUid>{port});
  EXPECT_TRUE(rooms.take_owed().empty());
}

TEST_F(ToldRoomsTest, WhatIsForgottenIsNeitherOwedNorKnown) {
  rooms.told(port, 16);
  arrive(1);
  EXPECT_TRUE(can_wait(16));
  rooms.forget(port);
  EXPECT_EQ(rooms.owed(), 0U);
  EXPECT_FALSE(can_wait(16));
}

}  // namespace
}  // namespace netmsg::proxy
