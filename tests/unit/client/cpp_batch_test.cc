// SPDX-License-Identifier: Apache-2.0
// netmsg::Batch: what becomes of messages and rights in it.
#include <vector>

#include "tests/unit/client/cpp_fixture.h"

namespace netmsg::test {
namespace {

using OnError = Batch::OnError;

TEST_F(CppFace, ABatchSendsAndReceives) {
  const Pair pair;
  Message first(1);
  Message second(2);
  ReceivedMessage one;
  ReceivedMessage two;
  ReceivedMessage none;
  first.put_int32(11);
  second.put_int32(12);
  Batch batch;
  batch.send(first, pair.send).send(second, pair.send).receive(one, pair.port);
  batch.receive(two, pair.port, kNoWait).receive(none, pair.port, kNoWait);
  EXPECT_EQ(batch.run(), 5U);
  EXPECT_EQ(one.take_int32().value(), 11);
  EXPECT_EQ(two.take_int32().value(), 12);
  EXPECT_EQ(batch.result(3).code(), KERN_SUCCESS);
  EXPECT_EQ(batch.result(4).code(), MACH_RCV_TIMED_OUT);
  EXPECT_EQ(none.id(), 0);
  EXPECT_EQ(batch.run(), 0U) << "it is empty again";
}

// A server that answers all it has received, and takes what there is, in one call.
TEST_F(CppFace, ABatchAnswers) {
  const Pair service;
  const ReceiveRight replies = ReceiveRight::make().value();
  Message request(7);
  request.set_reply_port(replies);
  request.send(service.send).value();
  ReceivedMessage received = service.port.receive(kNoWait).value();
  Message answer = Message::reply_to(received.id());
  answer.put_send(service.send);
  ReceivedMessage reply;
  Batch batch;
  batch.send(answer, received.take_reply_right()).receive(reply, replies, kNoWait);
  EXPECT_EQ(batch.run(OnError::kStop), 2U);
  EXPECT_EQ(reply.id(), 107);
}

TEST_F(CppFace, WhatABatchHasNotBegunKeepsItsRights) {
  const Pair pair;
  Pair moved;
  Message message(1);
  message.put_receive(std::move(moved.port));
  ReceivedMessage none;
  Batch batch;
  batch.receive(none, pair.port, kNoWait).send(message, pair.send);
  EXPECT_EQ(batch.run(OnError::kStop), 1U);
  EXPECT_EQ(batch.result(1).code(), NETMSG_NOT_BEGUN);
  message.send(pair.send).value();
  EXPECT_TRUE(pair.port.receive(kNoWait).value().take_receive().value());
}

TEST_F(CppFace, ABatchTellsOfMessagesThatFoundNoRoom) {
  const Pair pair;
  Message large(1);
  large.put_bytes(never_read(), std::size_t{1} << 40);
  Message small(2);
  Batch batch;
  batch.send(large, pair.send).send(small, pair.send);
  EXPECT_EQ(batch.run(), 2U);
  EXPECT_EQ(batch.result(0).code(), KERN_RESOURCE_SHORTAGE);
  EXPECT_EQ(batch.result(1).code(), KERN_SUCCESS);
}

TEST_F(CppFace, ABatchLeavesWhatIsTooLargeInItsQueue) {
  const Pair pair;
  const std::vector<std::byte> bytes(1000);
  Message large(1);
  large.put_bytes(bytes.data(), bytes.size()).send(pair.send).value();
  ReceivedMessage received;
  Batch batch;
  EXPECT_EQ(batch.receive(received, pair.port).run(), 1U);
  EXPECT_EQ(batch.result(0).code(), MACH_RCV_TOO_LARGE);
  pair.port.receive_into(received, kNoWait).value();
  large.put_bytes(bytes.data(), bytes.size()).send(pair.send).value();
  EXPECT_EQ(batch.receive(received, pair.port).run(), 1U);
  EXPECT_EQ(received.take_bytes().value().size(), bytes.size()) << "now it has the room";
}

}  // namespace
}  // namespace netmsg::test
