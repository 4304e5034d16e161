// SPDX-License-Identifier: Apache-2.0
// What the tables of two hosts count: room in queues, units, releases, no-senders, send-once rights.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "netmsg/v1/peer.pb.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

class Flow : public TwoHosts {
 protected:
  mach_msg_return_t send(int id) { return client.send({.remote = x, .remote_type = kCopySend, .id = id}); }
  ipc::OpToken begin_send(int id, unsigned timeout_ms = 0) {
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG | (timeout_ms != 0 ? MACH_SEND_TIMEOUT : 0);
    args.timeout_ms = timeout_ms;
    args.message = Outgoing{.remote = x, .remote_type = kCopySend, .id = id}.encode();
    return client.begin(std::move(args));
  }
  // A request with a send-once right for the answer, which is on its way to `reply` or there.
  void call(Name reply) {
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}),
              MACH_MSG_SUCCESS);
    run();
    const Received request = server.receive(r);
    EXPECT_EQ(server.send({.remote = request.header.msgh_remote_port, .remote_type = kMoveOnce}),
              MACH_MSG_SUCCESS);
    run();
  }
  mach_port_status_t status() { return server.status(r); }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
};

using Credits = Flow;
// A32
TEST_F(Credits, AFullWindowTimesOutAtOnceAndTheHomeNeverSeesTheMessage) {
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(5), MACH_SEND_TIMED_OUT);
  run();
  EXPECT_EQ(send(5), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(client.state(x), "S3") << "both messages came back with their rights";
  EXPECT_EQ(status().mps_msgcount, 5U);
}

TEST_F(Credits, EachReceiveOpensTheWindowByOne) {
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(r).header.msgh_id, 0);
  EXPECT_EQ(send(5), MACH_SEND_TIMED_OUT) << "the news is under way";
  run();
  EXPECT_EQ(send(5), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(6), MACH_SEND_TIMED_OUT);
  run();
  for (int id = 1; id < 6; ++id) EXPECT_EQ(server.receive(r).header.msgh_id, id);
}

// A message that finds its receiver: the room is as before, which the holder need not hear by itself.
TEST_F(Credits, WhileThereIsRoomNewsTravelWithWhatIsSaidAnyway) {
  EXPECT_EQ(server.set_qlimit(r, 16), KERN_SUCCESS);
  EXPECT_EQ(send(0), MACH_MSG_SUCCESS);
  run();
  pass(std::chrono::milliseconds(50));
  const std::uint64_t told = b.row().frames_sent;
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  run();
  server.drain(r, 1);
  run();
  EXPECT_EQ(b.row().frames_sent, told);
  call(client.port());
  EXPECT_EQ(b.row().frames_sent, told + 2) << "the answer, and the room";
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
}

// Each request's right for its answer tells the room of the port that the answer goes to: nothing is left to say when it has come.
TEST_F(Credits, CallsCostARequestAndAnAnswer) {
  const Name reply = client.port();
  give_across(a, client, reply, kMakeSend, b, server);
  const auto exchange = [&] {
    call(reply);
    EXPECT_EQ(client.receive(reply).code, MACH_MSG_SUCCESS);
    run();
  };
  exchange();
  pass(std::chrono::milliseconds(50));
  const std::uint64_t sent = a.row().frames_sent;
  for (int i = 0; i < 10; ++i) exchange();
  EXPECT_EQ(a.row().frames_sent, sent + 10);
}

TEST_F(Credits, WithoutAnAnswerTheyTravelWithTheAcknowledgement) {
  for (int id = 0; id < 2; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  run();
  server.drain(r, 1);
  pass(std::chrono::milliseconds(50));
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
}

// What they were told before they gave their units up counts no more: the new unit has told them.
TEST_F(Credits, LessThanAUnitHasSaidIsToldAtOnce) {
  EXPECT_EQ(server.set_qlimit(r, 1), KERN_SUCCESS);
  give_across(b, server, r, kMakeOnce, a, client);
  run();
  EXPECT_EQ(send(0), MACH_MSG_SUCCESS);
  run();
  pass(std::chrono::milliseconds(50));
  EXPECT_EQ(client.mod_refs(x, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  run();
  server.drain(r, 1);
  const Name again = give_across(b, server, r, kMakeSend, a, client);
  EXPECT_EQ(server.send({.remote = r, .remote_type = kMakeSend}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.send({.remote = again, .remote_type = kCopySend}), MACH_SEND_TIMED_OUT);
}

// A Move does not say what had been applied when it was written, so what its requests say of rooms is for new proxies only.
TEST_F(Credits, ARequestThatTravelsWithAPortIsNoNewsOfRoom) {
  const Name leaves = server.port();
  EXPECT_EQ(server.request(leaves, MACH_NOTIFY_PORT_DESTROYED, r), KERN_SUCCESS);
  const Name target = client.port();
  const Name there = give_across(a, client, target, kMakeSend, b, server);
  EXPECT_EQ(send(0), MACH_MSG_SUCCESS);
  run();
  server.drain(r, 0);  // which is owed
  EXPECT_EQ(
      server.send({.remote = there, .remote_type = kMoveSend, .items = {rights(kMoveReceive, {leaves})}}),
      MACH_MSG_SUCCESS);
  run();
  pass(std::chrono::milliseconds(1500));
  for (int id = 1; id < 6; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
}

// Or no more than half of a window would ever be under way.
TEST_F(Credits, WhoHasUsedHalfIsToldOfAllTheRoomThatThereIs) {
  EXPECT_EQ(server.set_qlimit(r, 16), KERN_SUCCESS);
  run();
  for (int round = 0; round < 3; ++round) {
    for (int id = 0; id < 8; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
    run();
    server.drain(r, 8);
    run();
  }
  for (int id = 0; id < 16; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
}

TEST_F(Credits, HalfOfTheRoomUsedIsNewsAtOnce) {
  for (const unsigned limit : {1U, 2U, 3U}) {
    EXPECT_EQ(server.set_qlimit(r, limit), KERN_SUCCESS);
    run();
    const unsigned half = limit - limit / 2;
    for (int round = 0; round < 5; ++round) {
      for (unsigned id = 0; id < half; ++id) EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
      run();
      for (unsigned id = 0; id < half; ++id) EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS);
      run();
    }
  }
}

// A31
TEST_F(Credits, ABlockedSenderGoesOnWhenThereIsRoomOrTimesOut) {
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  const ipc::OpToken first = begin_send(5);
  const ipc::OpToken second = begin_send(6, 100);
  run();
  EXPECT_FALSE(client.result(first).has_value());
  server.receive(r);
  run();
  EXPECT_EQ(client.result(first)->code, MACH_MSG_SUCCESS);
  EXPECT_FALSE(client.result(second).has_value());
  advance(std::chrono::milliseconds(101));
  EXPECT_EQ(client.result(second)->code, MACH_SEND_TIMED_OUT);
  run();
  EXPECT_EQ(status().mps_msgcount, 5U);
}

TEST_F(Credits, TheLimitIsTheHomes) {
  EXPECT_EQ(server.set_qlimit(r, 2), KERN_SUCCESS);
  run();
  EXPECT_EQ(send(0), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(1), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(2), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(server.set_qlimit(r, 0), KERN_SUCCESS);
  run();
  server.drain(r, 0);
  run();
  EXPECT_EQ(send(2), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(server.set_qlimit(r, 16), KERN_SUCCESS);
  run();
  for (int id = 0; id < 16; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  EXPECT_EQ(send(16), MACH_SEND_TIMED_OUT);
}

TEST_F(Credits, AProxyThatIsMadeAgainKnowsWhatIsUnderWay) {
  for (int id = 0; id < 4; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  // On b a second right sets off before the four arrive; on a the first proxy goes before it comes.
  EXPECT_EQ(
      server.send({.remote = reach(b, server), .remote_type = kMoveSend, .items = {rights(kMakeSend, {r})}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  network.run("a");
  const Received got = a.names.receive(a.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  const Outgoing again{.remote = got.values[0], .remote_type = kCopySend};
  EXPECT_EQ(a.names.send(again), MACH_MSG_SUCCESS);
  EXPECT_EQ(a.names.send(again), MACH_SEND_TIMED_OUT) << "four of the other proxy's are under way";
  run();
  EXPECT_EQ(status().mps_msgcount, 5U);
}

TEST_F(Credits, ManyMessagesToAKernelPortNeedNoReceiver) {
  const Name task_port = give_across(b, server, ipc::kTaskSelfName, kCopySend, a, client);
  for (int round = 0; round < 40; ++round) {
    EXPECT_EQ(client.send({.remote = task_port, .remote_type = kCopySend, .id = 999999}), MACH_MSG_SUCCESS);
    run();
  }
}

// The dialer's Hello sets off before its session opens.
TEST(NameServiceRoom, IsToldAgainIfItHasChangedSinceHello) {
  MemoryNetwork network;
  Host b{network, {.name = "b", .node = 2, .dials = {}, .expects = {"a"}}};
  Host a{network, {.name = "a", .node = 1, .dials = {"b"}, .expects = {}}};
  ASSERT_TRUE(network.step("a")) << "connected: Hello is under way";
  for (int id = 0; id < 2; ++id) {
    EXPECT_EQ(a.names.send({.remote = a.names_port, .remote_type = kMakeSend, .id = id}), MACH_MSG_SUCCESS);
  }
  network.run();
  ASSERT_TRUE(b.open());
  const Outgoing look_up{.remote = b.peer_names, .remote_type = kCopySend};
  for (int id = 0; id < 3; ++id) EXPECT_EQ(b.names.send(look_up), MACH_MSG_SUCCESS);
  EXPECT_EQ(b.names.send(look_up), MACH_SEND_TIMED_OUT) << "five fit, two were there";
}

// Little may be under way to a peer that has not applied it.
class Congested : public ManyHosts {
 protected:
  Congested() : ManyHosts(2, limits()) {}
  static proxy::PeerLimits limits() {
    proxy::PeerLimits made;
    made.unacknowledged = 1000;
    return made;
  }

  Host& a = host(0);
  Host& b = host(1);
  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
};

// They are appended when the event is over, or by an owner who gathers, between events.
TEST_F(Congested, NewsOfRoomCloseTheWindowsToo) {
  const Name told = client.port();
  give_across(a, client, told, kMakeSend, b, server);
  pass(timing.ack_delay);
  for (const bool gathers : {false, true}) {
    SCOPED_TRACE(gathers);
    a.gathers = gathers;
    ASSERT_FALSE(a.row().congested);
    for (unsigned times = 0; times < 80; ++times) {
      client.set_qlimit(told, times % 2 == 0 ? 1 : 16);
      if (gathers) a.link->write();
    }
    EXPECT_TRUE(a.row().congested);
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend}), MACH_SEND_TIMED_OUT);
    a.gathers = false;
    run();
    pass(timing.ack_delay);
    EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
    pass(timing.ack_delay);
  }
}

using Units = Flow;
// A34
TEST_F(Units, NoSendersComesOnceWhenTheLastHolderLetsGo) {
  const Name notify = server.port();
  const Name again = give_across(b, server, r, kMakeSend, a, client);
  EXPECT_EQ(again, x);
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 0U) << "one reference is left";
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
  EXPECT_EQ(b.row().exports, 1U) << "the name service's";
}

// A34: 04 A34.
TEST_F(Units, ARightOnTheWireIsASender) {
  const Name notify = server.port();
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  EXPECT_EQ(client.send({.remote = x, .remote_type = kMoveSend, .id = 7}), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.state(x), "free");
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 0U);
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 0U) << "it is the queued message's now";
  EXPECT_EQ(server.receive(r).header.msgh_id, 7);
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
}

TEST_F(Units, ASendOnceRightThatIsKeptIsNoSender) {
  const Name notify = server.port();
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  const Name once = give_across(b, server, r, kMakeOnce, a, client);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
  EXPECT_EQ(client.state(once), "SO") << "and is not touched";
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .id = 7}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(r).header.msgh_id, 7);
  EXPECT_EQ(b.row().exports, 1U) << "the name service's";
}

// F1: the last right is dropped while another copy is on its way.
TEST_F(Units, AReleaseThatMeetsAGrantTakesBackOnlyWhatItHad) {
  const Name notify = server.port();
  ASSERT_EQ(server.request(r, MACH_NOTIFY_NO_SENDERS, notify), KERN_SUCCESS);
  EXPECT_EQ(
      server.send({.remote = reach(b, server), .remote_type = kMoveSend, .items = {rights(kMakeSend, {r})}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(client.deallocate(x), KERN_SUCCESS);  // its Release crosses the new unit
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 0U);
  const Received got = a.names.receive(a.names_port);
  EXPECT_EQ(a.names.state(got.values.at(0)), "S1");
  EXPECT_EQ(a.names.deallocate(got.values.at(0)), KERN_SUCCESS);
  run();
  EXPECT_EQ(server.drain(notify, MACH_NOTIFY_NO_SENDERS), 1U);
}

TEST_F(Units, OnePortHasOneNameHoweverItsRightsCome) {
  const Name once = give_across(b, server, r, kMakeOnce, a, client);
  EXPECT_EQ(give_across(b, server, r, kMakeSend, a, client), x);
  EXPECT_EQ(client.state(x), "S2");
  EXPECT_EQ(client.state(once), "SO");
  EXPECT_EQ(a.row().proxies, 2U) << "the port's, the name service's";
}

TEST_F(Units, BothSidesOfASessionCountTheSame) {
  give_across(b, server, r, kMakeSend, a, client);
  give_across(b, server, r, kMakeOnce, a, client);
  const std::vector<proxy::SessionRow> at_home = b.link->open_sessions();
  const std::vector<proxy::SessionRow> at_holder = a.link->open_sessions();
  ASSERT_EQ(at_home.size(), 1U);
  ASSERT_EQ(at_holder.size(), 1U);
  const proxy::UnitRow& granted = at_home[0].units.at(1);  // after the name service's
  const proxy::UnitRow& received = at_holder[0].units.back();
  EXPECT_EQ(granted.side, proxy::UnitRow::Side::kExport);
  EXPECT_EQ(received.side, proxy::UnitRow::Side::kProxy);
  EXPECT_EQ(granted.uid, received.uid);
  EXPECT_EQ(granted.send, 2U);
  EXPECT_EQ(received.send, 2U);
  EXPECT_EQ(granted.send_once, 1U);
  EXPECT_EQ(received.send_once, 1U);
}

TEST_F(Units, ARightThatComesHomeIsThePortAndSendsNothing) {
  EXPECT_EQ(give_across(a, client, x, kMoveSend, b, server), r);
  EXPECT_EQ(server.state(r), "R+S1");
  EXPECT_EQ(a.row().proxies, 1U);
  const std::string before = network.sent_by("b");
  EXPECT_EQ(server.send({.remote = r, .remote_type = kCopySend}), MACH_MSG_SUCCESS);
  EXPECT_EQ(network.sent_by("b"), before);
}

using SendOnce = Flow;
TEST_F(SendOnce, AReplyUsesTheRightUp) {
  const Name reply = client.port();
  EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(a.row().send_once_units, 1U);
  const Received got = server.receive(r);
  EXPECT_EQ(got.header.msgh_bits, 0x1112U);
  EXPECT_EQ(server.send({.remote = got.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 42}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(a.row().send_once_units, 0U);
  const Received answer = client.receive(reply);
  EXPECT_EQ(answer.header.msgh_id, 42);
  EXPECT_EQ(answer.header.msgh_bits, 0x1200U);
  EXPECT_EQ(client.receive(reply).code, MACH_RCV_TIMED_OUT);
}

TEST_F(SendOnce, ADroppedRightIsOneNotification) {
  const Name reply = client.port();
  EXPECT_EQ(client.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.deallocate(server.receive(r).header.msgh_remote_port), KERN_SUCCESS);
  run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
}

// A37
TEST_F(SendOnce, ReplyAndDestinationOfOnePortComeHomeTogether) {
  const Name once = give_across(b, server, r, kMakeOnce, a, client);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .local = x, .local_type = kMoveSend}),
            MACH_MSG_SUCCESS);
  run();
  const Received got = server.receive(r);  // 04 A37
  EXPECT_EQ(got.header.msgh_bits, 0x1211U);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(got.header.msgh_remote_port, r);
}

TEST_F(SendOnce, NoRoomIsNeeded) {
  for (int id = 0; id < 5; ++id) EXPECT_EQ(send(id), MACH_MSG_SUCCESS);
  const Name once = give_across(b, server, r, kMakeOnce, a, client);
  EXPECT_EQ(client.send({.remote = once, .remote_type = kMoveOnce, .id = 5}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(status().mps_msgcount, 6U);
}

using Payment = Flow;
// Messages to send-once rights take no room, so their senders' accounts are what bounds them.
TEST_F(Payment, ASenderPaysForWhatASlowPeerHasNotTaken) {
  constexpr std::size_t kBytes = 1000U << 10;
  constexpr std::size_t kTooMany = (64U << 20) / kBytes + 1;
  std::vector<Name> rights;
  for (std::size_t i = 0; i < kTooMany; ++i)
    rights.push_back(give_across(b, server, r, kMakeOnce, a, client));
  const auto answer = [&](Name right) {
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG;
    args.message = Outgoing{.remote = right, .remote_type = kMoveOnce}.encode();
    args.message.resize(kBytes);
    return client.result(client.begin(std::move(args)))->code;
  };
  for (std::size_t i = 0; i + 1 < kTooMany; ++i) ASSERT_EQ(answer(rights[i]), MACH_MSG_SUCCESS) << i;
  EXPECT_EQ(answer(rights.back()), MACH_SEND_NO_BUFFER);
  EXPECT_EQ(client.state(rights.back()), "SO");
  EXPECT_TRUE(a.open());
  run();
  advance(std::chrono::milliseconds(20));  // the acknowledgement
  run();
  EXPECT_EQ(answer(rights.back()), MACH_MSG_SUCCESS);
}

}  // namespace
}  // namespace netmsg::test
