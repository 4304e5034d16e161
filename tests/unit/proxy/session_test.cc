// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

using std::chrono::milliseconds;

// One end: a session and a user that writes down what it is told.
class End final : public SessionUser {
 public:
  End(Session made, std::uint64_t nonce) : session(std::move(made)), nonce_(nonce) {}

  Check check_hello(const v1::Hello&) override { return refuse; }
  v1::Hello make_hello() override {
    v1::Hello hello;
    hello.set_nonce(nonce_);
    return hello;
  }
  void opened(const v1::Hello&) override { ++opens; }
  Check apply(const v1::Frame& frame) override {
    applied.push_back(frame.release().units());
    return refuse;
  }
  void acknowledged(FrameNumber number) override { acks.push_back(number); }

  Session session;
  Check refuse;
  int opens = 0;
  std::vector<std::uint64_t> applied;
  std::vector<FrameNumber> acks;

 private:
  std::uint64_t nonce_;
};

v1::Frame frame(std::uint64_t units) {
  v1::Frame made;
  made.mutable_release()->set_units(units);
  return made;
}

std::string numbered(FrameNumber number) {
  v1::Batch batch;
  *batch.add_frames() = frame(1);
  batch.mutable_frames(0)->set_number(number);
  return batch.SerializeAsString();
}

class SessionTest : public testing::Test {
 protected:
  // Carries what one end has to say to the other; the fault that this was for it.
  Check carry(End& from, End& to) {
    for (const std::string& bytes : from.session.take_output(clock.now())) {
      if (Check fault = to.session.receive(bytes, to, clock.now())) return fault;
    }
    return std::nullopt;
  }
  void open() {
    us.session.connected(us.make_hello(), clock.now());
    ASSERT_FALSE(carry(us, them));
    ASSERT_FALSE(carry(them, us));
    ASSERT_EQ(us.session.state(), Session::State::kOpen);
    ASSERT_EQ(them.session.state(), Session::State::kOpen);
  }
  Check hear(const std::string& bytes) { return us.session.receive(bytes, us, clock.now()); }
  void expect_over(const Check& fault, v1::Fence::Code code) {
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->code, code) << fault->text;
    EXPECT_EQ(us.session.state(), Session::State::kOver);
    EXPECT_EQ(hear("anything"), std::nullopt) << "ignored from now on";
  }

  base::ManualClock clock;
  Timing timing;
  End us{Session::dialing(timing, clock.now()), 5};
  End them{Session::accepted(timing, clock.now()), 0};
};

using SessionOpens = SessionTest;
TEST_F(SessionOpens, AfterBothHellos) {
  open();
  EXPECT_EQ(us.opens, 1);
  EXPECT_EQ(them.opens, 1);
}

TEST_F(SessionOpens, NotWithAHelloForAnotherSession) {
  us.session.connected(us.make_hello(), clock.now());
  v1::Batch batch;
  batch.mutable_hello()->set_nonce(6);
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
}

TEST_F(SessionOpens, NotIfTheUserRefuses) {
  them.refuse = Fault{v1::Fence::VERSION, "we speak versions 1 to 1, the peer 2 to 3"};
  us.session.connected(us.make_hello(), clock.now());
  EXPECT_TRUE(carry(us, them).has_value());
  const Check fault = carry(them, us);
  expect_over(fault, v1::Fence::VERSION);
  EXPECT_EQ(fault->text, "the peer says: we speak versions 1 to 1, the peer 2 to 3");
}

TEST_F(SessionOpens, NotWithAFrameBeforeHello) {
  us.session.connected(us.make_hello(), clock.now());
  expect_over(hear(numbered(1)), v1::Fence::PROTOCOL);
}

using SessionFrames = SessionTest;
TEST_F(SessionFrames, AreAppliedInOrderAndAcknowledgedAfterwards) {
  open();
  for (std::uint64_t units : {10U, 20U, 30U}) us.session.append(frame(units));
  EXPECT_EQ(us.session.unacknowledged(), 3U);
  EXPECT_GT(us.session.unacknowledged_bytes(), 0U);
  ASSERT_FALSE(carry(us, them));
  EXPECT_EQ(them.applied, (std::vector<std::uint64_t>{10, 20, 30}));
  EXPECT_EQ(them.session.applied(), 3U);
  ASSERT_FALSE(carry(them, us));
  EXPECT_EQ(us.session.unacknowledged(), 3U) << "the acknowledgement waits for company";
  clock.advance(timing.ack_delay);
  ASSERT_FALSE(carry(them, us));
  EXPECT_EQ(us.acks, std::vector<FrameNumber>{3});
  EXPECT_EQ(us.session.unacknowledged(), 0U);
  EXPECT_EQ(us.session.unacknowledged_bytes(), 0U);
}

TEST_F(SessionFrames, AnAcknowledgementTravelsWithAFrame) {
  open();
  us.session.append(frame(1));
  ASSERT_FALSE(carry(us, them));
  them.session.append(frame(2));
  ASSERT_FALSE(carry(them, us));
  EXPECT_EQ(us.acks, std::vector<FrameNumber>{1});
}

TEST_F(SessionFrames, ASkippedNumberIsTheEnd) {
  open();
  expect_over(hear(numbered(2)), v1::Fence::PROTOCOL);
  EXPECT_TRUE(us.applied.empty());
}

TEST_F(SessionFrames, AReplayedNumberIsTheEnd) {
  open();
  EXPECT_FALSE(hear(numbered(1)));
  expect_over(hear(numbered(1)), v1::Fence::PROTOCOL);
  EXPECT_EQ(us.applied.size(), 1U);
}

TEST_F(SessionFrames, AFaultOfTheUserIsTheEndAndTheFrameDoesNotCount) {
  open();
  us.refuse = protocol_error("no");
  expect_over(hear(numbered(1)), v1::Fence::PROTOCOL);
  EXPECT_EQ(us.session.applied(), 0U);
}

TEST_F(SessionFrames, ImpossibleAcknowledgementsAreTheEnd) {
  open();
  us.session.append(frame(1));
  v1::Batch batch;
  batch.set_applied(2);
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
}

TEST_F(SessionFrames, AnAcknowledgementThatGoesBackIsTheEnd) {
  open();
  us.session.append(frame(1));
  us.session.append(frame(2));
  v1::Batch batch;
  batch.set_applied(2);
  ASSERT_FALSE(hear(batch.SerializeAsString()));
  batch.set_applied(1);
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
}

TEST_F(SessionFrames, ASecondHelloIsTheEnd) {
  open();
  v1::Batch batch;
  batch.mutable_hello();
  expect_over(hear(batch.SerializeAsString()), v1::Fence::PROTOCOL);
}

TEST_F(SessionFrames, TruncatedBatchesAreTheEndOrHarmless) {
  for (std::size_t cut = 0; cut < numbered(1).size(); ++cut) {
    End end{Session::dialing(timing, clock.now()), 5};
    End other{Session::accepted(timing, clock.now()), 0};
    end.session.connected(end.make_hello(), clock.now());
    ASSERT_FALSE(carry(end, other));
    ASSERT_FALSE(carry(other, end));
    const Check fault = end.session.receive(numbered(1).substr(0, cut), end, clock.now());
    EXPECT_EQ(fault.has_value(), cut != 0) << cut;
    EXPECT_TRUE(end.applied.empty());
  }
}

TEST_F(SessionFrames, RandomBytesAreTheEndOrHarmless) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    End end{Session::dialing(timing, clock.now()), 5};
    End other{Session::accepted(timing, clock.now()), 0};
    end.session.connected(end.make_hello(), clock.now());
    ASSERT_FALSE(carry(end, other));
    ASSERT_FALSE(carry(other, end));
    std::string bytes = numbered(1);
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] = static_cast<char>(random());
    const Check fault = end.session.receive(bytes, end, clock.now());
    EXPECT_EQ(fault.has_value(), end.session.state() == Session::State::kOver);
    EXPECT_EQ(end.applied.size(), end.session.applied());
  }
}

using SessionTime = SessionTest;
TEST_F(SessionTime, SilenceForALeaseIsTheEnd) {
  open();
  clock.advance(timing.lease - milliseconds(1));
  EXPECT_FALSE(us.session.tick(clock.now()));
  clock.advance(milliseconds(1));
  expect_over(us.session.tick(clock.now()), v1::Fence::LEASE);
}

TEST_F(SessionTime, AnySignOfLifeRenewsTheLease) {
  open();
  for (int i = 0; i < 10; ++i) {
    clock.advance(timing.lease / 2);
    EXPECT_FALSE(hear(""));
    EXPECT_FALSE(us.session.tick(clock.now()));
  }
}

TEST_F(SessionTime, AHeartbeatIsSentAfterASecondOfOwnSilence) {
  open();
  EXPECT_TRUE(us.session.take_output(clock.now()).empty());
  clock.advance(timing.heartbeat);
  EXPECT_EQ(us.session.next_deadline(), clock.now());
  EXPECT_EQ(us.session.take_output(clock.now()).size(), 1U);
  EXPECT_TRUE(us.session.take_output(clock.now()).empty());
  EXPECT_EQ(us.session.next_deadline(), clock.now() + timing.heartbeat);
}

TEST_F(SessionTime, AHelloThatIsNotAnsweredInALeaseIsTheEnd) {
  us.session.connected(us.make_hello(), clock.now());
  clock.advance(timing.lease);
  expect_over(us.session.tick(clock.now()), v1::Fence::LEASE);
}

TEST_F(SessionTime, ADialThatTakesALeaseIsTheEndAndSaysNothing) {
  clock.advance(timing.lease);
  expect_over(us.session.tick(clock.now()), v1::Fence::LEASE);
  EXPECT_TRUE(us.session.take_output(clock.now()).empty());
}

using SessionEnds = SessionTest;
TEST_F(SessionEnds, FenceIsTheLastWordAndIsNotAnswered) {
  open();
  us.session.append(frame(9));
  us.session.end({v1::Fence::STOPPED, "bye\n\x01"});
  const Check fault = carry(us, them);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, v1::Fence::STOPPED);
  EXPECT_EQ(fault->text, "the peer says: bye??");
  EXPECT_EQ(them.applied, std::vector<std::uint64_t>{9});
  EXPECT_TRUE(them.session.take_output(clock.now()).empty());
}

}  // namespace
}  // namespace netmsg::proxy
