// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry.h"

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace netmsg::proxy {
namespace {

class Known : public testing::Test {
 protected:
  ~Known() override { registry.check_invariants(); }

  ipc::Port& port() { return *world.engine.copy_send(task.space(), task.port()).value().port(); }
  const Origin us{{{1}}, 9};
  const Origin them{{{2}}, 9};

  test::World world;
  test::Task& task = world.task();
  Registry registry{us};
};

TEST_F(Known, APortIsFoundByItselfAndByItsUid) {
  ipc::Port& mine = port();
  EXPECT_EQ(registry.find(mine), nullptr);
  const PortUid uid = registry.share(mine, 3);
  EXPECT_EQ(uid.origin, us);
  ASSERT_NE(registry.find(mine), nullptr);
  EXPECT_EQ(registry.find(mine), registry.find(uid));
  EXPECT_EQ(registry.find(mine)->port.get(), &mine);
  EXPECT_FALSE(registry.find(mine)->home.has_value());
  registry.unshare(uid, 3);
  EXPECT_EQ(registry.find(mine), nullptr);
  EXPECT_EQ(registry.find(uid), nullptr);
}

TEST_F(Known, APortKeepsItsUidUntilTheLastPeerHasGivenItUp) {
  ipc::Port& mine = port();
  const PortUid uid = registry.share(mine, 3);
  EXPECT_EQ(registry.share(mine, 4), uid);
  EXPECT_EQ(registry.share(mine, 4), uid);
  registry.unshare(uid, 3);
  ASSERT_NE(registry.find(uid), nullptr);
  EXPECT_EQ(registry.find(uid)->peers, std::vector<PeerIndex>{4});
  registry.unshare(uid, 4);
  EXPECT_NE(registry.share(mine, 4), uid) << "a serial is given once";
  registry.remove(mine);
}

TEST_F(Known, APlaceIsUsedAgainAndNamesAnotherPort) {
  ipc::Port& first = port();
  ipc::Port& second = port();
  registry.share(first, 1);
  const std::uint64_t place = first.link_slot;
  EXPECT_EQ(registry.remove(first).port.get(), &first);
  registry.share(second, 1);
  EXPECT_EQ(second.link_slot, place);
  EXPECT_EQ(registry.find(first), nullptr);
  registry.remove(second);
}

TEST_F(Known, AProxyHasAHomeAndAnyOrigin) {
  const ipc::Event event(world.engine);
  const ipc::ReceiveRight proxy = world.engine.make_remote_port(5);
  const PortUid uid{them, 7};
  registry.add_proxy(*proxy.port(), uid, 2);
  EXPECT_EQ(registry.find(uid)->home, 2U);
  registry.mark_dirty(uid);
  registry.mark_dirty(*proxy.port());
  EXPECT_EQ(registry.take_dirty(), std::vector<const Registry::Entry*>{registry.find(uid)}) << "once";
  EXPECT_TRUE(registry.take_dirty().empty());
  registry.mark_dirty(uid);
  registry.remove(*proxy.port());
  registry.add_proxy(*proxy.port(), {them, 8}, 2);
  EXPECT_TRUE(registry.take_dirty().empty()) << "the one in its place is another one";
  registry.remove(*proxy.port());
}

// A proxy that was given up and a port that has come since, under one uid.
TEST_F(Known, APinKeepsTheEntryThatItWasMadeFor) {
  const PortUid uid{them, 7};
  RegistryPin earlier;
  {
    const ipc::Event event(world.engine);
    const ipc::ReceiveRight proxy = world.engine.make_remote_port(5);
    registry.add_proxy(*proxy.port(), uid, 2);
    earlier = RegistryPin(registry, uid);
    registry.remove(*proxy.port());
  }
  registry.arrive(port(), uid, 1);
  RegistryPin pin(registry, uid);
  registry.drained(uid);
  earlier = RegistryPin();
  EXPECT_NE(registry.find(uid), nullptr);
  pin = RegistryPin();
  EXPECT_EQ(registry.find(uid), nullptr);
}

TEST_F(Known, OnlySerialsThatWereGivenAreGivenOut) {
  ipc::Port& mine = port();
  EXPECT_FALSE(registry.given_out({us, 1}));
  const PortUid uid = registry.share(mine, 1);
  EXPECT_TRUE(registry.given_out(uid));
  EXPECT_FALSE(registry.given_out({us, uid.serial + 1}));
  EXPECT_FALSE(registry.given_out({them, uid.serial}));
  registry.remove(mine);
}

}  // namespace
}  // namespace netmsg::proxy
