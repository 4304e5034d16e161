// SPDX-License-Identifier: Apache-2.0
#include "proxy/frame_bytes.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

v1::Frame message(std::size_t bytes) {
  v1::Frame made;
  made.mutable_message()->set_body(std::string(bytes, 'x'));
  return made;
}

TEST(FrameBytes, AreAnItemOfABatchAsProtobufReadsIt) {
  FrameBytes bytes;
  std::string both(bytes.add(message(300), 7));
  both += bytes.add(v1::Frame(), 8);
  v1::Batch batch;
  ASSERT_TRUE(batch.ParseFromString(both));
  ASSERT_EQ(batch.frames_size(), 2);
  EXPECT_EQ(batch.frames(0).number(), 7U);
  EXPECT_EQ(batch.frames(0).message().body(), std::string(300, 'x'));
  EXPECT_EQ(batch.frames(1).number(), 8U);
  EXPECT_EQ(batch.frames(1).body_case(), v1::Frame::BODY_NOT_SET);
}

TEST(FrameBytes, StayWhereTheyAreUntilTheyAreDropped) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  FrameBytes bytes;
  struct Added {
    std::string_view at;
    std::string was;
  };
  std::deque<Added> all;
  for (FrameNumber number = 1; number < 3000; ++number) {
    const std::string_view at =
        bytes.add(message(random() % 40 == 0 ? random() % 100000 : random() % 300), number);
    all.push_back({at, std::string(at)});
    while (!all.empty() && random() % 100 < (number / 500 % 2 == 0 ? 40 : 60)) {
      ASSERT_EQ(all.front().at, all.front().was);
      bytes.drop(all.front().at.size());
      all.pop_front();
    }
  }
}

TEST(FrameBytes, WhoDropsAllKeepsLittle) {
  FrameBytes bytes;
  for (const std::size_t size : {std::size_t{10}, std::size_t{1} << 20, std::size_t{10}}) {
    const std::size_t added = bytes.add(message(size), 1).size();
    EXPECT_GE(bytes.capacity(), added);
    bytes.drop(added);
    EXPECT_LE(bytes.capacity(), std::size_t{16} << 10);
  }
}

TEST(FrameBytes, AQueueThatStaysShortUsesTheSameMemory) {
  FrameBytes bytes;
  std::size_t first = bytes.add(message(100), 1).size();
  for (FrameNumber number = 2; number < 10000; ++number) {
    const std::size_t next = bytes.add(message(100), number).size();
    bytes.drop(first);
    first = next;
    ASSERT_LE(bytes.capacity(), std::size_t{32} << 10);
  }
}

}  // namespace
}  // namespace netmsg::proxy
