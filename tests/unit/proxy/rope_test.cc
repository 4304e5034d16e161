// SPDX-License-Identifier: Apache-2.0
// Bytes in several places are read as if they lay in one: rope.h, fields.h, chunk.h, and Batches from them.
#include "proxy/rope.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "proxy/chunk.h"
#include "proxy/fields.h"
#include "proxy/wire.h"
#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

std::string text(const Rope& rope) {
  std::string room;
  return std::string(rope.flat(room));
}

// The same bytes, cut anywhere.
class Cut {
 public:
  Cut(const std::string& bytes, std::mt19937& random) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = random() % 5 == 0 ? 0 : 1 + random() % 9;
      owned_.push_back(bytes.substr(at, size));
      at += size;
    }
    owned_.emplace_back();
    places_.assign(owned_.begin(), owned_.end());
  }
  Rope rope() const { return Rope(places_); }

 private:
  std::vector<std::string> owned_;
  std::vector<std::string_view> places_;
};

TEST(RopeTest, InOnePlaceIsThatPlace) {
  const std::string bytes = "abcdef";
  Rope rope(bytes);
  const Rope taken = rope.take(2);
  std::string room;
  EXPECT_EQ(taken.flat(room).data(), bytes.data()) << "not copied";
  EXPECT_EQ(rope.flat(room).data(), bytes.data() + 2);
  EXPECT_EQ(rope.take_byte(), 'c');
  EXPECT_EQ(text(rope), "def");
}

TEST(RopeTest, OfNothingIsEmpty) {
  EXPECT_TRUE(Rope().empty());
  EXPECT_TRUE(Rope(std::span<const std::string_view>()).empty());
  const std::vector<std::string_view> places = {"", ""};
  Rope rope{std::span(places)};
  EXPECT_TRUE(rope.empty());
  EXPECT_TRUE(rope.take(0).empty());
}

TEST(RopeTest, FrontIsNeverEmptyUnlessAllIs) {
  const std::vector<std::string_view> places = {"", "ab", "", "", "c", ""};
  Rope rope{std::span(places)};
  EXPECT_EQ(rope.front(), "ab");
  Rope taken = rope.take(2);
  EXPECT_EQ(rope.front(), "c");
  EXPECT_EQ(taken.take_byte(), 'a');
  EXPECT_EQ(taken.take_byte(), 'b');
  EXPECT_TRUE(taken.empty()) << "and does not go on behind what was taken";
  EXPECT_TRUE(taken.front().empty());
}

TEST(RopeTest, WhateverTheCutsTheBytesAreTheSame) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 100, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const Cut cut(bytes, random);
    Rope rope = cut.rope();
    std::string taken;
    while (!rope.empty()) {
      if (random() % 3 == 0) {
        taken += rope.take_byte();
        continue;
      }
      Rope some = rope.take(random() % (rope.size() + 1));
      if (!some.empty()) taken += text(some.take(random() % some.size()));
      taken += text(some);
    }
    EXPECT_EQ(taken, bytes);
  }
}

v1::Frame chunk_frame() {
  v1::Frame frame;
  frame.set_number(77);
  v1::Chunk& chunk = *frame.mutable_chunk();
  chunk.set_transfer(300);
  v1::Piece& first = *chunk.add_pieces();
  first.mutable_part()->set_length(1'000'000);
  first.mutable_part()->set_address(5);
  first.set_data(std::string(300, 'x'));
  chunk.add_pieces()->set_data("yz");
  return frame;
}

TEST(ReadChunk, SaysWhatProtobufWouldSay) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string bytes = chunk_frame().SerializeAsString();
  for (int round = 0; round < 100; ++round) {
    const Cut cut(bytes, random);
    ASSERT_TRUE(holds_chunk(cut.rope()));
    Chunk chunk;
    ASSERT_TRUE(read_chunk(cut.rope(), chunk));
    EXPECT_EQ(chunk.number, 77U);
    EXPECT_EQ(chunk.transfer, 300U);
    EXPECT_FALSE(chunk.dropped);
    EXPECT_EQ(chunk.data_bytes(), 302U);
    ASSERT_EQ(chunk.pieces.size(), 2U);
    EXPECT_EQ(chunk.pieces[0].part->length(), 1'000'000U);
    EXPECT_EQ(chunk.pieces[0].part->address(), 5U);
    EXPECT_EQ(text(chunk.pieces[0].data), std::string(300, 'x'));
    EXPECT_FALSE(chunk.pieces[1].part.has_value());
    EXPECT_EQ(text(chunk.pieces[1].data), "yz");
  }
}

TEST(ReadChunk, OtherFramesHoldNone) {
  v1::Frame frame;
  frame.set_number(1);
  frame.mutable_message()->set_body("body");
  EXPECT_FALSE(holds_chunk(frame.SerializeAsString()));
}

TEST(ReadChunk, KeepsNoMorePiecesThanItTakesToSeeThatTheyAreTooMany) {
  v1::Frame frame = chunk_frame();
  for (std::size_t piece = 0; piece < 3 * kChunkPiecesMax; ++piece)
    frame.mutable_chunk()->add_pieces()->set_data("x");
  const std::string bytes = frame.SerializeAsString();
  Chunk chunk;
  ASSERT_TRUE(read_chunk(bytes, chunk));
  EXPECT_EQ(chunk.pieces.size(), kChunkPiecesMax + 1);
}

TEST(ReadChunk, MutatedBytesEndSomehow) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string whole = chunk_frame().SerializeAsString();
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = whole.substr(0, random() % (whole.size() + 1));
    for (unsigned flips = random() % 4; flips > 0 && !bytes.empty(); --flips)
      bytes[random() % std::min<std::size_t>(bytes.size(), 40)] = static_cast<char>(random());
    const Cut cut(bytes, random);
    Chunk chunk;
    holds_chunk(cut.rope());
    if (!read_chunk(cut.rope(), chunk)) continue;
    EXPECT_LE(chunk.data_bytes(), bytes.size());
  }
}

TEST(TakeField, NumbersOfAnyWidthAndBytes) {
  std::string bytes = {'\x08', '\x96', '\x01'};       // 1: varint 150
  bytes += {'\x15', '\x01', '\x02', '\x00', '\x00'};  // 2: fixed32
  bytes += std::string{'\x19', '\x01', '\x00', '\x00', '\x00', '\x00', '\x00', '\x00', '\x01'};  // 3: fixed64
  bytes += {'\x22', '\x02', 'a', 'b'};                                                           // 4: bytes
  Rope rest(bytes);
  EXPECT_EQ(take_field(rest)->value, 150U);
  EXPECT_EQ(take_field(rest)->value, 0x201U);
  EXPECT_EQ(take_field(rest)->value, (std::uint64_t{1} << 56) + 1);
  EXPECT_EQ(text(take_field(rest)->bytes), "ab");
  EXPECT_TRUE(rest.empty());
}

TEST(TakeField, WhatCannotBeIsMalformed) {
  const std::vector<std::string> all = {
      {'\x08'},                          // no value
      {'\x08', '\x80'},                  // half a value
      std::string(11, '\xFF'),           // a tag without an end
      {'\x00', '\x01'},                  // field 0
      {'\x0A', '\x02', 'a'},             // longer than what is there
      {'\x0B', '\x0C'},                  // a group
      {'\x0E', '\x01'},                  // no such type
      {'\x0D', '\x01', '\x01', '\x01'},  // three quarters of a number
      "\x08" + std::string(10, '\x80') + '\x01',
  };
  for (const std::string& bytes : all) {
    Rope rest(bytes);
    EXPECT_FALSE(take_field(rest).has_value()) << testing::PrintToString(bytes);
  }
}

TEST(BatchReader, WhateverTheCutsTheItemsAreTheSame) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  v1::Batch batch;
  *batch.add_frames() = chunk_frame();
  batch.add_frames()->mutable_message()->set_body(std::string(200, 'b'));
  batch.set_applied(300);
  const std::string bytes = batch.SerializeAsString();
  for (int round = 0; round < 100; ++round) {
    const Cut cut(bytes, random);
    BatchReader reader(cut.rope());
    ASSERT_EQ(reader.next(), BatchReader::Item::kFrame);
    EXPECT_TRUE(holds_chunk(reader.bytes()));
    ASSERT_EQ(reader.next(), BatchReader::Item::kFrame);
    v1::Frame frame;
    ASSERT_TRUE(read_frame(reader.bytes(), frame));
    EXPECT_EQ(frame.message().body(), std::string(200, 'b'));
    ASSERT_EQ(reader.next(), BatchReader::Item::kApplied);
    EXPECT_EQ(reader.applied(), 300U);
    EXPECT_EQ(reader.next(), BatchReader::Item::kEnd);
  }
}

}  // namespace
}  // namespace netmsg::proxy
