// SPDX-License-Identifier: Apache-2.0
// What netmsgctl port and why tell of a port that moves between hosts, and of a right on its way by a third host, with
// links held where the test wants to look: `moving` then, at rest and whole afterwards. The client is on x, the port P
// on y, and it goes to z.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/control_json.h"
#include "tests/support/dispositions.h"
#include "tests/support/linked_hosts.h"
#include "tests/system/puppet_task.h"

namespace netmsg::test {
namespace {

constexpr unsigned kPatienceMs = 30000;
constexpr std::chrono::milliseconds kPatience{kPatienceMs};
enum At : std::size_t { kX, kY, kZ };

class WhyMoving : public testing::Test {
 protected:
  void TearDown() override {
    hosts.heal();
    EXPECT_TRUE(hosts.connected());
    EXPECT_EQ(hosts.balanced(), "");
  }

  v1::PortView port(At at, const std::string& port) {
    return told<v1::PortView>(hosts[at].control({"--json", "port", port}));
  }
  v1::PortView port(At at, PuppetTask& task, Name name) {
    return port(at, std::to_string(task_of(hosts[at], task.process().pid())) + ":" + std::to_string(name));
  }
  // P's, by all three.
  v1::WhyReply why() {
    return told<v1::WhyReply>(
        hosts[kX].control({"--json", "why", uid, "--control", hosts[kY].control_socket(), "--control",
                           hosts[kZ].control_socket()}));
  }
  bool moving() { return why().moving(); }
  bool comes_to_rest() {
    return eventually([&] { return !moving(); }, kPatience);
  }
  // P's receive right sets off to z.
  void depart() {
    ASSERT_EQ(
        server.send({.remote = to_inbox, .remote_type = kCopySend, .items = {rights(kMoveReceive, {p})}}),
        MACH_MSG_SUCCESS);
  }
  Name arrive() {
    const PuppetTask::Message got = third.receive(inbox, kPatienceMs);
    EXPECT_EQ(got.values.size(), 1U);
    return got.values.empty() ? 0 : got.values[0];
  }

  LinkedHosts hosts{{"x", "y", "z"}};
  PuppetTask client{hosts[kX]};
  PuppetTask server{hosts[kY]};
  PuppetTask third{hosts[kZ]};
  const Name p = server.port();
  const Name x = server.give(p, kMakeSend, client);  // for P
  const Name inbox = third.port();
  const Name to_inbox = third.give(inbox, kMakeSend, server);
  const std::string uid = port(kX, client, x).uid();
};

const v1::PortView* of_host(const v1::WhyReply& reply, const std::string& node) {
  for (const v1::PortView& view : reply.hosts()) {
    if (view.node() == node) return &view;
  }
  return nullptr;
}

// x does not hear of the move.
TEST_F(WhyMoving, TheOldHomeIsAStubUntilTheHolderHasFollowed) {
  hosts.hold(kY, kX);
  depart();
  const Name moved = arrive();
  EXPECT_TRUE(eventually([&] { return port(kY, uid).stub().told(); }, kPatience));
  const v1::PortView old_home = port(kY, uid);
  EXPECT_EQ(old_home.state(), v1::PortView::PROXY);
  EXPECT_EQ(old_home.stub().target(), "z");
  ASSERT_EQ(old_home.stub().paths_size(), 1);
  EXPECT_EQ(old_home.stub().paths(0).holder(), "x");
  EXPECT_EQ(old_home.stub().paths(0).send(), 1U);
  const v1::PortView new_home = port(kZ, third, moved);
  EXPECT_EQ(new_home.uid(), uid) << "a port keeps its uid";
  EXPECT_EQ(new_home.epoch(), 1U);
  EXPECT_EQ(new_home.undrained().from(), "y");
  ASSERT_EQ(new_home.undrained().paths_size(), 1);
  EXPECT_EQ(new_home.undrained().paths(0).holder(), "x");
  const v1::WhyReply meanwhile = why();
  EXPECT_TRUE(meanwhile.moving());
  EXPECT_EQ(meanwhile.not_asked_size(), 0);
  hosts.heal();
  EXPECT_TRUE(comes_to_rest());
  const v1::WhyReply after = why();
  ASSERT_EQ(after.hosts_size(), 2) << "y has nothing to do with it any more";
  EXPECT_EQ(of_host(after, "z")->state(), v1::PortView::HOME);
  EXPECT_EQ(of_host(after, "x")->home(), "z");
  EXPECT_EQ(of_host(after, "x")->peers(0).received(), 1U);
}

TEST_F(WhyMoving, AReceiveRightThatIsUnderWayIsShownThere) {
  hosts.hold(kY, kZ);
  depart();
  const v1::WhyReply meanwhile = why();
  EXPECT_TRUE(meanwhile.moving());
  const v1::PortView* old_home = of_host(meanwhile, "y");
  ASSERT_NE(old_home, nullptr);
  EXPECT_FALSE(old_home->stub().told());
  bool moves = false;
  for (const v1::PeerHolding& peer : old_home->peers()) moves = moves || (peer.peer() == "z" && peer.moves());
  EXPECT_TRUE(moves);
  hosts.heal();
  arrive();
  EXPECT_TRUE(comes_to_rest());
}

// x passes a right on, and y, its home, cannot tell z.
TEST_F(WhyMoving, ARightThatWaitsForItsHomeIsShownWhereItWaits) {
  const Name at_client = third.give(inbox, kMakeSend, client);
  hosts.hold(kY, kZ);
  ASSERT_EQ(client.send({.remote = at_client, .remote_type = kMoveSend, .items = {rights(kCopySend, {x})}}),
            MACH_MSG_SUCCESS);
  EXPECT_TRUE(eventually([&] { return of_host(why(), "z") != nullptr; }, kPatience));
  const v1::WhyReply meanwhile = why();
  EXPECT_TRUE(meanwhile.moving());
  EXPECT_EQ(of_host(meanwhile, "z")->state(), v1::PortView::ABSENT);
  EXPECT_EQ(of_host(meanwhile, "z")->awaited(), 1U);
  const v1::PortView waiting = port(kZ, third, inbox);
  ASSERT_EQ(waiting.parked_size(), 1);
  EXPECT_EQ(waiting.parked(0).peer(), "x");
  hosts.heal();
  EXPECT_EQ(third.receive(inbox, kPatienceMs).values.size(), 1U);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(of_host(why(), "y")->peers_size(), 2) << "x and z";
}

// y is lost before it could say anything: the right is dead, and z says by whom it came and why.
TEST_F(WhyMoving, ADeadIntroductionHasAReason) {
  const Name at_client = third.give(inbox, kMakeSend, client);
  hosts.hold(kX, kY);
  ASSERT_EQ(client.send({.remote = at_client, .remote_type = kMoveSend, .items = {rights(kCopySend, {x})}}),
            MACH_MSG_SUCCESS);
  hosts[kY].restart(SIGKILL);
  hosts.heal();
  EXPECT_EQ(third.receive(inbox, kPatienceMs).values, std::vector<std::uint32_t>{MACH_PORT_DEAD});
  const v1::Peer row = peer_row(hosts[kZ], "x");
  EXPECT_EQ(row.dead_introductions(), 1U);
  EXPECT_THAT(row.last_dead_introduction(), testing::HasSubstr("home"));
  ASSERT_TRUE(eventually([&] { return client.state(x) == "DN1"; }, kPatience));
  EXPECT_THAT(port(kX, client, x).death(), testing::StartsWith("y: the session with its home is over"));
}

}  // namespace
}  // namespace netmsg::test
