// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <gtest/gtest.h>

#include <vector>

namespace netmsg::proxy {
namespace {

using std::chrono::milliseconds;

v1::Frame frame(std::uint64_t units) {
  v1::Frame made;
  made.mutable_release()->set_units(units);
  return made;
}

class SessionTest : public testing::Test {
 protected:
  struct Written {
    std::vector<FrameNumber> frames;
    FrameNumber applied = 0;
  };

  // What a stream carries now.
  Written write() {
    BatchWriter out;
    Written written;
    if (!us.write(out, clock.now())) return written;
    for (const std::string& bytes : out.take()) {
      v1::Batch batch;
      EXPECT_TRUE(batch.ParseFromString(bytes));
      for (const v1::Frame& each : batch.frames()) written.frames.push_back(each.number());
      written.applied = batch.applied();
    }
    return written;
  }
  bool writes_something() {
    BatchWriter out;
    return us.write(out, clock.now());
  }
  void append(int frames) {
    for (int i = 0; i < frames; ++i) us.append(frame(1), {});
  }
  void apply(int frames) {
    for (int i = 0; i < frames; ++i) {
      ASSERT_FALSE(us.expect(us.applied() + 1));
      us.count_applied();
    }
  }
  static void expect_fault(const Check& fault) {
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->code, v1::Fence::PROTOCOL) << fault->text;
  }

  base::ManualClock clock;
  Timing timing;
  Session us{timing, 5, clock.now()};
};

using SessionFrames = SessionTest;
TEST_F(SessionFrames, AreNumberedAndKeptUntilTheyAreAcknowledged) {
  EXPECT_EQ(us.append(frame(10), {}), 1U);
  EXPECT_EQ(us.append(frame(20), {}), 2U);
  EXPECT_EQ(write().frames, (std::vector<FrameNumber>{1, 2}));
  EXPECT_EQ(us.unacknowledged(), 2U);
  EXPECT_GT(us.unacknowledged_bytes(), 0U);
  EXPECT_FALSE(us.acknowledge(1));
  EXPECT_EQ(us.unacknowledged(), 1U);
  EXPECT_FALSE(us.acknowledge(2));
  EXPECT_EQ(us.unacknowledged_bytes(), 0U);
}

TEST_F(SessionFrames, AreWrittenOnce) {
  append(2);
  EXPECT_EQ(write().frames.size(), 2U);
  append(1);
  EXPECT_EQ(write().frames, (std::vector<FrameNumber>{3}));
  EXPECT_FALSE(writes_something());
}

TEST_F(SessionFrames, ThatComeAreTheNextOnesOnly) {
  expect_fault(us.expect(2));
  apply(1);
  expect_fault(us.expect(1));
  EXPECT_FALSE(us.expect(2));
}

TEST_F(SessionFrames, ArePaidForUntilTheyAreAcknowledged) {
  ipc::Account account({.bytes = 1000, .ports = 0});
  us.append(frame(1), ipc::Charge::bytes(account, 600));
  write();
  EXPECT_EQ(account.bytes_used(), 600U);
  EXPECT_FALSE(us.resume(0, clock.now()));
  EXPECT_EQ(account.bytes_used(), 600U);
  write();
  EXPECT_FALSE(us.resume(1, clock.now()));
  EXPECT_EQ(account.bytes_used(), 0U);
}

using SessionAcknowledgements = SessionTest;
TEST_F(SessionAcknowledgements, WaitForCompanyButNotForLong) {
  apply(3);
  EXPECT_FALSE(writes_something());
  EXPECT_EQ(us.next_deadline(true), clock.now() + timing.ack_delay);
  clock.advance(timing.ack_delay);
  EXPECT_EQ(write().applied, 3U);
  EXPECT_FALSE(writes_something());
}

TEST_F(SessionAcknowledgements, TravelWithAFrame) {
  apply(1);
  append(1);
  EXPECT_EQ(write().applied, 1U);
}

TEST_F(SessionAcknowledgements, ThatAreImpossibleAreFaults) {
  append(3);
  expect_fault(us.acknowledge(1));  // not written yet
  write();
  append(1);
  expect_fault(us.acknowledge(4));
  EXPECT_FALSE(us.acknowledge(2));
  EXPECT_FALSE(us.acknowledge(2));
  expect_fault(us.acknowledge(1));
}

using SessionResumes = SessionTest;
TEST_F(SessionResumes, WithTheFramesThatThePeerHasNotApplied) {
  append(5);
  write();
  ASSERT_FALSE(us.acknowledge(1));
  append(1);  // while there is no stream
  EXPECT_FALSE(us.resume(3, clock.now()));
  EXPECT_EQ(us.unacknowledged(), 3U);
  EXPECT_EQ(write().frames, (std::vector<FrameNumber>{4, 5, 6}));
}

TEST_F(SessionResumes, AsOftenAsItTakes) {
  append(2);
  for (int streams = 0; streams < 3; ++streams) {
    EXPECT_EQ(write().frames, (std::vector<FrameNumber>{1, 2}));
    EXPECT_FALSE(us.resume(0, clock.now()));
  }
}

// A peer that resumes again and again, and acknowledges nothing, is not sent all that we keep each time.
TEST_F(SessionResumes, WithNoMoreThanThePeerTakes) {
  const std::uint64_t size = Session::kResumeBytes / 4;
  v1::Frame large;
  large.mutable_message()->set_body(std::string(size, 'x'));
  for (int kept = 0; kept < 100; ++kept) us.append(large, {});
  EXPECT_EQ(write().frames.size(), 100U) << "the first stream carries what there is";
  for (int storm = 0; storm < 3; ++storm) {
    ASSERT_FALSE(us.resume(0, clock.now()));
    EXPECT_EQ(write().frames.size(), 4U);
    EXPECT_FALSE(writes_something()) << "until something is acknowledged";
    EXPECT_EQ(us.next_deadline(true), clock.now() + timing.heartbeat);
  }
  for (FrameNumber written = 4; written < 100;) {
    ASSERT_FALSE(us.acknowledge(written));
    const std::size_t more = write().frames.size();
    ASSERT_GT(more, 0U);
    written += more;
  }
  EXPECT_FALSE(us.acknowledge(100));
}

// They apply a group when it is whole, and acknowledge nothing of it before (seed 221 of the random programs, with links that are cut).
TEST_F(SessionResumes, WithAGroupThatIsLargerThanThePeerTakes) {
  v1::Frame move;
  move.mutable_move();
  v1::Frame queued;
  queued.mutable_message()->set_body(std::string(Session::kResumeBytes / 2, 'x'));
  queued.mutable_message()->set_queued(true);
  v1::Frame carrier;
  carrier.mutable_message();
  for (int group = 0; group < 2; ++group) {
    us.append(move, {});
    for (int at = 0; at < 8; ++at) us.append(queued, {});
    us.append(carrier, {});
  }
  ASSERT_FALSE(us.resume(0, clock.now()));
  EXPECT_EQ(write().frames.size(), 10U);
  EXPECT_FALSE(writes_something());
  ASSERT_FALSE(us.acknowledge(10));
  EXPECT_EQ(write().frames.size(), 10U);
}

TEST_F(SessionResumes, NotFromAPlaceThatCannotBe) {
  append(3);
  write();
  ASSERT_FALSE(us.acknowledge(2));
  append(1);
  expect_fault(us.resume(1, clock.now()));
  expect_fault(us.resume(4, clock.now()));
}

TEST_F(SessionResumes, WhatComesGoesOnWhereItWas) {
  apply(4);
  EXPECT_FALSE(us.resume(0, clock.now()));
  expect_fault(us.expect(4));
  EXPECT_FALSE(us.expect(5));
}

using SessionTime = SessionTest;
TEST_F(SessionTime, SilenceForALeaseIsTheEnd) {
  clock.advance(timing.lease - milliseconds(1));
  EXPECT_FALSE(us.tick(clock.now()));
  clock.advance(milliseconds(1));
  const Check fault = us.tick(clock.now());
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code, v1::Fence::LEASE);
}

TEST_F(SessionTime, ASignOfLifeRenewsTheLeaseWithAStreamOrWithANewOne) {
  for (int i = 0; i < 10; ++i) {
    clock.advance(timing.lease / 2);
    if (i % 2 == 0) {
      us.heard(clock.now());
    } else {
      EXPECT_FALSE(us.resume(0, clock.now()));
    }
    EXPECT_FALSE(us.tick(clock.now()));
  }
}

TEST_F(SessionTime, AHeartbeatIsSentAfterASecondOfOwnSilence) {
  EXPECT_FALSE(writes_something());
  clock.advance(timing.heartbeat);
  EXPECT_EQ(us.next_deadline(true), clock.now());
  EXPECT_TRUE(writes_something());
  EXPECT_FALSE(writes_something());
  EXPECT_EQ(us.next_deadline(true), clock.now() + timing.heartbeat);
}

TEST_F(SessionTime, WithoutAStreamThereIsOnlyTheLease) {
  apply(1);
  EXPECT_EQ(us.next_deadline(false), clock.now() + timing.lease);
}

}  // namespace
}  // namespace netmsg::proxy
