// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/frame_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/support/seed.h"

namespace netmsg::session {
namespace {

constexpr std::uint32_t kMax = 1000;

using Bytes = std::vector<std::byte>;

Bytes frame_of(std::uint32_t length, std::uint64_t id, std::uint16_t zero = 0) {
  const local::FrameHeader header{length, 17, zero, id};
  Bytes bytes(sizeof header + length, static_cast<std::byte>(id));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class FrameReading : public ::testing::Test {
 protected:
  ipc::Account account{{.bytes = 4096, .ports = 1}};
  FrameReader reader{account, kMax};

  // How many it has taken: where it awaits the rest of a payload that may be put there, then only that.
  std::size_t give(std::span<const std::byte> bytes, bool in_place) {
    const std::span<std::byte> rest = reader.awaited();
    if (!in_place || rest.empty()) return reader.feed(bytes), bytes.size();
    const auto part = bytes.first(std::min(bytes.size(), rest.size()));
    std::copy(part.begin(), part.end(), rest.begin());
    reader.filled(part.size());
    return part.size();
  }
  std::vector<std::uint64_t> take_all() {
    std::vector<std::uint64_t> ids;
    while (reader.next() == FrameReader::Step::kFrame) {
      ids.push_back(reader.header().id);
      EXPECT_EQ(reader.payload().size(), reader.header().length);
      for (const std::byte byte : reader.payload())
        EXPECT_EQ(byte, static_cast<std::byte>(reader.header().id));
    }
    return ids;
  }
};

TEST_F(FrameReading, TakesSeveralFramesFromOnePiece) {
  reader.feed(join({frame_of(0, 1), frame_of(10, 2), frame_of(kMax, 3)}));
  EXPECT_EQ(take_all(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(account.bytes_used(), 0U);
}

TEST_F(FrameReading, WaitsForEveryTruncatedFrame) {
  const Bytes whole = frame_of(40, 9);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    FrameReader one(account, kMax);
    one.feed(std::span(whole).first(cut));
    EXPECT_EQ(one.next(), FrameReader::Step::kNeedMore) << cut;
    one.feed(std::span(whole).subspan(cut));
    EXPECT_EQ(one.next(), FrameReader::Step::kFrame) << cut;
    EXPECT_EQ(one.next(), FrameReader::Step::kNeedMore) << cut;
  }
  EXPECT_EQ(account.bytes_used(), 0U);
}

TEST_F(FrameReading, ChargesAFrameItHasToWaitFor) {
  const Bytes whole = frame_of(500, 1);
  reader.feed(std::span(whole).first(30));
  EXPECT_EQ(reader.next(), FrameReader::Step::kNeedMore);
  EXPECT_EQ(account.bytes_used(), 500U);
}

TEST_F(FrameReading, TakesTheRestOfAPayloadInItsPlace) {
  const Bytes whole = frame_of(500, 1);
  reader.feed(std::span(whole).first(30));
  EXPECT_TRUE(reader.awaited().empty());
  EXPECT_EQ(reader.next(), FrameReader::Step::kNeedMore);
  EXPECT_EQ(reader.awaited().size(), whole.size() - 30);
  EXPECT_EQ(give(std::span(whole).subspan(30), true), whole.size() - 30);
  EXPECT_TRUE(reader.awaited().empty());
  EXPECT_EQ(take_all(), std::vector<std::uint64_t>{1});
  EXPECT_TRUE(reader.awaited().empty());
  EXPECT_EQ(account.bytes_used(), 0U);
}

TEST_F(FrameReading, BreaksOnTheFirstByteTooLongAndStaysBroken) {
  reader.feed(frame_of(kMax + 1, 1));
  EXPECT_EQ(reader.next(), FrameReader::Step::kBroken);
  reader.feed(frame_of(1, 1));
  EXPECT_EQ(reader.next(), FrameReader::Step::kBroken);
  EXPECT_EQ(account.bytes_used(), 0U);
}

TEST_F(FrameReading, BreaksOnAReservedField) {
  reader.feed(frame_of(0, 1, 1));
  EXPECT_EQ(reader.next(), FrameReader::Step::kBroken);
}

TEST_F(FrameReading, PassesByWhatTheAccountCannotBear) {
  ipc::Account poor({.bytes = 100, .ports = 1});
  FrameReader one(poor, kMax);
  const Bytes whole = join({frame_of(101, 1), frame_of(5, 2)});
  one.feed(std::span(whole).first(50));
  EXPECT_EQ(one.next(), FrameReader::Step::kNeedMore);
  one.feed(std::span(whole).subspan(50));
  EXPECT_EQ(one.next(), FrameReader::Step::kSkipped);
  EXPECT_EQ(one.header().id, 1U);
  EXPECT_EQ(one.next(), FrameReader::Step::kFrame);
  EXPECT_EQ(one.header().id, 2U);
  EXPECT_EQ(poor.bytes_used(), 0U);
}

// A receive is what lets an account recover, and a port call has no answer for that.
TEST_F(FrameReading, NeverPassesByARequestWithoutAMessage) {
  ipc::Account empty({.bytes = 0, .ports = 1});
  for (const std::uint32_t length :
       {std::uint32_t{sizeof(local::MachMsg)}, std::uint32_t{sizeof(local::PortCall)}}) {
    FrameReader one(empty, kMax);
    const Bytes whole = frame_of(length, 7);
    one.feed(std::span(whole).first(20));
    EXPECT_EQ(one.next(), FrameReader::Step::kNeedMore);
    one.feed(std::span(whole).subspan(20));
    EXPECT_EQ(one.next(), FrameReader::Step::kFrame);
    EXPECT_EQ(one.payload().size(), length);
  }
}

TEST_F(FrameReading, AnyCutsGiveTheSameFrames) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    Bytes stream;
    std::vector<std::uint64_t> expected;
    for (std::uint64_t id = 1; id <= 20; ++id) {
      const Bytes next = frame_of(static_cast<std::uint32_t>(random() % (kMax + 1)), id);
      stream.insert(stream.end(), next.begin(), next.end());
      expected.push_back(id);
    }
    std::vector<std::uint64_t> seen;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 700, stream.size() - at);
      at += give(std::span(stream).subspan(at, size), random() % 2 == 0);
      for (const std::uint64_t id : take_all()) seen.push_back(id);
    }
    ASSERT_EQ(seen, expected);
    ASSERT_EQ(account.bytes_used(), 0U);
  }
}

TEST_F(FrameReading, NoiseNeverGivesAFrameLongerThanAllowed) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    FrameReader one(account, kMax);
    Bytes noise(random() % 200);
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
    one.feed(noise);
    FrameReader::Step step;
    while ((step = one.next()) == FrameReader::Step::kFrame) EXPECT_LE(one.payload().size(), kMax);
    EXPECT_NE(step, FrameReader::Step::kSkipped);
  }
  EXPECT_EQ(account.bytes_used(), 0U);
}

}  // namespace
}  // namespace netmsg::session
