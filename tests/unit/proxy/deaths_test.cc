// SPDX-License-Identifier: Apache-2.0
#include "proxy/deaths.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using proxy::Death;
using proxy::Deaths;

Death session_death(const std::string& text) {
  return {Death::Cause::kSession, {v1::Fence::LEASE, text}, {}};
}

TEST(Deaths, OfEachPeerTheLastAreRemembered) {
  Deaths deaths;
  const proxy::DeathNumber other = deaths.add(1, session_death("other"));
  const proxy::DeathNumber first = deaths.add(0, session_death("first"));
  proxy::DeathNumber last = first;
  for (std::size_t i = 0; i < Deaths::kRemembered; ++i) last = deaths.add(0, session_death("later"));
  EXPECT_FALSE(deaths.find(first));
  EXPECT_EQ(deaths.find(last)->fault.text, "later");
  EXPECT_EQ(deaths.find(other)->fault.text, "other") << "nobody makes us forget what another peer did";
  EXPECT_EQ(Deaths::peer_of(other), 1U);
}

TEST(Deaths, NumbersThatWereNeverGivenAreNobodys) {
  Deaths deaths;
  EXPECT_FALSE(deaths.find(0));
  const proxy::DeathNumber only = deaths.add(3, session_death("x"));
  EXPECT_FALSE(deaths.find(only + 1));
  EXPECT_FALSE(deaths.find(only - 1));
}

TEST(Deaths, BeginAnewAfterVeryMany) {
  Deaths deaths;
  proxy::DeathNumber last = 0;
  for (unsigned i = 0; i < (1U << 17) + 10; ++i) last = deaths.add(0, session_death(std::to_string(i)));
  EXPECT_EQ(deaths.find(last)->fault.text, std::to_string((1U << 17) + 9));
  EXPECT_NE(last, 0U);
}

TEST(Deaths, ReadAsWords) {
  EXPECT_EQ(proxy::death_text({Death::Cause::kPort, {}, {}}), "the port has died at its home");
  EXPECT_EQ(proxy::death_text(session_death("silence")),
            "the session with its home is over (LEASE: silence)");
  EXPECT_EQ(proxy::fault_text({static_cast<v1::Fence::Code>(99), ""}), "UNSPECIFIED");
}

// What a dead name was is known as long as the name is there.
class DeadNames : public TwoHosts {
 protected:
  std::string reason(Host& host, Task& task, Name name) {
    for (const ipc::PortRow& row : host.world.engine.ports(task.space())) {
      if (row.name == name) return host.link->death_text(row.death);
    }
    return "no such name";
  }
  Task& giver = a.task("giver");
  Task& taker = b.task("taker");
  const Name port = giver.port_with_sends(1);
  const Name there = give_across(a, giver, port, MACH_MSG_TYPE_COPY_SEND, b, taker);
};

TEST_F(DeadNames, SayThatThePortHasDiedAtItsHome) {
  giver.destroy(port);
  run();
  EXPECT_EQ(taker.state(there), "DN1");
  EXPECT_EQ(reason(b, taker, there), "a: the port has died at its home");
}

TEST_F(DeadNames, SayWhyTheSessionWasFenced) {
  part(true);
  EXPECT_EQ(taker.state(there), "DN1");
  EXPECT_EQ(reason(b, taker, there),
            "a: the session with its home is over (LEASE: no sign of life for the lease)");
}

TEST_F(DeadNames, OfThisHostHaveNoOtherReason) {
  Task& neighbour = a.task("neighbour");
  const Name local = giver.port();
  const Name name = giver.give_send(neighbour, local);
  giver.destroy(local);
  EXPECT_EQ(neighbour.state(name), "DN1");
  EXPECT_EQ(reason(a, neighbour, name), "");
}

TEST_F(DeadNames, TheRowsOfBothSidesSayHowTheSessionEnded) {
  b.link->stop();
  run();
  ASSERT_TRUE(a.row().last_fence && b.row().last_fence);
  EXPECT_EQ(a.row().last_fence->code, "STOPPED");
  EXPECT_TRUE(a.row().last_fence->theirs);
  EXPECT_EQ(a.row().last_fence->text, "the peer says: the daemon stops");
  EXPECT_EQ(b.row().last_fence->code, "STOPPED");
  EXPECT_FALSE(b.row().last_fence->theirs);
}

}  // namespace
}  // namespace netmsg::test
