// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/active_lanes.h"

#include <gtest/gtest.h>

#include <functional>

namespace netmsg::session {
namespace {

class Fellow final : public ActiveLanes::Member {
 public:
  explicit Fellow(ActiveLanes& lanes) : lanes_(lanes) {}
  ~Fellow() override { lanes_.leave(*this); }

  bool look() override {
    if (!on_look) return false;
    std::exchange(on_look, nullptr)();
    return true;
  }
  bool park() override { return true; }
  void ring() override {
    ++rung;
    if (on_ring) std::exchange(on_ring, nullptr)();
  }

  std::function<void()> on_look;
  std::function<void()> on_ring;
  int rung = 0;

 private:
  ActiveLanes& lanes_;
};

class ActiveLanesTest : public testing::Test {
 protected:
  asio::io_context io;
  std::shared_ptr<ActiveLanes> lanes = std::make_shared<ActiveLanes>(io);
  Fellow first{*lanes};
  Fellow second{*lanes};
};

using Ringing = ActiveLanesTest;
TEST_F(Ringing, ComesAtTheEndOfTheRoundOnce) {
  lanes->join(first);
  second.on_look = [&] {
    lanes->answered(first);
    lanes->answered(first);
    EXPECT_EQ(first.rung, 0);
  };
  lanes->join(second);
  io.run();
  EXPECT_EQ(first.rung, 1);
  EXPECT_EQ(second.rung, 0);
}

TEST_F(Ringing, ComesAtOnceWhereThereIsNoRound) {
  lanes->answered(first);
  EXPECT_EQ(first.rung, 1);
  io.run();
}

// All are parked afterwards: nobody would come to it.
TEST_F(Ringing, WhatARingLeavesForAnEarlierOneIsDoneInTheSameRound) {
  lanes->join(first);
  lanes->join(second);
  second.on_ring = [&] { lanes->answered(first); };
  second.on_look = [&] { lanes->answered(second); };
  io.run();
  EXPECT_EQ(second.rung, 1);
  EXPECT_EQ(first.rung, 1);
}

}  // namespace
}  // namespace netmsg::session
