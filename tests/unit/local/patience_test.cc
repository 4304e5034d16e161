// SPDX-License-Identifier: Apache-2.0
#include "proto/local/patience.h"

#include <gtest/gtest.h>

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Somebody who waits, by a clock of his own.
class Patience : public testing::Test {
 protected:
  // A wait of that length, asleep unless awake was worth while; was it begun awake?
  bool waits(std::chrono::nanoseconds length) {
    const bool awake = patience.begin(now);
    now += length;
    patience.over(now);
    return awake;
  }
  // How many of so many late waits were begun awake?
  unsigned tries_of(unsigned count) {
    unsigned tries = 0;
    for (unsigned i = 0; i < count; ++i) tries += waits(local::Patience::kSoon) ? 1 : 0;
    return tries;
  }
  bool goes_on_after(std::chrono::nanoseconds yield) {
    const local::Patience::Time since = now;
    now += yield;
    patience.yielded(since, now);
    return patience.goes_on();
  }

  local::Patience patience;
  local::Patience::Time now{seconds(1)};
};

TEST_F(Patience, StaysWhereWhatIsAwaitedComesSoon) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(waits(local::Patience::kSoon / 2));
}

TEST_F(Patience, EndsAfterSomeLateOnesAndTriesNowAndThen) {
  EXPECT_EQ(tries_of(local::Patience::kVainMax), local::Patience::kVainMax);
  EXPECT_EQ(tries_of(10 * local::Patience::kTryAgainAt), 10U);
}

TEST_F(Patience, IsBackAfterOneThatCameSoon) {
  tries_of(100);
  waits(local::Patience::kSoon / 2);
  EXPECT_EQ(tries_of(local::Patience::kVainMax), local::Patience::kVainMax);
}

TEST_F(Patience, OfOneWaitIsShort) {
  ASSERT_TRUE(patience.begin(now));
  for (auto left = local::Patience::kAwake; left > std::chrono::microseconds(1);
       left -= std::chrono::microseconds(1))
    EXPECT_TRUE(goes_on_after(std::chrono::microseconds(1)));
  EXPECT_FALSE(goes_on_after(std::chrono::microseconds(1)));
}

TEST_F(Patience, OfOneWaitIsAsLongAsItsBeginningSays) {
  constexpr std::chrono::microseconds kLong{200};
  ASSERT_TRUE(patience.begin(now, kLong));
  EXPECT_TRUE(goes_on_after(kLong - std::chrono::microseconds(1)));
  EXPECT_FALSE(goes_on_after(std::chrono::microseconds(1)));
  ASSERT_TRUE(patience.begin(now));
  EXPECT_FALSE(goes_on_after(local::Patience::kAwake)) << "the next one is short again";
}

TEST_F(Patience, RestsWhereStrangersTakeTheProcessor) {
  constexpr milliseconds kSlice{4};
  ASSERT_TRUE(patience.begin(now));
  EXPECT_FALSE(goes_on_after(kSlice));
  const local::Patience::Time rested = now + local::Patience::kRestPerLoss * kSlice;
  while (now < rested - local::Patience::kSoon) EXPECT_FALSE(waits(local::Patience::kSoon / 2));
  now = rested;
  EXPECT_TRUE(waits(local::Patience::kSoon / 2));
}

// Many clients on one processor: a yield passes by all of them.
TEST_F(Patience, DoesNotTakeALongRoundForStrangers) {
  ASSERT_TRUE(patience.begin(now));
  EXPECT_FALSE(goes_on_after(local::Patience::kStranger));
  EXPECT_TRUE(waits(local::Patience::kSoon / 2));
}

}  // namespace
}  // namespace netmsg::test
