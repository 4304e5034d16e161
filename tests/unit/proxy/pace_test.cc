// SPDX-License-Identifier: Apache-2.0
#include "proxy/pace.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

class PaceTest : public testing::Test {
 protected:
  bool alone() const { return pace.at(clock.now()).chunk == Pace::kAlone.chunk; }

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
  clock.advance(Pace::kCompany - std::chrono::milliseconds(1));
  EXPECT_FALSE(alone());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(alone());
}

TEST_F(PaceTest, TheLastSmallMessageCounts) {
  for (int message = 0; message < 10; ++message) {
    pace.message(clock.now());
    clock.advance(Pace::kCompany / 2);
    EXPECT_FALSE(alone());
  }
}

TEST_F(PaceTest, SeveralChunksFitIntoEitherLimit) {
  for (const Pace::Limits& limits : {Pace::kAlone, Pace::kInCompany}) {
    EXPECT_LE(limits.chunk, kChunkDataMax);
    EXPECT_GE(limits.under_way, 4 * limits.chunk);
    EXPECT_LE(limits.under_way, kBulkWindowMax);
  }
}

}  // namespace
}  // namespace netmsg::proxy
