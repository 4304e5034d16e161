// SPDX-License-Identifier: Apache-2.0
// The server's loop: dispatch by id, answers to whatever comes, notifications, and its end.
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/client/cpp_fixture.h"

namespace netmsg::test {
namespace {

using namespace std::chrono_literals;
using CppServer = CppFace;

constexpr auto kPatience = 20s;
enum : mach_msg_id_t { kDouble = 500, kRefuse, kLater, kStop };

// A server with the requests above, not yet running.
struct Doubler {
  Doubler() {
    server.add(pair.port).value();
    server.on(kDouble, [](ReceivedMessage& request, Message& reply) -> Result<void> {
      const auto number = request.take_int32();
      if (!number) return number.error();
      reply.put_int32(2 * number.value());
      return {};
    });
    server.on(kRefuse, [this](ReceivedMessage&, Message& reply) -> Result<void> {
      reply.put_made_send(pair.port);  // is not sent
      return Error(KERN_NO_ACCESS);
    });
    server.on(kLater, [this](ReceivedMessage& request, Message&) -> Result<void> {
      waiting = request.take_reply_right();
      return Error(MIG_NO_REPLY);
    });
    server.on(kStop, [this](ReceivedMessage&, Message&) -> Result<void> {
      server.stop();
      return {};
    });
  }

  Pair pair;
  ReplyRight waiting;
  Server server;
};

// A Doubler on a thread.
struct Running : Doubler {
  ~Running() {
    server.stop();
    thread.join();
  }
  std::thread thread{[this] { EXPECT_TRUE(server.run()); }};
};

TEST_F(CppServer, AnswersByMessageId) {
  Running running;
  EXPECT_EQ(call(running.pair.send, Message(kDouble).put_int32(4), kPatience).value().take_int32().value(),
            8);
  EXPECT_EQ(call(running.pair.send, Message(kRefuse), kPatience).code(), KERN_NO_ACCESS);
  EXPECT_EQ(call(running.pair.send, Message(1).put_send(running.pair.send), kPatience).code(), MIG_BAD_ID);
  EXPECT_EQ(call(running.pair.send, Message(kDouble).put_int64(4), kPatience).code(), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(call(running.pair.send, Message(INT32_MAX), kPatience).code(), MIG_BAD_ID);
}

// The form of a reply that is an error (spec 07 §5): 48 bytes, simple.
TEST_F(CppServer, ErrorRepliesHaveTheFormThatStubsExpect) {
  Doubler doubler;
  const auto reply_port = ReceiveRight::make().value();
  Message request(kRefuse);
  request.set_reply_port(reply_port).send(doubler.pair.send).value();
  ASSERT_TRUE(doubler.server.serve_one(kNoWait));
  const auto reply = reply_port.receive(kNoWait).value();
  EXPECT_EQ(reply.header().msgh_size, sizeof(mig_reply_header_t));
  EXPECT_EQ(reply.header().msgh_bits & MACH_MSGH_BITS_COMPLEX, 0U);
  EXPECT_EQ(reply.id(), kRefuse + 100);
}

TEST_F(CppServer, RequestWithoutReplyRightIsServedInSilence) {
  Doubler doubler;
  for (const mach_msg_id_t id : std::initializer_list<mach_msg_id_t>{kDouble, kRefuse, 1}) {
    Message(id).put_send(doubler.pair.send).send(doubler.pair.send).value();
    EXPECT_TRUE(doubler.server.serve_one(kNoWait));
  }
  EXPECT_EQ(doubler.server.serve_one(kNoWait).code(), MACH_RCV_TIMED_OUT);
}

TEST_F(CppServer, AnswerCanComeLater) {
  Doubler doubler;
  const auto reply_port = ReceiveRight::make().value();
  Message request(kLater);
  request.set_reply_port(reply_port).send(doubler.pair.send).value();
  ASSERT_TRUE(doubler.server.serve_one(kNoWait));
  EXPECT_EQ(reply_port.receive(kNoWait).code(), MACH_RCV_TIMED_OUT);
  Message::reply_to(kLater).send(std::move(doubler.waiting)).value();
  EXPECT_EQ(reply_port.receive(kNoWait).value().id(), kLater + 100);
}

// The whole request, with all that came in it.
TEST_F(CppServer, RequestThatIsMovedAwayIsAnsweredByWhoHasIt) {
  Doubler doubler;
  const auto reply_port = ReceiveRight::make().value();
  ReceivedMessage kept;
  doubler.server.on(kDouble, [&](ReceivedMessage& request, Message&) -> Result<void> {
    kept = std::move(request);
    return {};
  });
  Message request(kDouble);
  request.put_int32(4).set_reply_port(reply_port).send(doubler.pair.send).value();
  ASSERT_TRUE(doubler.server.serve_one(kNoWait));
  EXPECT_EQ(reply_port.receive(kNoWait).code(), MACH_RCV_TIMED_OUT);
  EXPECT_EQ(kept.take_int32().value(), 4);
  Message::reply_to(kept.id()).send(kept.take_reply_right()).value();
  EXPECT_EQ(reply_port.receive(kNoWait).value().id(), kDouble + 100);
}

TEST_F(CppServer, ExceptionOfAHandlerLeavesAndGivesUpWhatItWasCalledFor) {
  Doubler doubler;
  Pair mortal;
  const auto reply_port = ReceiveRight::make().value();
  mortal.send.request_dead_name(doubler.server.notify_port()).value();
  doubler.server.on(kDouble, [&](ReceivedMessage&, Message& reply) -> Result<void> {
    reply.put_send(mortal.send.copy().value()).put_send_once(reply_port.make_send_once().value());
    throw std::runtime_error("of the program");
  });
  doubler.server.on_dead_name([](mach_port_name_t, mach_port_name_t) { throw std::runtime_error("too"); });
  Message(kDouble).set_reply_port(reply_port).send(doubler.pair.send).value();
  EXPECT_THROW(static_cast<void>(doubler.server.serve_one(kNoWait)), std::runtime_error);
  for (int once = 0; once < 2; ++once)
    EXPECT_EQ(reply_port.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);
  mortal.port.reset();
  EXPECT_THROW(static_cast<void>(doubler.server.run()), std::runtime_error);
  EXPECT_EQ(refs_of(mortal.send.name(), MACH_PORT_RIGHT_DEAD_NAME), 1U);
  doubler.server.stop();
  EXPECT_TRUE(doubler.server.run());
}

TEST_F(CppServer, WaitsForNoClientThatDoesNotReadItsReplies) {
  Doubler doubler;
  const Pair full;
  full.port.set_queue_limit(0).value();
  Message request(kDouble);
  request.put_int32(1).set_reply_right(full.send).send(doubler.pair.send).value();
  EXPECT_TRUE(doubler.server.serve_one(kNoWait));
}

TEST_F(CppServer, StopEndsARunThatHasNotBegun) {
  Doubler doubler;
  doubler.server.stop();
  EXPECT_TRUE(doubler.server.run());
}

TEST_F(CppServer, StopsInAHandlerAndAnswersFirst) {
  Doubler doubler;
  std::thread thread([&] { EXPECT_TRUE(doubler.server.run()); });
  EXPECT_TRUE(call(doubler.pair.send, Message(kStop), kPatience));
  thread.join();
}

TEST_F(CppServer, ServesInSeveralThreadsAndStopsThemAll) {
  Doubler doubler;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back([&] { EXPECT_TRUE(doubler.server.run()); });
  for (int round = 0; round < 100; ++round)
    EXPECT_TRUE(call(doubler.pair.send, Message(kDouble).put_int32(round), kPatience));
  doubler.server.stop();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CppServer, NotificationsHaveTheirHandlers) {
  Doubler doubler;
  Server& server = doubler.server;
  Pair object;
  Pair other;
  std::vector<mach_port_name_t> told;
  server.add(object.port).value();
  server.on_no_senders([&](mach_port_name_t at, mach_port_mscount_t made) {
    EXPECT_EQ(made, 1U);
    told.push_back(at);
  });
  server.on_dead_name([&](mach_port_name_t at, mach_port_name_t name) {
    EXPECT_EQ(at, server.notify_port().name());
    told.push_back(name);
  });
  server.on_port_deleted([&](mach_port_name_t, mach_port_name_t name) { told.push_back(name); });
  server.on_msg_accepted([&](mach_port_name_t, mach_port_name_t name) { told.push_back(name); });
  server.on_send_once([&](mach_port_name_t at) { told.push_back(at); });
  server.on_port_destroyed([&](mach_port_name_t, ReceiveRight port) { told.push_back(port.name()); });
  const auto expect_told = [&](mach_port_name_t name) {
    ASSERT_TRUE(server.serve_one(kNoWait));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.front(), name);
    told.clear();
  };

  EXPECT_FALSE(object.port.request_no_senders(object.port).value());
  object.send.reset();
  expect_told(object.port.name());

  EXPECT_FALSE(other.send.request_dead_name(server.notify_port()).value());
  const mach_port_name_t destroyed = other.port.name();
  other.port.reset();
  expect_told(destroyed);
  EXPECT_EQ(refs_of(destroyed, MACH_PORT_RIGHT_DEAD_NAME), 1U);  // ours alone

  other = Pair();
  SendOnceRight once = other.port.make_send_once().value();
  const mach_port_name_t deleted = once.name();
  mach_port_t previous = MACH_PORT_NULL;
  ASSERT_EQ(
      mach_port_request_notification(mach_task_self(), deleted, MACH_NOTIFY_DEAD_NAME, 0,
                                     server.notify_port().name(), MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
      KERN_SUCCESS);
  once.reset();
  expect_told(deleted);

  other = Pair();
  other.port.set_queue_limit(0).value();
  EXPECT_TRUE(Message(1).send_forced(other.send, server.notify_port()).value());
  EXPECT_TRUE(other.port.receive(kNoWait));
  expect_told(other.send.name());

  { const auto lost = server.notify_port().make_send_once().value(); }
  expect_told(server.notify_port().name());

  EXPECT_FALSE(other.port.request_port_destroyed(server.notify_port()).value());
  const mach_port_name_t saved = other.port.name();
  other.port.reset();
  expect_told(saved);
}

// Without handlers nothing is kept either; and what looks like a notification, but came over a send right, is a
// request like any other.
TEST_F(CppServer, ForgedAndUnwantedNotificationsDoNothing) {
  Doubler doubler;
  Pair other;
  EXPECT_FALSE(other.send.request_dead_name(doubler.server.notify_port()).value());
  other.port.reset();
  EXPECT_TRUE(doubler.server.serve_one(kNoWait));
  EXPECT_EQ(refs_of(other.send.name(), MACH_PORT_RIGHT_DEAD_NAME), 1U);
  int told = 0;
  doubler.server.on_no_senders([&](mach_port_name_t, mach_port_mscount_t) { ++told; });
  Message(MACH_NOTIFY_NO_SENDERS).put_int32(0).send(doubler.pair.send).value();
  EXPECT_TRUE(doubler.server.serve_one(kNoWait));
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace netmsg::test
