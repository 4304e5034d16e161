// SPDX-License-Identifier: Apache-2.0
// Requests and replies: whatever the server does, the next call gets its own answer.
#include <chrono>
#include <thread>
#include <utility>

#include "tests/unit/client/cpp_fixture.h"

namespace netmsg::test {
namespace {

using namespace std::chrono_literals;
using CppCall = CppFace;

constexpr auto kPatience = 20s;

// Serves one request on a thread of its own, as it is told.
template <typename Answer>
class Once {
 public:
  Once(const ReceiveRight& port, Answer answer)
      : thread_([&port, answer] {
          auto request = port.receive(kPatience).value();
          answer(request);
        }) {}
  ~Once() { thread_.join(); }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

 private:
  std::thread thread_;
};

Result<void> answer(ReceivedMessage& request, Message reply) {
  return reply.send(request.take_reply_right(), kNoWait);
}

TEST_F(CppCall, GivesTheResultsBehindTheCode) {
  const Pair pair;
  const Once once(pair.port, [](ReceivedMessage& request) {
    Message reply = Message::reply_to(request.id());
    reply.put_int32(2 * request.take_int32().value()).put_string(std::string(1000, 'r'));
    EXPECT_TRUE(answer(request, std::move(reply)));
  });
  auto reply = call(pair.send, Message(5).put_int32(21), kPatience).value();
  EXPECT_EQ(reply.take_int32().value(), 42);
  EXPECT_EQ(reply.take_string().value().size(), 1000U);
  EXPECT_TRUE(reply.at_end());
}

TEST_F(CppCall, ServersCodeIsTheError) {
  const Pair pair;
  const Once once(pair.port, [](ReceivedMessage& request) {
    EXPECT_TRUE(answer(request, Message::reply_to(request.id(), KERN_NO_ACCESS)));
  });
  EXPECT_EQ(call(pair.send, Message(5), kPatience).code(), KERN_NO_ACCESS);
}

TEST_F(CppCall, ServerThatGivesTheRequestUpHasDied) {
  const Pair pair;
  const Once once(pair.port, [](ReceivedMessage& request) { request.clear(); });
  EXPECT_EQ(call(pair.send, Message(5), kPatience).code(), MIG_SERVER_DIED);
}

TEST_F(CppCall, WrongAnswersAreErrorsAndWhatTheyBroughtIsGivenUp) {
  const Pair pair;
  const auto source = ReceiveRight::make().value();
  {
    const Once once(pair.port, [&](ReceivedMessage& request) {
      Message reply(request.id());  // not the reply's id
      reply.put_made_send(source);
      EXPECT_TRUE(answer(request, std::move(reply)));
    });
    EXPECT_EQ(call(pair.send, Message(5), kPatience).code(), MIG_REPLY_MISMATCH);
  }
  const Once once(pair.port, [&](ReceivedMessage& request) {
    Message reply(request.id() + 100);  // no return code
    reply.put_made_send(source);
    EXPECT_TRUE(answer(request, std::move(reply)));
  });
  EXPECT_EQ(call(pair.send, Message(5), kPatience).code(), MIG_TYPE_ERROR);
  EXPECT_FALSE(source.status().value().mps_srights);
}

TEST_F(CppCall, LateReplyIsNotTheNextCallsReply) {
  const Pair pair;
  EXPECT_EQ(call(pair.send, Message(5), 1ms).code(), MACH_RCV_TIMED_OUT);
  auto late = pair.port.receive(kNoWait).value();
  const Once once(pair.port, [&](ReceivedMessage& request) {
    Message late_reply = Message::reply_to(late.id());
    static_cast<void>(answer(late, std::move(late_reply.put_int32(1))));
    Message reply = Message::reply_to(request.id());
    EXPECT_TRUE(answer(request, std::move(reply.put_int32(2))));
  });
  EXPECT_EQ(call(pair.send, Message(5), kPatience).value().take_int32().value(), 2);
}

TEST_F(CppCall, RequestThatWasGivenBackCanBeCalledWithAgain) {
  const Pair pair;
  pair.port.set_queue_limit(0).value();
  Message request(5);
  request.put_receive(ReceiveRight::make().value()).put_send(pair.send.copy().value());
  EXPECT_EQ(call(pair.send, request, kNoWait).code(), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(call(SendRight(), request, kNoWait).code(), MACH_SEND_INVALID_DEST);
  pair.port.set_queue_limit(5).value();
  const Once once(pair.port, [](ReceivedMessage& received) {
    EXPECT_TRUE(received.take_receive().value());
    EXPECT_TRUE(received.take_send().value());
    EXPECT_TRUE(answer(received, Message::reply_to(received.id())));
  });
  EXPECT_TRUE(call(pair.send, request, kPatience));
}

TEST_F(CppCall, RequestWithoutRoomIsNotSent) {
  const Pair pair;
  EXPECT_EQ(call(pair.send, Message(5).put_bytes(never_read(), std::size_t{4} << 30), kNoWait).code(),
            KERN_RESOURCE_SHORTAGE);
  EXPECT_EQ(pair.port.receive(kNoWait).code(), MACH_RCV_TIMED_OUT);
}

}  // namespace
}  // namespace netmsg::test
