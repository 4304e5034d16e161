// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/places.h"

#include <gtest/gtest.h>
#include <mach/notify.h>

#include <algorithm>

#include "daemon/ipc/port.h"
#include "daemon/ipc/space.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

using Kind = ipc::Place::Kind;

class Places : public testing::Test {
 protected:
  const ipc::Port& port_of(const Task& task, Name name) { return *task.space().find(name)->port(); }
  std::vector<ipc::Holding> holdings() { return ipc::holdings_of(world.engine.core(), port_of(owner, port)); }
  // What all places of that kind hold.
  ipc::Held held(Kind kind) {
    ipc::Held sum;
    for (const ipc::Holding& holding : holdings()) {
      if (holding.place.kind != kind) continue;
      sum.send += holding.held.send;
      sum.send_once += holding.held.send_once;
      sum.receive += holding.held.receive;
    }
    return sum;
  }

  World world;
  Task& owner = world.task("owner");
  Task& friendly = world.task("friend");
  const Name port = owner.port_with_sends(2);
};

TEST_F(Places, ANameHoldsOneRightOfEachKindWhateverItsReferences) {
  const std::vector<ipc::Holding> all = holdings();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].place.space, &owner.space());
  EXPECT_EQ(all[0].place.name, port);
  EXPECT_EQ(all[0].held.receive, 1U);
  EXPECT_EQ(all[0].held.send, 1U);
}

TEST_F(Places, EachTaskIsOne) {
  owner.give_send(friendly, port);
  owner.give_send_once(friendly, port);
  EXPECT_EQ(held(Kind::kName).send, 2U);
  EXPECT_EQ(held(Kind::kName).send_once, 1U);
  EXPECT_EQ(holdings().size(), 3U);
}

TEST_F(Places, MessagesInOneQueueAreOnePlace) {
  const Name queue = owner.port_with_sends(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(owner.send({.remote = queue,
                          .remote_type = MACH_MSG_TYPE_COPY_SEND,
                          .items = {rights(MACH_MSG_TYPE_COPY_SEND, {port, port})}}),
              MACH_MSG_SUCCESS);
  }
  EXPECT_EQ(held(Kind::kQueue).send, 6U);
  EXPECT_EQ(holdings().size(), 2U);
  EXPECT_EQ(holdings().back().place.port, &port_of(owner, queue));
}

TEST_F(Places, ARequestHoldsTheRightItWillBeSentTo) {
  const Name watched = owner.port_with_sends(1);
  EXPECT_EQ(owner.request(watched, MACH_NOTIFY_NO_SENDERS, port), KERN_SUCCESS);
  EXPECT_EQ(held(Kind::kRequest).send_once, 1U);
}

TEST_F(Places, AWaitingCallHoldsItsMessage) {
  const Name full = owner.port_with_sends(1);
  EXPECT_EQ(owner.set_qlimit(full, 0), KERN_SUCCESS);
  const Outgoing message{.remote = full,
                         .remote_type = MACH_MSG_TYPE_COPY_SEND,
                         .items = {rights(MACH_MSG_TYPE_COPY_SEND, {port})}};
  const ipc::OpToken call = owner.begin({.option = MACH_SEND_MSG, .message = message.encode()});
  EXPECT_EQ(held(Kind::kCall).send, 1U);
  owner.cancel(call);
}

}  // namespace
}  // namespace netmsg::test
