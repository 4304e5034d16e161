// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

// One end: a stream and a user that writes down what it is told.
class End final : public StreamUser {
 public:
  End(Stream made, std::uint64_t nonce) : stream(std::move(made)), nonce_(nonce) {}

  Check greeted(const v1::Hello&, v1::Hello*) override {
    if (!refuse) ++opens;
    return refuse;
  }
  Check frame(const Rope& bytes) override {
    v1::Frame frame;
    if (!read_frame(bytes, frame)) return protocol_error("malformed frame");
    frames.push_back(frame.number());
    return refuse;
  }
  Check applied(FrameNumber number) override {
    acks.push_back(number);
    return std::nullopt;
  }
  v1::Hello hello() const {
    v1::Hello made;
    made.set_nonce(nonce_);
    return made;
  }

  Stream stream;
  Check refuse;
  int opens = 0;
  std::vector<FrameNumber> frames;
  std::vector<FrameNumber> acks;

 private:
  std::uint64_t nonce_;
};

std::string numbered(FrameNumber number) {
  v1::Batch batch;
  batch.add_frames()->mutable_release()->set_units(1);
  batch.mutable_frames(0)->set_number(number);
  return batch.SerializeAsString();
}

class StreamTest : public testing::Test {
 protected:
  // Carries what one end has to say to the other; the fault that this was for it.
  Check carry(End& from, End& to) {
    if (from.stream.out().empty()) return std::nullopt;
    for (const std::string& bytes : from.stream.out().take()) {
      if (Check fault = to.stream.receive(bytes, to, clock.now())) return fault;
    }
    return std::nullopt;
  }
  void greet(End& dialer, End& other) {
    dialer.stream.connected({}, dialer.hello(), clock.now());
    ASSERT_FALSE(carry(dialer, other));
    ASSERT_FALSE(carry(other, dialer));
    ASSERT_EQ(dialer.stream.state(), Stream::State::kGreeted);
    ASSERT_EQ(other.stream.state(), Stream::State::kGreeted);
  }
  Check hear(const std::string& bytes) { return us.stream.receive(bytes, us, clock.now()); }
  void expect_over(const Check& fault, v1::Fence::Code code) {
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->code, code) << fault->text;
    EXPECT_EQ(us.stream.state(), Stream::State::kOver);
    EXPECT_EQ(hear("anything"), std::nullopt) << "ignored from now on";
  }

  base::ManualClock clock;
  End us{Stream::dialing(1, clock.now()), 5};
  End them{Stream::accepted(2, {}, clock.now()), 0};
};

using StreamOpens = StreamTest;
TEST_F(StreamOpens, AfterBothHellos) {
  greet(us, them);
  EXPECT_EQ(us.opens, 1);
  EXPECT_EQ(them.opens, 1);
  EXPECT_TRUE(us.stream.greeted());
}

TEST_F(StreamOpens, NotWithAHelloForAnotherSession) {
  us.stream.connected({}, us.hello(), clock.now());
  v1::Batch batch;
  batch.mutable_hello()->set_nonce(6);
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
  EXPECT_FALSE(us.stream.greeted());
}

TEST_F(StreamOpens, NotIfTheUserRefuses) {
  them.refuse = Fault{v1::Fence::VERSION, "we speak versions 1 to 1, the peer 2 to 3"};
  us.stream.connected({}, us.hello(), clock.now());
  EXPECT_TRUE(carry(us, them).has_value());
  const Check fault = carry(them, us);
  expect_over(fault, v1::Fence::VERSION);
  EXPECT_EQ(fault->text, "the peer says: we speak versions 1 to 1, the peer 2 to 3");
}

TEST_F(StreamOpens, NotWithAFrameBeforeHello) {
  us.stream.connected({}, us.hello(), clock.now());
  expect_over(hear(numbered(1)), v1::Fence::PROTOCOL);
}

TEST_F(StreamOpens, NotBeforeItIsUp) {
  expect_over(hear(numbered(1)), v1::Fence::PROTOCOL);
  EXPECT_TRUE(us.stream.out().empty()) << "nobody can be told";
}

using StreamItems = StreamTest;
TEST_F(StreamItems, GoToTheUserInOrder) {
  greet(us, them);
  v1::Batch batch;
  batch.set_applied(0);
  EXPECT_FALSE(hear(numbered(1) + numbered(7)));
  EXPECT_EQ(us.frames, (std::vector<FrameNumber>{1, 7})) << "numbers are the session's business";
}

TEST_F(StreamItems, AFaultOfTheUserIsTheEndAndNothingMoreIsTaken) {
  greet(us, them);
  us.refuse = protocol_error("no");
  expect_over(hear(numbered(1) + numbered(2)), v1::Fence::PROTOCOL);
  EXPECT_EQ(us.frames.size(), 1U);
}

TEST_F(StreamItems, ASecondHelloIsTheEnd) {
  greet(us, them);
  v1::Batch batch;
  batch.mutable_hello();
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
}

TEST_F(StreamItems, TruncatedBatchesAreTheEndOrHarmless) {
  for (std::size_t cut = 0; cut < numbered(1).size(); ++cut) {
    End end{Stream::dialing(1, clock.now()), 5};
    End other{Stream::accepted(2, {}, clock.now()), 0};
    greet(end, other);
    const Check fault = end.stream.receive(numbered(1).substr(0, cut), end, clock.now());
    EXPECT_EQ(fault.has_value(), cut != 0) << cut;
    EXPECT_TRUE(end.frames.empty());
  }
}

TEST_F(StreamItems, RandomBytesAreTheEndOrHarmless) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    End end{Stream::dialing(1, clock.now()), 5};
    End other{Stream::accepted(2, {}, clock.now()), 0};
    greet(end, other);
    std::string bytes = numbered(1);
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] = static_cast<char>(random());
    const Check fault = end.stream.receive(bytes, end, clock.now());
    EXPECT_EQ(fault.has_value(), end.stream.state() == Stream::State::kOver);
  }
}

using StreamEnds = StreamTest;
TEST_F(StreamEnds, FenceIsTheLastWordAndIsNotAnswered) {
  greet(us, them);
  v1::Frame frame;
  frame.set_number(1);
  us.stream.out().frame(frame);
  us.stream.end({v1::Fence::STOPPED, "bye\n\x01"});
  us.stream.end({v1::Fence::PROTOCOL, "is said once only"});
  const Check fault = carry(us, them);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, v1::Fence::STOPPED);
  EXPECT_EQ(fault->text, "the peer says: bye??");
  EXPECT_EQ(them.frames, std::vector<FrameNumber>{1});
  EXPECT_TRUE(them.stream.out().empty());
}

TEST_F(StreamEnds, WithoutAWordWhileDialing) {
  us.stream.end({v1::Fence::STOPPED, "bye"});
  EXPECT_TRUE(us.stream.out().empty());
}

}  // namespace
}  // namespace netmsg::proxy
