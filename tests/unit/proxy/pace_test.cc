// SPDX-License-Identifier: Apache-2.0
#include "proxy/pace.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

using std::chrono::milliseconds;

class PaceTest : public testing::Test {
 protected:
  bool alone() const { return pace.at(clock.now()).chunk == Pace::kAlone.chunk; }
  std::uint64_t under_way() const { return pace.at(clock.now()).under_way; }
  // In company, with as much under way as may be, chunks take so long.
  void take(milliseconds time, int chunks = 1) {
    for (int at = 0; at < chunks; ++at) {
      pace.message(clock.now());
      pace.chunk(++number, clock.now());
      clock.advance(time);
      pace.message(clock.now());
      pace.acknowledged(number, under_way(), clock.now());
    }
  }

  FrameNumber number = 0;
  base::ManualClock clock;
  Pace pace;
};

TEST_F(PaceTest, IsThatOfBulkAloneAtFirst) {
  EXPECT_TRUE(alone());
  clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(alone());
}

TEST_F(PaceTest, ASmallMessageIsCompanyForSomeTime) {
  pace.message(clock.now());
  EXPECT_FALSE(alone());
  EXPECT_EQ(under_way(), Pace::kInCompany.under_way);
  clock.advance(Pace::kCompany - milliseconds(1));
  EXPECT_EQ(under_way(), Pace::kInCompany.under_way);
  clock.advance(milliseconds(1));
  EXPECT_EQ(under_way(), Pace::kLatelyInCompany.under_way);
  clock.advance(Pace::kLately - Pace::kCompany - milliseconds(1));
  EXPECT_FALSE(alone());
  clock.advance(milliseconds(1));
  EXPECT_TRUE(alone());
}

TEST_F(PaceTest, TheLastSmallMessageCounts) {
  for (int message = 0; message < 10; ++message) {
    pace.message(clock.now());
    clock.advance(Pace::kCompany / 2);
    EXPECT_FALSE(alone());
  }
}

constexpr std::uint64_t kLeast = Pace::kInCompany.under_way;
constexpr std::uint64_t kMore = Pace::kInCompany.chunk;

TEST_F(PaceTest, InCompanyMoreIsUnderWayAsLongAsChunksTakeNoLonger) {
  take(milliseconds(5));
  EXPECT_EQ(under_way(), kLeast + kMore);
  take(milliseconds(10), 3);
  EXPECT_EQ(under_way(), kLeast + 4 * kMore) << "twice the time is none for them";
  take(milliseconds(11), 2);
  EXPECT_EQ(under_way(), kLeast + 2 * kMore);
}

TEST_F(PaceTest, InCompanyItStaysBetweenTheLeastAndWhatItIsAlone) {
  take(milliseconds(1));
  take(milliseconds(50), 100);
  EXPECT_EQ(under_way(), kLeast);
  take(milliseconds(1), static_cast<int>(2 * kBulkWindowMax / kMore));
  EXPECT_EQ(under_way(), kBulkWindowMax);
}

// A way that has become longer.
TEST_F(PaceTest, TheFastestChunkIsForgottenInTime) {
  take(milliseconds(1));
  take(milliseconds(100), 1);
  EXPECT_EQ(under_way(), kLeast);
  for (base::Instant end = clock.now() + 3 * Pace::kOfLate; clock.now() < end;) take(milliseconds(100));
  EXPECT_GT(under_way(), kLeast);
}

TEST_F(PaceTest, WhoDoesNotUseWhatMayBeUnderWayGetsNoMore) {
  pace.message(clock.now());
  pace.chunk(1, clock.now());
  clock.advance(milliseconds(1));
  pace.acknowledged(1, kMore, clock.now());
  EXPECT_EQ(under_way(), kLeast);
}

TEST_F(PaceTest, ChunksThatWentAloneSayNothing) {
  pace.chunk(1, clock.now());
  pace.message(clock.now());
  pace.acknowledged(1, kLeast, clock.now());
  EXPECT_EQ(under_way(), kLeast);
}

TEST_F(PaceTest, NewCompanyBeginsWithTheLeast) {
  take(milliseconds(5), 10);
  const std::uint64_t before = under_way();
  EXPECT_GT(before, kLeast);
  clock.advance(Pace::kLately - milliseconds(1));
  pace.message(clock.now());
  EXPECT_EQ(under_way(), before);
  clock.advance(Pace::kLately);
  EXPECT_TRUE(alone());
  pace.message(clock.now());
  EXPECT_EQ(under_way(), kLeast);
}

TEST_F(PaceTest, SeveralChunksFitIntoEitherLimit) {
  for (const Pace::Limits& limits : {Pace::kAlone, Pace::kLatelyInCompany, Pace::kInCompany}) {
    EXPECT_LE(limits.chunk, kChunkDataMax);
    EXPECT_GE(limits.under_way, 2 * limits.chunk);
    EXPECT_LE(limits.under_way, kBulkWindowMax);
  }
}

}  // namespace
}  // namespace netmsg::proxy
