// SPDX-License-Identifier: Apache-2.0
// Holders that cannot follow at once, old homes that are lost, and what is asked then (rules M6, D4, D5; peer.proto,
// exchange 12 step 6, exchange 13).
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/unit/proxy/moving.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class SlowFollowers : public LostMoves {
 protected:
  // x and z have no session, and get none.
  void keep_apart() {
    part(x, z, true);
    network.refuse_dials(x.name(), z.name(), true);
  }
  // The port goes to z, x hears of it and answers; nothing of that has come to y, and y and z hear no more of each other.
  void move_until_the_holder_has_followed() {
    depart(y, server, p, z);
    run(z);
    advance(milliseconds(20));
    run(y);
    network.cut(y.name(), z.name(), true);
    network.refuse_dials(y.name(), z.name(), true);
    run(x);
  }
  // The stream between x and z breaks, then `meanwhile` happens, then the lease of their session ends.
  template <typename Verb>
  void lose_each_other_after(Verb meanwhile) {
    network.cut(x.name(), z.name(), true);
    network.refuse_dials(x.name(), z.name(), true);
    pass(timing.lease - milliseconds(1000));
    meanwhile();
    pass(milliseconds(1500));
    EXPECT_FALSE(z.open("a"));
  }
  void meet_again() {
    for (const auto& [one, other] : {std::pair(&x, &y), std::pair(&x, &z), std::pair(&y, &z)})
      network.refuse_dials(one->name(), other->name(), false);
    settle();
    ASSERT_TRUE(all_linked());
  }
  Name arrived() {
    const Received got = z.names.receive(z.names_port);
    EXPECT_EQ(got.values.size(), 1U);
    return got.values.empty() ? 0 : got.values[0];
  }
};

// M6
TEST_F(SlowFollowers, AHolderWaitsForASessionWithTheNewHome) {
  keep_apart();
  const Name q = move(y, server, p, z, heir);
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS) << "by the old home";
  run();
  network.refuse_dials(x.name(), z.name(), false);
  pass(milliseconds(2000));
  ASSERT_TRUE(all_linked());
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(x.row("c").proxies, 2U);
  EXPECT_EQ(send(2), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(heir, q), (Ints{1, 2}));
  EXPECT_TRUE(at_rest());
  client.deallocate(far);
  run();
  EXPECT_EQ(heir.status(q).mps_srights, 0U);
}

TEST_F(SlowFollowers, WithoutOneInTimeTheNameDiesAndNothingIsLostBeforeThat) {
  keep_apart();
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name q = move(y, server, p, z, heir);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  pass(milliseconds(3000));
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_EQ(client.state(once), "DN1");
  EXPECT_TRUE(y.downs.empty()) << "it has answered";
  network.refuse_dials(x.name(), z.name(), false);
  settle();
  EXPECT_EQ(received(heir, q), (Ints{1, MACH_NOTIFY_SEND_ONCE}));
  EXPECT_EQ(heir.status(q).mps_srights, 0U);
}

// What is forced in while the old home still stands between is told when the name dies.
TEST_F(SlowFollowers, WhatWasForcedInDiesWithTheName) {
  const Name log = client.port();
  depart(y, server, p, z);
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.send({.remote = far, .remote_type = kCopySend, .id = 5}, MACH_SEND_NOTIFY, log),
            MACH_SEND_WILL_NOTIFY);
  run();
  part(x, z, true);
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_MSG_ACCEPTED), 1U);
  settle();
}

// D4
TEST_F(SlowFollowers, AHolderThatHasFollowedKeepsItsRightWhenTheOldHomeIsLost) {
  move_until_the_holder_has_followed();
  pass(milliseconds(7000));
  network.refuse_dials(y.name(), z.name(), false);
  settle();
  const Name q = arrived();
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(z.names.status(q).mps_srights, 1U);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(z.names, q), (Ints{1}));
  client.deallocate(far);
  run();
  EXPECT_EQ(z.names.status(q).mps_srights, 0U);
}

TEST_F(SlowFollowers, WhatItHasGivenBackByTheOldHomeIsTakenAway) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  depart(y, server, p, z);
  run(z);
  advance(milliseconds(20));
  client.deallocate(far);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .id = 3}), MACH_MSG_SUCCESS);
  network.cut(y.name(), z.name(), true);
  network.refuse_dials(y.name(), z.name(), true);
  run();
  pass(milliseconds(7000));
  network.refuse_dials(y.name(), z.name(), false);
  settle();
  const Name q = arrived();
  EXPECT_EQ(received(z.names, q), (Ints{MACH_NOTIFY_SEND_ONCE}));
  EXPECT_EQ(z.names.status(q).mps_srights, 0U);
}

// D5: the old home and the holder lose each other, the holder has followed already.
TEST_F(SlowFollowers, AHolderThatTheOldHomeHasLostIsAsked) {
  depart(y, server, p, z);
  run(z);
  advance(milliseconds(20));
  run(y);
  run(x);
  network.cut(x.name(), y.name(), true);
  network.refuse_dials(x.name(), y.name(), true);
  pass(milliseconds(7000));
  network.refuse_dials(x.name(), y.name(), false);
  settle();
  const Name q = arrived();
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(z.names.status(q).mps_srights, 1U);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(received(z.names, q), (Ints{1}));
}

// Exchange 13, step 8: the holder has not heard of the move, so its proxy lives by the old home.
TEST_F(SlowFollowers, WhoLosesTheNewHomeBeforeItFollowsKeepsItsRights) {
  Task& other = y.task("other");
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  const Name theirs = server.give_send_once(other, p);
  lose_each_other_after([&] {
    depart(y, server, p, z);
    run(z);
    network.cut(x.name(), y.name(), true);
    network.refuse_dials(x.name(), y.name(), true);
  });
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .id = 1}), MACH_MSG_SUCCESS);
  meet_again();
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(send(2), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(other.send({.remote = theirs, .remote_type = kMoveOnce, .id = 3}), MACH_MSG_SUCCESS);
  run();
  const Name q = arrived();
  EXPECT_EQ(received(z.names, q), (Ints{1, 2, 3})) << "the old home's right is not taken for the holder's";
  EXPECT_EQ(z.names.status(q).mps_sorights, 0U);
  client.deallocate(far);
  run();
  EXPECT_EQ(z.names.status(q).mps_srights, 0U);
}

TEST_F(SlowFollowers, WhoLosesTheNewHomeAfterItHasFollowedLosesItsRights) {
  const Name once = give_across(y, server, p, kMakeOnce, x, client);
  lose_each_other_after([&] { move_until_the_holder_has_followed(); });
  EXPECT_EQ(client.state(far), "DN1");
  EXPECT_EQ(client.state(once), "DN1");
  meet_again();
  const Name q = arrived();
  EXPECT_EQ(received(z.names, q), (Ints{MACH_NOTIFY_SEND_ONCE}));
  EXPECT_EQ(z.names.status(q).mps_srights, 0U);
}

}  // namespace
}  // namespace netmsg::test
