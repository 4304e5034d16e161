// SPDX-License-Identifier: Apache-2.0
#include "proxy/dialer.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

using std::chrono::milliseconds;

TEST(Dialer, TheFirstAttemptIsDueAtOnce) {
  base::ManualClock clock;
  EXPECT_EQ(Dialer(Timing{}, 1, clock.now()).due(), clock.now());
}

TEST(Dialer, DelaysGrowToTheirMaximumWithJitter) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    base::ManualClock clock;
    Dialer dialer(Timing{}, seed, clock.now());
    milliseconds longest(50);
    for (int attempt = 0; attempt < 10; ++attempt) {
      dialer.again(clock.now());
      EXPECT_GE(dialer.due() - clock.now(), longest / 2);
      EXPECT_LE(dialer.due() - clock.now(), longest);
      longest = std::min(2 * longest, milliseconds(2000));
    }
  }
}

TEST(Dialer, JitterDependsOnTheSeed) {
  base::ManualClock clock;
  Dialer one(Timing{}, 1, clock.now());
  Dialer two(Timing{}, 2, clock.now());
  one.again(clock.now());
  two.again(clock.now());
  EXPECT_NE(one.due(), two.due());
}

TEST(Dialer, AStreamThatLastsStartsTheDelaysAgain) {
  base::ManualClock clock;
  Dialer dialer(Timing{}, 1, clock.now());
  for (int attempt = 0; attempt < 10; ++attempt) dialer.again(clock.now());
  dialer.opened(clock.now());
  clock.advance(milliseconds(1999));
  dialer.again(clock.now());
  EXPECT_GE(dialer.due() - clock.now(), milliseconds(1000)) << "it opened only to fail";
  dialer.opened(clock.now());
  clock.advance(milliseconds(2000));
  dialer.again(clock.now());
  EXPECT_LE(dialer.due() - clock.now(), milliseconds(50));
}

}  // namespace
}  // namespace netmsg::proxy
