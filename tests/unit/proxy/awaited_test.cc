// SPDX-License-Identifier: Apache-2.0
// D3, D7: when the home of a right that waits is asked, and when the right is given up.
#include "proxy/awaited.h"

#include <gtest/gtest.h>

namespace netmsg::proxy {
namespace {

using std::chrono::seconds;

constexpr seconds kLease{5};

Origin origin(unsigned char node, Incarnation incarnation = 1) {
  Origin made;
  made.node.bytes.fill(node);
  made.incarnation = incarnation;
  return made;
}

class AwaitedRights : public testing::Test {
 protected:
  bool add(std::uint64_t nonce, PeerIndex by = 0, base::Instant at = {}) {
    AwaitedRight right;
    right.ticket = nonce;
    right.by = by;
    right.hint = home;
    right.port = {home, nonce};
    return awaited.add({introducer, nonce}, right, at);
  }
  std::size_t questions(seconds at) { return awaited.take_questions(base::Instant(at)).size(); }
  std::size_t late(seconds at) { return awaited.take_late(base::Instant(at)).size(); }

  const Origin introducer = origin(1);
  const Origin home = origin(2);
  Awaited awaited{kLease};
};

TEST_F(AwaitedRights, OneOfAnIdIsThereOnce) {
  EXPECT_TRUE(add(1));
  EXPECT_FALSE(add(1));
  EXPECT_EQ(awaited.take({introducer, 1})->ticket, 1U);
  EXPECT_FALSE(awaited.take({introducer, 1}));
  EXPECT_TRUE(awaited.empty());
}

TEST_F(AwaitedRights, TheHomeIsAskedOnceALease) {
  add(1);
  awaited.ask_now(home, base::Instant(seconds(0)));
  EXPECT_EQ(questions(seconds(0)), 1U);
  EXPECT_EQ(questions(seconds(4)), 0U);
  EXPECT_EQ(questions(seconds(5)), 1U);
}

TEST_F(AwaitedRights, AndAtOnceWhenTheIntroducerOrTheHomeIsConcerned) {
  add(1);
  for (const Origin& concerned : {introducer, home}) {
    awaited.ask_now(concerned, base::Instant(seconds(1)));
    EXPECT_EQ(questions(seconds(1)), 1U);
  }
  awaited.ask_now(origin(3), base::Instant(seconds(1)));
  EXPECT_EQ(questions(seconds(1)), 0U) << "somebody else";
}

TEST_F(AwaitedRights, IsGivenUpAfterTwoLeases) {
  add(1);
  EXPECT_EQ(late(seconds(9)), 0U);
  EXPECT_EQ(late(seconds(10)), 1U);
  EXPECT_FALSE(awaited.next_deadline());
}

TEST_F(AwaitedRights, WaitGivesItTwoLeasesMoreAndTwelveInAll) {
  add(1);
  for (seconds at(0); at <= seconds(60); at += seconds(5)) {
    awaited.told_to_wait({introducer, 1}, base::Instant(at));
    EXPECT_EQ(late(at), at < seconds(60) ? 0U : 1U) << at.count();
  }
}

TEST_F(AwaitedRights, IsOverWithAHigherIncarnationOfItsHome) {
  add(1);
  EXPECT_EQ(awaited.take_older(home).size(), 0U) << "the same one";
  EXPECT_EQ(awaited.take_older(origin(3, 9)).size(), 0U) << "another node";
  EXPECT_EQ(awaited.take_older(origin(2, 2)).size(), 1U);
}

TEST_F(AwaitedRights, AreCountedByIntroducerAndByPort) {
  add(1, 4);
  add(2, 4);
  add(3, 5);
  EXPECT_EQ(awaited.by(4), 2U);
  EXPECT_EQ(awaited.to({home, 3}), 1U);
  awaited.take({introducer, 1});
  EXPECT_EQ(awaited.by(4), 1U);
  EXPECT_EQ(awaited.by(6), 0U);
}

}  // namespace
}  // namespace netmsg::proxy
