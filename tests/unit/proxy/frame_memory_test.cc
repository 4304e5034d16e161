// SPDX-License-Identifier: Apache-2.0
#include "proxy/frame_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace netmsg::proxy {
namespace {

TEST(FrameMemory, EachFrameIsEmptyAtFirst) {
  FrameMemory memory;
  for (int round = 0; round < 3; ++round) {
    const FrameMemory::Loan frame(memory);
    EXPECT_EQ(frame->body_case(), v1::Frame::BODY_NOT_SET);
    frame->mutable_message()->mutable_destination()->set_serial(7);
    frame->mutable_message()->set_body(std::string(100000, 'x'));
  }
}

TEST(FrameMemory, AFrameStaysWhileOthersAreMadeOfIt) {
  FrameMemory memory;
  const FrameMemory::Loan outer(memory);
  outer->mutable_message()->set_body("outer, longer than a short string");
  for (int round = 0; round < 100; ++round) {
    const FrameMemory::Loan inner(memory);
    inner->mutable_message()->set_body(std::string(1000, 'i'));
  }
  EXPECT_EQ(outer->message().body(), "outer, longer than a short string");
}

}  // namespace
}  // namespace netmsg::proxy
