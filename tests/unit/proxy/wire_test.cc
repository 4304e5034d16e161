// SPDX-License-Identifier: Apache-2.0
#include "proxy/wire.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

using Item = BatchReader::Item;

v1::Frame frame(FrameNumber number, std::size_t bytes = 0) {
  v1::Frame made;
  made.set_number(number);
  made.mutable_message()->set_body(std::string(bytes, 'x'));
  return made;
}

std::vector<Item> items(std::string_view bytes) {
  std::vector<Item> found;
  BatchReader reader(bytes);
  do {
    found.push_back(reader.next());
  } while (found.back() != Item::kEnd && found.back() != Item::kMalformed);
  return found;
}

TEST(BatchWriter, WhatItWritesIsABatchAsProtobufReadsIt) {
  BatchWriter writer;
  v1::Hello hello;
  hello.set_name("a");
  writer.hello(hello);
  writer.frame(frame(1));
  writer.frame(frame(2));
  writer.applied(9);
  const std::vector<std::string> out = writer.take();
  ASSERT_EQ(out.size(), 1U);
  v1::Batch batch;
  ASSERT_TRUE(batch.ParseFromString(out[0]));
  EXPECT_EQ(batch.hello().name(), "a");
  ASSERT_EQ(batch.frames_size(), 2);
  EXPECT_EQ(batch.frames(1).number(), 2U);
  EXPECT_EQ(batch.applied(), 9U);
  EXPECT_EQ(items(out[0]),
            (std::vector<Item>{Item::kHello, Item::kFrame, Item::kFrame, Item::kApplied, Item::kEnd}));
}

TEST(BatchWriter, ABatchIsAtMostOneMebibyteUnlessOneFrameIsMore) {
  BatchWriter writer;
  for (FrameNumber n = 1; n <= 5; ++n) writer.frame(frame(n, 400U << 10));
  writer.frame(frame(6, 2U << 20));
  writer.frame(frame(7));
  const std::vector<std::string> out = writer.take();
  ASSERT_EQ(out.size(), 5U);
  for (const std::size_t index : {0U, 1U, 2U, 4U}) EXPECT_LE(out[index].size(), kBatchBytesMax + 16);
  EXPECT_GT(out[3].size(), 2U << 20);
  EXPECT_EQ(items(out[3]).size(), 2U) << "alone";
}

TEST(BatchWriter, NothingToSayIsABareAcknowledgement) {
  BatchWriter writer;
  writer.applied(3);
  const std::vector<std::string> out = writer.take();
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(items(out[0]), (std::vector<Item>{Item::kApplied, Item::kEnd}));
}

TEST(BatchReader, JoinedBatchesAreRead) {
  BatchWriter writer;
  std::string joined;
  for (FrameNumber n = 1; n <= 3; ++n) {
    writer.frame(frame(n));
    writer.applied(n);
    for (const std::string& bytes : writer.take()) joined += bytes;
  }
  BatchReader reader(joined);
  for (FrameNumber n = 1; n <= 3; ++n) {
    ASSERT_EQ(reader.next(), Item::kFrame);
    v1::Frame read;
    ASSERT_TRUE(read_frame(reader.bytes(), read));
    EXPECT_EQ(read.number(), n);
    ASSERT_EQ(reader.next(), Item::kApplied);
    EXPECT_EQ(reader.applied(), n);
  }
  EXPECT_EQ(reader.next(), Item::kEnd);
}

TEST(BatchReader, UnknownFieldsAreSkipped) {
  const std::string unknown = {'\xF8', '\x07', '\x01', '\xFA',
                               '\x07', '\x02', 'a',    'b'};  // field 127: varint, bytes
  v1::Batch batch;
  batch.set_applied(4);
  EXPECT_EQ(items(unknown + batch.SerializeAsString()), (std::vector<Item>{Item::kApplied, Item::kEnd}));
}

TEST(BatchReader, TruncatedBytesAreMalformedOrEndEarlyNeverMore) {
  BatchWriter writer;
  writer.frame(frame(1, 100));
  writer.applied(300);
  const std::string whole = writer.take().front();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<Item> found = items(std::string_view(whole).substr(0, length));
    EXPECT_LE(found.size(), 2U) << length;
  }
}

TEST(BatchReader, RandomBytesEndSomehow) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_LE(items(bytes).size(), bytes.size() + 1);
    v1::Frame frame;
    read_frame(bytes, frame);
  }
}

TEST(ReadFrame, MoreRightsThanTheLimitAreSeenBeforeTheyAreMade) {
  v1::Frame many;
  for (std::uint32_t i = 0; i <= kRightsMax; ++i) many.mutable_message()->add_rights();
  v1::Frame read;
  EXPECT_FALSE(read_frame(many.SerializeAsString(), read));
  many.mutable_message()->mutable_rights()->RemoveLast();
  EXPECT_TRUE(read_frame(many.SerializeAsString(), read));
}

}  // namespace
}  // namespace netmsg::proxy
