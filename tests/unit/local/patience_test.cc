// SPDX-License-Identifier: Apache-2.0
#include "proto/local/patience.h"

#include <gtest/gtest.h>

namespace netmsg::local {
namespace {

unsigned tries_of(Patience& patience, unsigned waits) {
  unsigned tries = 0;
  for (unsigned i = 0; i < waits; ++i) {
    if (!patience.try_awake()) continue;
    ++tries;
    patience.was_in_vain();
  }
  return tries;
}

TEST(Patience, IsThereAsLongAsItPays) {
  Patience patience;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(patience.try_awake());
    patience.was_worth_it();
  }
}

TEST(Patience, EndsAfterSomeWaitsInVainAndTriesNowAndThen) {
  Patience patience;
  EXPECT_EQ(tries_of(patience, Patience::kVainMax), Patience::kVainMax);
  EXPECT_EQ(tries_of(patience, 10 * Patience::kTryAgainAt), 10U);
}

TEST(Patience, IsBackAfterOneSuccess) {
  Patience patience;
  tries_of(patience, 100);
  while (!patience.try_awake()) {
  }
  patience.was_worth_it();
  EXPECT_EQ(tries_of(patience, Patience::kVainMax), Patience::kVainMax);
}

}  // namespace
}  // namespace netmsg::local
