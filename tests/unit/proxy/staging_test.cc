// SPDX-License-Identifier: Apache-2.0
// A group of frames that is kept until it is complete (rule M1).
#include "proxy/staging.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

v1::Frame port() {
  v1::Frame frame;
  frame.mutable_move()->set_epoch(1);
  return frame;
}

v1::Frame message(bool queued) {
  v1::Frame frame;
  frame.mutable_message()->set_queued(queued);
  return frame;
}

TEST(Staging, IsCompleteWithTheFirstMessageThatWasNotQueued) {
  Staging staging;
  EXPECT_FALSE(staging.open());
  for (const v1::Frame& frame : {port(), port(), message(true)}) {
    EXPECT_FALSE(staging.add(frame));
    EXPECT_TRUE(staging.open());
    EXPECT_FALSE(staging.complete());
  }
  EXPECT_FALSE(staging.add(message(false)));
  EXPECT_TRUE(staging.complete());
  EXPECT_EQ(staging.take().size(), 4U);
  EXPECT_FALSE(staging.open());
}

TEST(Staging, WhatHasNoPlaceInAGroupIsAnError) {
  Staging staging;
  EXPECT_FALSE(staging.add(port()));
  EXPECT_FALSE(staging.add(message(true)));
  EXPECT_EQ(staging.add(port())->code, v1::Fence::PROTOCOL) << "after a message";
  v1::Frame died;
  died.mutable_died();
  EXPECT_EQ(staging.add(died)->code, v1::Fence::PROTOCOL);
}

TEST(Staging, AGroupThatDoesNotEndIsTooLarge) {
  Staging ports;
  for (std::size_t each = 0; each < kGroupPortsMax; ++each) EXPECT_FALSE(ports.add(port()));
  EXPECT_EQ(ports.add(port())->code, v1::Fence::LIMIT);

  Staging bytes;
  EXPECT_FALSE(bytes.add(port()));
  v1::Frame large = message(true);
  large.mutable_message()->mutable_body()->resize(4U << 20);
  Check fault;
  for (int each = 0; each < 8 && !fault; ++each) fault = bytes.add(large);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->code, v1::Fence::LIMIT);
}

TEST(Staging, WhatIsClearedBeginsAnew) {
  Staging staging;
  EXPECT_FALSE(staging.add(port()));
  staging.clear();
  EXPECT_FALSE(staging.open());
  EXPECT_EQ(staging.size(), 0U);
}

}  // namespace
}  // namespace netmsg::proxy
