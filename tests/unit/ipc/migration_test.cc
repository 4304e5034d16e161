// SPDX-License-Identifier: Apache-2.0
// A receive right that goes to another host and comes from one (spec 01 §13, peer protocol M1-M3, M7), as the engine
// sees it: names and rights stay with the port, its queue and its requests go along.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <list>

#include "daemon/ipc/port.h"
#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

// A link to a host that exists in the test's head: `away` are the ports there, with what went along.
class Elsewhere final : public ipc::RemoteLink {
 public:
  struct Away {
    ipc::ReceiveRight right;
    ipc::Belongings belongings;
  };

  explicit Elsewhere(ipc::Engine& engine) : engine_(engine) {
    engine.set_link(this);
    away.push_back({engine.make_remote_port(5), {}});
  }
  ~Elsewhere() override {
    const ipc::Event event(engine_);
    for (Away& each : away) lose(each.belongings);
    away.clear();
    while (!held.empty()) let_go();
    engine_.set_link(nullptr);
  }

  bool can_carry(const ipc::Port&, const ipc::Port&, ipc::RightType, std::uint32_t) const override {
    return true;
  }
  CarryLimits carry_limits(const ipc::Port&) const override { return {1U << 20, 1000}; }
  void forward(ipc::MessagePtr message) override {
    ids.push_back(message->id);
    message->destination.consume();
    for (ipc::BodyRight& item : message->body) {
      if (item.right.holds_receive()) take(item.right.take_receive());
    }
  }
  void hold(ipc::MessagePtr message) override { held.push_back(std::move(message)); }
  void unreferenced(ipc::Port&) override {}
  void room_changed(ipc::Port&) override {}
  void died(ipc::Port&) override {}
  void left_queue(std::uint64_t) override {}
  void end_of_event() override {}
  void for_each_right(const RightVisitor& visitor) const override {
    for (const Away& each : away) {
      visitor.receive(*each.right.port());
      if (each.belongings.no_senders_request) visitor.send_once(*each.belongings.no_senders_request.port());
      if (each.belongings.port_destroyed_request)
        visitor.send_once(*each.belongings.port_destroyed_request.port());
      each.belongings.queue.for_each([&](const ipc::Message& message) { visit(message, visitor); });
    }
    for (const ipc::MessagePtr& message : held) visit(*message, visitor);
  }

  ipc::Port& proxy() const { return *away.front().right.port(); }
  Away& last() { return away.back(); }
  void let_go() {
    ipc::MessagePtr message = std::move(held.front());
    held.pop_front();
    engine_.deliver_held(std::move(message));
  }
  // The port that left last comes in a message to `destination`.
  void bring(ipc::Port& destination, int id) {
    const ipc::Event event(engine_);
    Away here = std::move(away.back());
    away.pop_back();
    here.right.port()->arrive(std::move(here.belongings), {});
    ipc::MessagePtr message = engine_.new_message(account_, Bytes(48));
    const mach_msg_type_t item = rights(MACH_MSG_TYPE_PORT_RECEIVE, {0}).descriptor;
    std::memcpy(message->bytes.data() + 32, &item, sizeof item);
    message->other_bits = MACH_MSGH_BITS_COMPLEX;
    message->id = id;
    message->destination = ipc::CarriedRight(ipc::SendRight::mint(destination));
    message->body.push_back({40, ipc::CarriedRight(std::move(here.right))});
    engine_.send_on_its_way(*message);
    engine_.deliver(std::move(message));
  }

  std::list<Away> away;
  std::deque<ipc::MessagePtr> held;
  std::vector<int> ids;

 private:
  void take(ipc::ReceiveRight right) {
    ipc::Belongings belongings = right.port()->depart();
    away.push_back({std::move(right), std::move(belongings)});
  }
  static void lose(ipc::Belongings& belongings) {
    belongings.no_senders_request.reset();
    belongings.port_destroyed_request.reset();
    while (belongings.queue.pop()) {
    }
  }
  static void visit(const ipc::Message& message, const RightVisitor& visitor) {
    const auto count = [&](const ipc::CarriedRight& right) {
      if (right.holds_send()) visitor.send(*right.port());
      if (right.holds_send_once()) visitor.send_once(*right.port());
      if (right.holds_receive()) visitor.receive(*right.port());
    };
    count(message.destination);
    count(message.reply);
    for (const ipc::BodyRight& item : message.body) count(item.right);
  }

  ipc::Engine& engine_;
  ipc::Account account_{ipc::Account::Limits{}};
};

class Migration : public testing::Test {
 protected:
  ~Migration() override {
    owner.die();
    client.die();
  }

  Name give(Task& task, ipc::Port& port) {
    const ipc::Event event(world.engine);
    return world.engine.insert_send(task.space(), ipc::SendRight::mint(port)).value();
  }
  ipc::Port& port_of(Task& task, Name name) {
    return *world.engine.copy_send(task.space(), name).value().port();
  }
  mach_msg_return_t send_away(Task& task, Name name) {
    const Name far = give(task, link.proxy());
    return task.send({.remote = far, .remote_type = kMoveSend, .items = {rights(kMoveReceive, {name})}});
  }
  mach_msg_return_t send(Name to, int id) {
    return client.send({.remote = to, .remote_type = kCopySend, .id = id});
  }
  ipc::OpToken begin_send(Name to, int id, unsigned timeout_ms = 0) {
    ipc::MsgArgs args{.option = MACH_SEND_MSG | (timeout_ms != 0 ? MACH_SEND_TIMEOUT : 0),
                      .timeout_ms = timeout_ms};
    args.message = Outgoing{.remote = to, .remote_type = kCopySend, .id = id}.encode();
    return client.begin(std::move(args));
  }

  World world;
  Elsewhere link{world.engine};
  Task& owner = world.task("owner");
  Task& client = world.task("client");
  const Name p = owner.port();
  const Name x = owner.give_send(client, p);
  const Name box = owner.port();  // where it comes back
};

TEST_F(Migration, NamesStayAndTheQueueGoes) {
  EXPECT_EQ(send(x, 1), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(x, 2), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  EXPECT_EQ(owner.state(p), "free");
  EXPECT_EQ(client.state(x), "S1") << "no dead name";
  EXPECT_TRUE(link.last().right.port()->remote());
  int queued = 0;
  link.last().belongings.queue.for_each(
      [&](const ipc::Message& message) { EXPECT_EQ(message.id, ++queued); });
  EXPECT_EQ(queued, 2);
  EXPECT_EQ(send(x, 3), MACH_SEND_TIMED_OUT) << "no room until its new home has told it";
}

TEST_F(Migration, ItComesBackToItsNameWithItsQueueItsLimitAndItsRequests) {
  const Name log = owner.port();
  ASSERT_EQ(owner.request(p, MACH_NOTIFY_NO_SENDERS, log), KERN_SUCCESS);
  ASSERT_EQ(owner.request(p, MACH_NOTIFY_PORT_DESTROYED, log), KERN_SUCCESS);
  owner.set_qlimit(p, 7);
  EXPECT_EQ(send(x, 1), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(x, 2), MACH_MSG_SUCCESS);
  ASSERT_EQ(owner.receive(p).header.msgh_id, 1);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  link.bring(port_of(owner, box), 9);
  world.check();

  const Received got = owner.receive(box);
  ASSERT_EQ(got.values.size(), 1U);
  const mach_port_status_t status = owner.status(got.values[0]);
  EXPECT_EQ(status.mps_qlimit, 7U);
  EXPECT_EQ(status.mps_msgcount, 1U);
  EXPECT_EQ(status.mps_seqno + status.mps_mscount, 0U);
  EXPECT_TRUE(status.mps_pdrequest && status.mps_nsrequest && status.mps_srights);
  EXPECT_EQ(owner.receive(got.values[0]).header.msgh_id, 2);
  client.deallocate(x);
  EXPECT_EQ(owner.receive(log).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  owner.destroy(got.values[0]);
  EXPECT_EQ(owner.receive(log).header.msgh_id, MACH_NOTIFY_PORT_DESTROYED);
}

TEST_F(Migration, OneWhoHasASendRightGetsTheReceiveRightUnderItsName) {
  const Name there = owner.port();
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  const Name inbox = client.port();
  link.bring(port_of(client, inbox), 1);
  EXPECT_EQ(client.receive(inbox).values, std::vector<std::uint32_t>{x});
  EXPECT_EQ(client.state(x), "R+S1");
  owner.destroy(there);
}

TEST_F(Migration, BlockedSendersGoOnWaitingAndSendAgainToTheirProxy) {
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(x, id), MACH_MSG_SUCCESS);
  const ipc::OpToken first = begin_send(x, 5);
  const ipc::OpToken second = begin_send(x, 6, 100);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  EXPECT_FALSE(client.result(first).has_value()) << "01 §8.7";
  world.engine.set_window(*link.last().right.port(), 1, 0);
  EXPECT_EQ(client.result(first).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(link.ids.back(), 5);
  EXPECT_FALSE(client.result(second).has_value());
  world.advance(std::chrono::milliseconds(101));
  EXPECT_EQ(client.result(second).value().code, MACH_SEND_TIMED_OUT);
}

TEST_F(Migration, ThoseWhoWaitAtTheProxyGoOnWhenItComes) {
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  const ipc::OpToken waiting = begin_send(x, 8);
  EXPECT_FALSE(client.result(waiting).has_value());
  link.bring(port_of(owner, box), 1);
  EXPECT_EQ(client.result(waiting).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(owner.receive(owner.receive(box).values.at(0)).header.msgh_id, 8);
}

TEST_F(Migration, ReceiversAndWatchersLearnThatItHasGone) {
  const ipc::OpToken receiving = owner.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = p});
  ASSERT_TRUE(world.engine.watch(owner.space(), p).ok());
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  EXPECT_EQ(owner.result(receiving).value().code, MACH_RCV_PORT_DIED);
  EXPECT_EQ(link.last().right.port()->watch, nullptr);
}

TEST_F(Migration, ADeadNameRequestStaysWithItsName) {
  const Name log = client.port();
  ASSERT_EQ(client.request(x, MACH_NOTIFY_DEAD_NAME, log), KERN_SUCCESS);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  EXPECT_TRUE(client.has_request(x));
  link.bring(port_of(owner, box), 1);
  const Name back = owner.receive(box).values.at(0);
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_DEAD_NAME), 0U);
  owner.destroy(back);
  EXPECT_EQ(client.drain(log, MACH_NOTIFY_DEAD_NAME), 1U);
  EXPECT_EQ(client.state(x), "DN2");
}

// 06.8, across hosts: the backup is a proxy.
TEST_F(Migration, ABackupElsewhereGetsTheReceiveRight) {
  ipc::Port& far = link.proxy();
  {
    const ipc::Event event(world.engine);
    port_of(owner, p).port_destroyed_request = ipc::SendOnceRight::mint(far);
  }
  owner.destroy(p);
  world.check();
  EXPECT_EQ(link.ids.back(), MACH_NOTIFY_PORT_DESTROYED);
  EXPECT_EQ(link.away.size(), 2U);
  EXPECT_EQ(client.state(x), "S1") << "it lives";
}

// 03 §9: what waits to be sent to the proxy carries the right of the port that the proxy comes to.
TEST_F(Migration, AMessageThatClosesALoopOnItsArrivalIsDestroyed) {
  const Name there = owner.give_send(owner, p);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  ipc::Port& destination = port_of(owner, box);
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message =
      Outgoing{.remote = there, .remote_type = kCopySend, .items = {rights(kMoveReceive, {box})}}.encode();
  const ipc::OpToken waiting = owner.begin(std::move(args));
  link.bring(destination, 1);
  EXPECT_EQ(owner.result(waiting).value().code, MACH_MSG_SUCCESS);
  world.check();
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_EQ(owner.state(there), "DN1");
}

TEST_F(Migration, AClosedPortTakesWhatIsSentHereWhenTheLinkSaysSo) {
  ipc::Port& port = port_of(client, x);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  port.closed = true;
  link.bring(port_of(owner, box), 1);
  const Name back = owner.receive(box).values.at(0);
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(x, id), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(x, 5), MACH_SEND_TIMED_OUT) << "what is held counts";
  EXPECT_EQ(owner.receive(back).code, MACH_RCV_TIMED_OUT);
  {
    const ipc::Event event(world.engine);
    ipc::MessagePtr late = world.engine.new_message(world.account, Bytes(32));
    late->id = 99;
    late->destination = ipc::CarriedRight(ipc::SendRight::mint(port));
    world.engine.deliver(std::move(late));
  }
  EXPECT_EQ(owner.receive(back).header.msgh_id, 99) << "what the link delivers comes first";
  {
    const ipc::Event event(world.engine);
    port.closed = false;
    while (!link.held.empty()) link.let_go();
  }
  for (int id = 0; id < 5; ++id) EXPECT_EQ(owner.receive(back).header.msgh_id, id);
}

TEST_F(Migration, WhatIsHeldForAPortThatDiesIsDestroyed) {
  ipc::Port& port = port_of(client, x);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  port.closed = true;
  link.bring(port_of(owner, box), 1);
  const Name back = owner.receive(box).values.at(0);
  const Name inside = client.port();
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMoveReceive, {inside})}}),
            MACH_MSG_SUCCESS);
  owner.destroy(back);
  const ipc::Event event(world.engine);
  link.let_go();
  EXPECT_EQ(client.state(x), "DN1");
}

// A port in the queue goes where the queue goes: the link finds it there (M2, M3).
TEST_F(Migration, APortInTheQueueOfOneThatGoesIsStillOnItsWayToIt) {
  const Name inside = client.port();
  const Name to_inside = client.give_send(owner, inside);
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMoveReceive, {inside})}}),
            MACH_MSG_SUCCESS);
  const ipc::Port& moved = port_of(owner, to_inside);
  ASSERT_EQ(send_away(owner, p), MACH_MSG_SUCCESS);
  EXPECT_EQ(moved.transit_to(), link.last().right.port());
  link.bring(port_of(owner, box), 1);
  const Name back = owner.receive(box).values.at(0);
  EXPECT_EQ(owner.receive(back).values, std::vector<std::uint32_t>{to_inside});
}

}  // namespace
}  // namespace netmsg::test
