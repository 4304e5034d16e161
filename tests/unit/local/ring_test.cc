// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proto/local/ring_ends.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"

namespace netmsg::local {
namespace {

using Look = RingReader::Look;

class RingEnds : public testing::Test {
 protected:
  bool write(const std::string& bytes) {
    if (!writer_.begin(bytes.size())) return false;
    writer_.put(bytes.data(), bytes.size());
    writer_.publish();
    return true;
  }
  std::string read(std::size_t size) {
    std::string bytes(size, '\0');
    if (reader_.look() != Look::kSome || reader_.available() < size) return "nothing";
    reader_.take(bytes.data(), size);
    reader_.release();
    return bytes;
  }
  // Moves both ends to just before the end of the ring, with one byte unread: so the next frame goes round it.
  void go_near_the_end() {
    ASSERT_TRUE(write(std::string(kRingBytes - 4, 'a')));
    ASSERT_TRUE(read(kRingBytes - 5) != "nothing");
  }

  const std::unique_ptr<Ring> ring_ = std::make_unique<Ring>();
  RingWords& words_ = ring_->words;
  RingWriter writer_{*ring_};
  RingReader reader_{*ring_};
};

TEST_F(RingEnds, WhatIsWrittenIsReadInOrder) {
  EXPECT_EQ(reader_.look(), Look::kEmpty);
  EXPECT_TRUE(write("first"));
  EXPECT_TRUE(write("second"));
  EXPECT_EQ(read(5), "first");
  EXPECT_EQ(read(6), "second");
  EXPECT_EQ(reader_.look(), Look::kEmpty);
}

TEST_F(RingEnds, AnEmptyRingBeginsAtItsFirstByteAgain) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(write("bytes " + std::to_string(i)));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(ring_->bytes), 7), "bytes " + std::to_string(i));
    EXPECT_EQ(read(7), "bytes " + std::to_string(i));
  }
}

TEST_F(RingEnds, AFrameGoesRoundTheEnd) {
  go_near_the_end();
  EXPECT_TRUE(write("0123456789"));
  EXPECT_EQ(read(1), "a");
  EXPECT_EQ(read(10), "0123456789");
}

TEST_F(RingEnds, AFrameAsLargeAsTheRingFitsWhenItIsEmpty) {
  EXPECT_FALSE(writer_.begin(kRingBytes + 1));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(write(std::string(kRingBytes, static_cast<char>('a' + i))));
    EXPECT_FALSE(writer_.begin(1));
    EXPECT_EQ(read(kRingBytes), std::string(kRingBytes, static_cast<char>('a' + i)));
  }
}

TEST_F(RingEnds, WhatIsBegunAndNotPublishedIsNotThere) {
  ASSERT_TRUE(writer_.begin(4));
  writer_.put("lost", 4);
  EXPECT_EQ(reader_.look(), Look::kEmpty);
  EXPECT_TRUE(write("kept"));
  EXPECT_EQ(read(4), "kept");
}

TEST_F(RingEnds, OnlyAReaderWhoSleepsIsWokenAndOnce) {
  write("a");
  EXPECT_FALSE(writer_.wake_due());
  read(1);
  ASSERT_TRUE(reader_.fall_asleep());
  write("b");
  EXPECT_TRUE(writer_.wake_due());
  EXPECT_FALSE(writer_.wake_due());
}

TEST_F(RingEnds, AReaderIsWokenWhereHeSleeps) {
  ASSERT_TRUE(reader_.fall_asleep(Sleep::kAtTheWord));
  EXPECT_EQ(&writer_.sleep_word(), &reader_.sleep_word());
  EXPECT_EQ(writer_.take_sleeper(), Sleep::kAtTheWord);
  EXPECT_EQ(writer_.take_sleeper(), Sleep::kNot);
  ASSERT_TRUE(reader_.fall_asleep(Sleep::kAtTheBell));
  EXPECT_EQ(writer_.take_sleeper(), Sleep::kAtTheBell);
}

TEST_F(RingEnds, ASleepThatCannotBeIsOneAtTheBell) {
  for (const std::uint32_t lie : {3U, 77U, UINT32_MAX}) {
    words_.asleep = lie;
    EXPECT_EQ(writer_.take_sleeper(), Sleep::kAtTheBell);
    EXPECT_EQ(writer_.take_sleeper(), Sleep::kNot);
  }
}

TEST_F(RingEnds, NobodyFallsAsleepBesideWhatHasCome) {
  write("a");
  EXPECT_FALSE(reader_.fall_asleep());
  EXPECT_FALSE(writer_.wake_due());
  EXPECT_EQ(read(1), "a");
}

TEST_F(RingEnds, WhatWasReadIsKnown) {
  write("first");
  const std::uint64_t end = writer_.end();
  EXPECT_FALSE(writer_.was_read(end));
  read(5);
  EXPECT_TRUE(writer_.was_read(end));
}

class RingWindow : public RingEnds {
 protected:
  bool write_in_window(const std::string& bytes) {
    const FrameHeader header{static_cast<std::uint32_t>(bytes.size()), 0, 0, 7};
    if (!writer_.start_filling()) return false;
    const bool begun = writer_.begin_in_window(header);
    if (begun) {
      writer_.put(bytes.data(), bytes.size());
      writer_.publish();
    }
    writer_.stop_filling();
    return begun;
  }
  // Leaves the payload to the caller.
  FrameHeader read_header() {
    FrameHeader header{};
    EXPECT_EQ(reader_.look(), Look::kSome);
    reader_.take(&header, sizeof header);
    EXPECT_EQ(header.zero, kInWindow);
    EXPECT_TRUE(reader_.go_to_window(header.length));
    return header;
  }
};

TEST_F(RingWindow, IsNotUsedUnlessItIsOpen) {
  EXPECT_FALSE(write_in_window("large"));
  reader_.open_window();
  EXPECT_TRUE(write_in_window("large"));
  EXPECT_EQ(read_header().length, 5U);
  EXPECT_EQ(read(5), "large");
  EXPECT_EQ(reader_.look(), Look::kEmpty);
  EXPECT_TRUE(reader_.close_window());
  EXPECT_FALSE(write_in_window("large"));
}

TEST_F(RingWindow, HoldsOnePayloadUntilAllOfItIsRead) {
  reader_.open_window();
  for (const std::string& bytes : {std::string(kWindowBytes, 'a'), std::string("small")}) {
    ASSERT_TRUE(write_in_window(bytes));
    read_header();
    EXPECT_EQ(read(2), bytes.substr(0, 2));
    EXPECT_FALSE(write_in_window("too early"));
    EXPECT_EQ(read(bytes.size() - 2), bytes.substr(2));
  }
  EXPECT_FALSE(write_in_window(std::string(kWindowBytes + 1, 'a')));
  EXPECT_TRUE(write("between"));
  EXPECT_FALSE(write_in_window("before the ring is empty"));
  EXPECT_EQ(read(7), "between");
  EXPECT_TRUE(write_in_window("again"));
}

TEST_F(RingWindow, StaysOpenWhileItIsUsed) {
  reader_.open_window();
  ASSERT_TRUE(writer_.start_filling());
  EXPECT_FALSE(reader_.close_window());
  writer_.stop_filling();
  ASSERT_TRUE(write_in_window("unread"));
  EXPECT_FALSE(reader_.close_window());
  read_header();
  read(6);
  EXPECT_TRUE(reader_.close_window());
}

// Whatever the two do at the same moment, what was written is read as it was: pages that were given back are zeros.
TEST_F(RingWindow, LosesNothingWhenItIsClosed) {
  const std::string bytes(64, 'x');
  std::atomic<int> written{0};
  std::atomic<bool> over{false};
  std::thread client([&] {
    while (!over) written += write_in_window(bytes) ? 1 : 0;
  });
  int taken = 0;
  for (const int rounds = test::scaled(5000); taken < rounds;) {
    reader_.open_window();
    while (reader_.look() == Look::kEmpty) std::this_thread::yield();
    read_header();
    ASSERT_EQ(read(bytes.size()), bytes);
    ++taken;
    if (reader_.look() == Look::kEmpty && reader_.close_window()) std::memset(ring_->window, 0, bytes.size());
  }
  over = true;
  client.join();
  while (reader_.look() == Look::kSome) {
    read_header();
    ASSERT_EQ(read(bytes.size()), bytes);
    ++taken;
  }
  EXPECT_EQ(taken, written);
}

// 09.3: no position that the other side can write is believed.
TEST_F(RingEnds, ImpossiblePositionsOfTheWriterAreFound) {
  struct {
    const char* name;
    std::uint64_t start, tail;
  } const cases[] = {
      {"more than the ring holds", 0, kRingBytes + 1},
      {"very much more", 0, UINT64_MAX},
      {"the beginning at the end", 8, 8},
      {"the beginning behind the end", UINT64_MAX, 8},
      {"more than the ring holds from the beginning", 4096, 4097 + kRingBytes},
  };
  for (const auto& one : cases) {
    RingReader reader(*ring_);
    words_.start = one.start;
    words_.tail = one.tail;
    EXPECT_EQ(reader.look(), Look::kBroken) << one.name;
  }
}

TEST_F(RingEnds, ATailThatGoesBackIsFound) {
  write("bytes");
  read(5);
  words_.tail = 3;
  EXPECT_EQ(reader_.look(), Look::kBroken);
}

TEST_F(RingEnds, AHeadThatCannotBeIsAFullRing) {
  write("bytes");
  for (const std::uint64_t head : {std::uint64_t{6}, UINT64_MAX, UINT64_MAX / 2}) {
    words_.head = head;
    EXPECT_FALSE(writer_.begin(1)) << head;
  }
  words_.head = 0;
  EXPECT_TRUE(writer_.begin(1));
}

// Whatever the other side writes: nothing outside of the ring is touched (the address sanitizer looks on).
TEST_F(RingEnds, RandomWordsDoNoHarm) {
  std::mt19937_64 random{test::test_seed()};
  std::vector<std::byte> bytes(kRingBytes);
  const auto any = [&] { return random() >> (random() % 64); };
  for (int i = 0, rounds = test::scaled(100'000); i < rounds; ++i) {
    words_.start = any();
    words_.tail = any();
    words_.head = any();
    if (writer_.begin(random() % 64)) writer_.publish();
    RingReader reader(*ring_);
    if (reader.look() != Look::kSome) continue;
    ASSERT_LE(reader.available(), kRingBytes);
    reader.take(bytes.data(), reader.available());
    reader.release();
  }
}

// Two threads: every byte comes once and in order, whoever is faster; a reader who sleeps is always woken.
class TwoThreads : public RingEnds {
 protected:
  void write_all() {
    std::mt19937 random{test::test_seed()};
    for (std::uint32_t number = 0; number < kFrames; ++number) {
      const std::vector<std::uint32_t> frame(1 + random() % 300, number);
      while (!writer_.begin(frame.size() * 4)) std::this_thread::yield();
      writer_.put(frame.data(), frame.size() * 4);
      writer_.publish();
      if (writer_.wake_due()) bell_.store(true);
    }
  }
  void read_all() {
    std::mt19937 random{test::test_seed()};
    for (std::uint32_t number = 0; number < kFrames; ++number) {
      std::vector<std::uint32_t> frame(1 + random() % 300);
      wait();
      ASSERT_GE(reader_.available(), frame.size() * 4);
      reader_.take(frame.data(), frame.size() * 4);
      reader_.release();
      ASSERT_EQ(frame, std::vector<std::uint32_t>(frame.size(), number));
    }
  }
  void wait() {
    while (reader_.look() == Look::kEmpty) {
      if (!reader_.fall_asleep()) continue;
      while (!bell_.exchange(false)) std::this_thread::yield();
    }
  }

  const std::uint32_t kFrames = static_cast<std::uint32_t>(test::scaled(200'000));
  std::atomic<bool> bell_{false};
};

TEST_F(TwoThreads, LoseNothingAndNeverOversleep) {
  std::thread writer([this] { write_all(); });
  read_all();
  writer.join();
  EXPECT_EQ(reader_.look(), Look::kEmpty);
}

}  // namespace
}  // namespace netmsg::local
