// SPDX-License-Identifier: Apache-2.0
// What a hostile or unlucky client cannot do to the engine: spec 09 §3, §5. Most of these were bugs once.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
using std::chrono::milliseconds;

// A space with an account of its own beside a task of the world.
class Poor : public testing::Test {
 protected:
  ~Poor() override { world.engine.destroy_space(space); }

  World world;
  Task& other = world.task("other");
  ipc::Account account{ipc::Account::Limits{.bytes = 20000, .ports = 1}};
  ipc::Space& space = world.engine.create_space("poor", account, other);
};

TEST_F(Poor, ADeadPortIsPaidForNoLongerEvenIfSomebodyStillNamesIt) {
  const Name port = calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).value();
  const Name x = calls::extract_right(other.space(), space, port, MACH_MSG_TYPE_MAKE_SEND).value().first;
  EXPECT_EQ(calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).code(), KERN_RESOURCE_SHORTAGE);
  EXPECT_EQ(calls::destroy(space, port), KERN_SUCCESS);
  EXPECT_EQ(account.ports_used(), 0U);
  EXPECT_TRUE(calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).ok());
  EXPECT_EQ(other.state(x), "DN1");
}

TEST_F(Poor, ARefusedPortCostsNoName) {
  calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).ok();
  Name last = 0;
  for (int round = 0; round < 10000; ++round) {
    last = calls::allocate(space, MACH_PORT_RIGHT_DEAD_NAME).value();
    calls::deallocate(space, last);
    ASSERT_EQ(calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).code(), KERN_RESOURCE_SHORTAGE);
  }
  EXPECT_LT(last, 3000U);
}

TEST_F(Poor, NotificationsThatNobodyReadsArePaidForAndEndInARefusal) {
  const Name port = calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).value();
  unsigned made = 0;
  for (; made < 10000; ++made) {
    const auto once = calls::extract_right(space, space, port, kMakeOnce);
    if (!once.ok()) {
      EXPECT_EQ(once.code(), KERN_RESOURCE_SHORTAGE);
      break;
    }
    calls::deallocate(space, once.value().first);
  }
  EXPECT_LT(made, 1000U);
  EXPECT_GT(account.bytes_used(), 0U);
  EXPECT_EQ(calls::insert_right(space, space, 4711, port, kMakeOnce), KERN_RESOURCE_SHORTAGE);
  EXPECT_EQ(calls::request_notification(space, space, port, MACH_NOTIFY_DEAD_NAME, 0, port, kMakeOnce).code(),
            KERN_RESOURCE_SHORTAGE);
  EXPECT_EQ(calls::destroy(space, port), KERN_SUCCESS);
  EXPECT_EQ(account.bytes_used(), 0U);
}

TEST_F(Poor, AMessageTheAccountCannotBearIsRefusedAndNothingIsConsumed) {
  const Name port = calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).value();
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = port, .remote_type = MACH_MSG_TYPE_MAKE_SEND}.encode();
  args.message.resize(30000);
  const std::uint64_t digest = world.engine.digest();
  world.engine.mach_msg(space, 1, std::move(args));
  EXPECT_EQ(other.result(1).value().code, MACH_SEND_NO_BUFFER);
  EXPECT_EQ(world.engine.digest(), digest);
}

class Resources : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);

  ipc::OpToken begin_send(const Outgoing& message, mach_msg_option_t option = 0, unsigned timeout_ms = 0) {
    ipc::MsgArgs args{.option = MACH_SEND_MSG | option, .timeout_ms = timeout_ms};
    args.message = message.encode();
    return client.begin(std::move(args));
  }
  ipc::OpToken begin_receive(Name name, mach_msg_option_t option = 0, unsigned timeout_ms = 0) {
    return client.begin(
        {.option = MACH_RCV_MSG | option, .rcv_size = 100, .rcv_name = name, .timeout_ms = timeout_ms});
  }
};

TEST_F(Resources, AnswersOfTheTaskPortArePaidForByTheirRequests) {
  const Name reply = client.port();
  const std::uint64_t before = world.account.bytes_used();
  client.send(
      {.remote = ipc::kTaskSelfName, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce});
  EXPECT_GT(world.account.bytes_used(), before);
  client.receive(reply);
  EXPECT_EQ(world.account.bytes_used(), before);
}

TEST_F(Resources, AnyRequestIdHasAReplyId) {
  const Name reply = client.port();
  client.send({.remote = ipc::kTaskSelfName,
               .remote_type = kCopySend,
               .local = reply,
               .local_type = kMakeOnce,
               .id = 0x7FFFFFFF});
  EXPECT_EQ(static_cast<unsigned>(client.receive(reply).header.msgh_id), 0x80000063U);
}

// Only some of the woken senders find room; nobody overtakes anybody.
TEST_F(Resources, SendersThatLoseTheirSlotKeepTheirPlace) {
  for (int id = 0; id < 5; ++id) client.send({.remote = x, .remote_type = kCopySend, .id = id});
  for (int id = 5; id < 8; ++id) begin_send({.remote = x, .remote_type = kCopySend, .id = id});
  server.set_qlimit(r, 1);
  server.set_qlimit(r, 3);
  for (int id = 0; id < 8; ++id) EXPECT_EQ(server.receive(r).header.msgh_id, id);
}

TEST_F(Resources, RoomThatADyingTaskWasWokenForGoesToTheNext) {
  server.set_qlimit(r, 1);
  Task& waiting = world.task("waiting");
  const Name w = server.give_send(waiting, r);
  client.send({.remote = x, .remote_type = kCopySend, .id = 1});
  begin_send({.remote = x, .remote_type = kCopySend, .id = 2});
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = w, .remote_type = kCopySend, .id = 3}.encode();
  const auto last = waiting.begin(std::move(args));
  {
    const ipc::Event both(world.engine);  // the wake-up and the death are one event
    world.engine.mach_msg(server.space(), 77,
                          {.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT, .rcv_size = 100, .rcv_name = r});
    client.die_quietly();
  }
  EXPECT_TRUE(waiting.result(last).has_value());
  EXPECT_EQ(server.receive(r).header.msgh_id, 3);
}

TEST_F(Resources, ATaskThatDiesInTheMiddleOfItsOwnCallsLeavesCountsRight) {
  server.set_qlimit(r, 0);
  const Name p = client.port();
  client.give_send(server, p);
  for (int i = 0; i < 3; ++i) begin_receive(p);
  begin_send({.remote = x, .remote_type = kCopySend, .local = p, .local_type = kMakeOnce});
  for (int i = 0; i < 3; ++i) begin_receive(p);
  client.die();
}

TEST_F(Resources, ATaskThatDiesWithACircularMessageBlocked) {
  const Name own = client.port_with_sends(1);
  client.set_qlimit(own, 0);
  const Name known = client.give_send(server, own);
  begin_send({.remote = own, .remote_type = kCopySend, .items = {rights(kMoveReceive, {own})}});
  client.die();
  EXPECT_EQ(server.state(known), "DN1");
}

TEST_F(Resources, ACancelThatComesAfterTheMessageIsTooLate) {
  const Name p = client.port();
  const Name to_p = client.give_send(server, p);
  const auto receiving = begin_receive(p);
  {
    const ipc::Event both(world.engine);
    ipc::MsgArgs args{.option = MACH_SEND_MSG};
    args.message = Outgoing{.remote = to_p, .remote_type = kCopySend, .id = 5}.encode();
    world.engine.mach_msg(server.space(), 99, std::move(args));
    world.engine.cancel(client.space(), receiving);
  }
  EXPECT_EQ(client.result(receiving).value().code, MACH_MSG_SUCCESS);
}

// A send and a receive have the same deadline; what the first gives up lands in the queue of the second.
TEST(Deadlines, AReceiverLooksOnceMoreBeforeItTimesOut) {
  World world(ipc::Limits{.names_per_space = 4});
  Task& client = world.task("client");
  Task& server = world.task("server");
  const Name r = server.port();
  server.set_qlimit(r, 0);
  const Name x = server.give_send(client, r);
  const Name p = client.port();
  ipc::MsgArgs args{.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT, .timeout_ms = 10};
  args.message =
      Outgoing{.remote = x, .remote_type = kCopySend, .local = p, .local_type = kMakeOnce}.encode();
  const auto sending = client.begin(std::move(args));
  client.dead_name(1);  // no room for the reply right when it comes back
  const auto receiving = client.begin(
      {.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT, .rcv_size = 100, .rcv_name = p, .timeout_ms = 10});
  world.advance(milliseconds(10));
  EXPECT_EQ(client.result(sending).value().code, MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE);
  const auto received = client.result(receiving);
  ASSERT_EQ(received.value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(header_of(received->bytes).msgh_id, MACH_NOTIFY_SEND_ONCE);
}

// ---------------------------------------------------------------- the seam

// A link with one proxy: what is forwarded to it is kept.
class OneProxy final : public ipc::RemoteLink {
 public:
  explicit OneProxy(ipc::Engine& engine) : engine_(engine) {
    engine.set_link(this);
    proxy = engine.make_remote_port(2);
  }
  ~OneProxy() override {
    const ipc::Event event(engine_);
    proxy.reset();
    engine_.set_link(nullptr);
  }
  bool can_carry(const ipc::Port&, const ipc::Port&, ipc::RightType type, std::uint32_t) const override {
    return type != ipc::RightType::kReceive;
  }
  CarryLimits carry_limits(const ipc::Port&) const override { return {64, 1}; }
  void forward(ipc::MessagePtr message) override {
    ids.push_back(message->id);
    message->destination.consume();
    if (message->accepted) accepted = std::move(message->accepted);
  }
  void hold(ipc::MessagePtr) override {}
  void unreferenced(ipc::Port&) override { ++unreferenced_count; }
  void room_changed(ipc::Port&) override {}
  void died(ipc::Port&) override {}
  void left_queue(std::uint64_t) override {}
  void end_of_event() override {}
  void for_each_right(const RightVisitor& visitor) const override {
    if (proxy) visitor.receive(*proxy.port());
    if (accepted) visitor.send_once(*accepted->notify().port());
  }

  ipc::ReceiveRight proxy;
  std::vector<int> ids;
  std::unique_ptr<ipc::AcceptedRequest> accepted;  // of the last message that was forced
  int unreferenced_count = 0;

 private:
  ipc::Engine& engine_;
};

class Seam : public Resources {
 protected:
  Name give_proxy() {
    const ipc::Event event(world.engine);
    return world.engine.insert_send(client.space(), ipc::SendRight::mint(*link.proxy.port())).value();
  }
  mach_msg_return_t send(int id, std::initializer_list<Item> items = {}) {
    return client.send({.remote = far, .remote_type = kCopySend, .id = id, .items = items});
  }

  OneProxy link{world.engine};
  Name far = give_proxy();
};

TEST_F(Seam, AMessageTakesAPlaceInTheWindowAndWaitsWhenItIsUsedUp) {
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(2), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(3), MACH_SEND_TIMED_OUT);
  const auto waiting = begin_send({.remote = far, .remote_type = kCopySend, .id = 4});
  world.engine.set_window(*link.proxy.port(), 2, 1);
  EXPECT_TRUE(client.result(waiting).has_value());
  EXPECT_EQ(link.ids, (std::vector<int>{1, 2, 4}));
}

TEST_F(Seam, WindowsThatOpenAndCloseInOneEventKeepTheOrder) {
  send(1);
  send(2);
  for (int id = 3; id < 6; ++id) begin_send({.remote = far, .remote_type = kCopySend, .id = id});
  {
    const ipc::Event batch(world.engine);
    world.engine.set_window(*link.proxy.port(), 4, 2);
    world.engine.set_window(*link.proxy.port(), 2, 2);
  }
  world.engine.set_window(*link.proxy.port(), 16, 2);
  EXPECT_EQ(link.ids, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST_F(Seam, WhatCannotTravelIsRefusedBeforeAnythingIsTaken) {
  EXPECT_EQ(send(1, {numbers({1, 2, 3, 4, 5, 6, 7, 8})}), MACH_SEND_NO_BUFFER)
      << "larger than the host takes";
  EXPECT_EQ(send(2, {rights(MACH_MSG_TYPE_MAKE_SEND, {client.port()})}), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(3, {rights(kMoveReceive, {client.port()})}), MACH_SEND_INVALID_RIGHT);
  const Name own = client.port();
  EXPECT_EQ(send(4, {rights(MACH_MSG_TYPE_MAKE_SEND, {own, own})}), MACH_SEND_INVALID_RIGHT)
      << "one right at most";
  EXPECT_EQ(link.ids, std::vector<int>{2});
}

TEST_F(Seam, TheLinkHearsOfTheLastLocalRight) {
  const int before = link.unreferenced_count;
  client.deallocate(far);
  EXPECT_EQ(link.unreferenced_count, before + 1);
}

TEST_F(Seam, AProxyThatDiesIsADeadNameAndEndsItsBlockedSenders) {
  send(1);
  send(2);
  const auto waiting = begin_send({.remote = far, .remote_type = kCopySend, .id = 3});
  {
    const ipc::Event event(world.engine);
    link.proxy.reset();
  }
  EXPECT_EQ(client.result(waiting).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(far), "DN1");
  world.check();
}

// 06 §5: the link keeps the request until it hears that the message has left the queue on the other host.
TEST_F(Seam, AMessageThatIsForcedUponAProxyHasItsRequestWithIt) {
  send(1);
  send(2);
  const Outgoing third{.remote = far, .remote_type = kCopySend, .id = 3};
  EXPECT_EQ(client.send(third, MACH_SEND_NOTIFY, MACH_PORT_NULL), MACH_SEND_INVALID_NOTIFY);
  const Name notify = client.port();
  EXPECT_EQ(client.send(third, MACH_SEND_NOTIFY, notify), MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(link.ids, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_MSG_ACCEPTED), 0U);
  EXPECT_EQ(client.send(third, MACH_SEND_NOTIFY, notify), MACH_SEND_NOTIFY_IN_PROGRESS);
  {
    const ipc::Event event(world.engine);
    link.accepted.reset();
  }
  EXPECT_EQ(client.drain(notify, MACH_NOTIFY_MSG_ACCEPTED), 1U);
}

// 06.9: the notification is destroyed, and what is in it.
TEST_F(Seam, ABackupToWhichTheReceiveRightCannotTravelSavesNothing) {
  const Name p = client.port();
  const Name held = client.give_send(server, p);
  {
    const ipc::Event event(world.engine);
    ipc::CarriedRight backup(ipc::SendOnceRight::mint(*link.proxy.port()));
    ASSERT_TRUE(ipc::mach_port::request_notification(client.space(), p, MACH_NOTIFY_PORT_DESTROYED, 0,
                                                     std::move(backup))
                    .ok());
  }
  client.destroy(p);
  EXPECT_EQ(server.state(held), "DN1");
  EXPECT_EQ(link.ids, std::vector<int>{MACH_NOTIFY_SEND_ONCE});
}

TEST_F(Seam, CopySendAndInsertSendSayWhyNot) {
  EXPECT_EQ(world.engine.copy_send(client.space(), 4711).code(), KERN_INVALID_NAME);
  EXPECT_EQ(world.engine.copy_send(client.space(), client.dead_name(1)).code(), KERN_INVALID_RIGHT);
  const Name doomed = server.port();
  const ipc::Event event(world.engine);
  ipc::SendRight right = std::move(world.engine.copy_send(server.space(), doomed).value());
  ipc::mach_port::destroy(server.space(), doomed);
  EXPECT_EQ(world.engine.insert_send(client.space(), std::move(right)).code(), KERN_INVALID_RIGHT);
}

}  // namespace
}  // namespace netmsg::test
