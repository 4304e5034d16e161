// SPDX-License-Identifier: Apache-2.0
#include "proxy/flight.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

PortUid port(Serial serial) {
  return {{}, serial};
}

TEST(Flight, CountsWhatTheHomeDidNotKnowOf) {
  Flight flight;
  flight.took_off(port(7), 1);
  flight.took_off(port(8), 2);
  flight.took_off(port(7), 3);
  flight.took_off(port(7), 9);
  EXPECT_EQ(flight.outstanding(port(7), 0), 3U);
  EXPECT_EQ(flight.outstanding(port(7), 3), 1U);
  EXPECT_EQ(flight.outstanding(port(8), 1), 1U);
  EXPECT_EQ(flight.outstanding(port(9), 0), 0U);
  EXPECT_EQ(flight.outstanding(port(7), 9), 0U);
}

TEST(Flight, WhatHasLandedIsForgotten) {
  Flight flight;
  for (FrameNumber number = 1; number <= 10; ++number) flight.took_off(port(number % 2), number);
  flight.landed(6);
  EXPECT_EQ(flight.outstanding(port(0), 0), 2U);
  EXPECT_EQ(flight.outstanding(port(1), 0), 2U);
  flight.landed(10);
  EXPECT_EQ(flight.outstanding(port(0), 0), 0U);
  EXPECT_EQ(flight.outstanding(port(1), 0), 0U);
}

TEST(Flight, NewsAndAcknowledgementsComeInEitherOrder) {
  Flight flight;
  flight.took_off(port(7), 1);
  flight.took_off(port(7), 2);
  EXPECT_EQ(flight.outstanding(port(7), 1), 1U);
  flight.landed(1);
  EXPECT_EQ(flight.outstanding(port(7), 1), 1U);
  flight.landed(2);
  EXPECT_EQ(flight.outstanding(port(7), 1), 0U);
}

}  // namespace
}  // namespace netmsg::proxy
