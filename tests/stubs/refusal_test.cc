// SPDX-License-Identifier: Apache-2.0
// What stubs do when something is wrong: a send that fails, replies that are none, requests that are none.
#include <gtest/gtest.h>
#include <mach.h>
#include <mach/mig_support.h>

#include <functional>
#include <thread>
#include <vector>

#include "tests/stubs/sample.h"
#include "tests/stubs/sample_place.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr unsigned kPatienceMs = 20'000;

// 07.5: what came back in the buffer is a send right for the destination, and a send-once right for the reply port, which
// dies when the stub gives that port up.
TEST(RefusedStub, WhoseSendTimesOutGivesItsReplyPortUp) {
  SampleServer server(Place::kSameTask);
  const mach_port_t full = new_port();
  mach_port_insert_right(mach_task_self(), full, full, MACH_MSG_TYPE_MAKE_SEND);
  mach_port_set_qlimit(mach_task_self(), full, 0);
  const mach_port_t reply = mig_get_reply_port();
  const unsigned before = names_held(MACH_PORT_TYPE_DEAD_NAME);
  EXPECT_EQ(sample_try(full, MACH_SEND_TIMEOUT, 1), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(state_of(reply), "free");
  EXPECT_EQ(state_of(full), "R+S2");
  EXPECT_EQ(names_held(MACH_PORT_TYPE_DEAD_NAME), before + 1)
      << "the send-once right was not taken for the receive right";
  EXPECT_NE(mig_get_reply_port(), reply);
  EXPECT_EQ(sample_nothing(server.port()), KERN_SUCCESS);
  mach_port_destroy(mach_task_self(), full);
}

TEST(RefusedStub, ReturnsTheCodeOfAFailedSend) {
  hosts();
  EXPECT_EQ(sample_nothing(MACH_PORT_NULL), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(sample_note(MACH_PORT_DEAD, 1), MACH_SEND_INVALID_DEST);
}

struct NotedReply {
  mig_reply_header_t code;
  mach_msg_type_t type;
  int sum;
};

// Receives a request for sample_noted and answers it; `spoil` has the last word.
void answer(mach_port_t port, const std::function<void(NotedReply&)>& spoil) {
  const ReceivedMessage request = receive_message(port, kPatienceMs);
  ASSERT_EQ(request.code, MACH_MSG_SUCCESS);
  NotedReply reply{};
  mig_reply_setup(&request.header, &reply.code.Head);
  reply.code.Head.msgh_size = sizeof reply;
  reply.code.RetCode = KERN_SUCCESS;
  reply.type = numbers({0}).descriptor;
  reply.sum = 42;
  spoil(reply);
  EXPECT_EQ(mach_msg_send(&reply.code.Head), MACH_MSG_SUCCESS);
}

// What sample_noted makes of a reply that was spoilt.
kern_return_t noted(const std::function<void(NotedReply&)>& spoil) {
  hosts();
  const mach_port_t port = new_port();
  mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  std::thread server(answer, port, spoil);
  int sum = 0;
  const kern_return_t code = sample_noted(port, &sum);
  server.join();
  mach_port_destroy(mach_task_self(), port);
  EXPECT_EQ(sum, code == KERN_SUCCESS ? 42 : 0);
  return code;
}

TEST(RefusedReply, IsWhateverHasAnotherForm) {
  EXPECT_EQ(noted([](NotedReply&) {}), KERN_SUCCESS);
  EXPECT_EQ(noted([](auto& reply) { reply.code.Head.msgh_size = 48; }), MIG_TYPE_ERROR) << "a short success";
  EXPECT_EQ(noted([](auto& reply) { reply.code.RetCode = KERN_FAILURE; }), KERN_FAILURE) << "a long failure";
  EXPECT_EQ(noted([](auto& reply) { reply.code.RetCodeType.msgt_name = MACH_MSG_TYPE_BYTE; }),
            MIG_TYPE_ERROR);
  EXPECT_EQ(noted([](auto& reply) { reply.type.msgt_longform = 1; }), MIG_TYPE_ERROR);
  EXPECT_EQ(noted([](auto& reply) { reply.type.msgt_number = 2; }), MIG_TYPE_ERROR);
}

TEST(RefusedReply, ToAnotherRequestEndsTheUseOfTheReplyPort) {
  const mach_port_t port = mig_get_reply_port();
  EXPECT_EQ(noted([](auto& reply) { ++reply.code.Head.msgh_id; }), MIG_REPLY_MISMATCH);
  EXPECT_EQ(state_of(port), "free");
  EXPECT_EQ(noted([](NotedReply&) {}), KERN_SUCCESS);
}

// Runs a request through the server's stubs; the code of the reply.
kern_return_t code_for(Outgoing request, std::size_t success_size) {
  request.remote = 77;  // as received: the reply right
  request.remote_type = MACH_MSG_TYPE_PORT_SEND_ONCE;
  request.local = 88;
  request.local_type = MACH_MSG_TYPE_PORT_SEND;
  Bytes bytes = request.encode();
  auto* const head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
  head->msgh_size = static_cast<mach_msg_size_t>(bytes.size());
  mig_reply_header_t reply[4] = {};
  EXPECT_EQ(sample_server(head, &reply->Head), request.id >= kNothing && request.id < kSampleEnd);
  EXPECT_EQ(reply->Head.msgh_bits, static_cast<mach_msg_bits_t>(MACH_MSG_TYPE_MOVE_SEND_ONCE));
  EXPECT_EQ(reply->Head.msgh_remote_port, 77U);
  EXPECT_EQ(reply->Head.msgh_local_port, mach_port_t{MACH_PORT_NULL});
  EXPECT_EQ(reply->Head.msgh_id, request.id + 100);
  EXPECT_EQ(reply->Head.msgh_size, reply->RetCode == KERN_SUCCESS ? success_size : sizeof *reply);
  return reply->RetCode;
}

kern_return_t code_for_numbers(const std::vector<Item>& items, mach_msg_bits_t bits = 0) {
  constexpr std::size_t kReplySize = 80;
  return code_for({.id = kNumbers, .bits = bits, .items = items}, kReplySize);
}

Item number_with(const std::function<void(mach_msg_type_t&)>& spoil) {
  Item item = numbers({2});
  spoil(item.descriptor);
  return item;
}

TEST(RefusedRequest, IsWhateverHasAnotherForm) {
  const Item good = numbers({1});
  EXPECT_EQ(code_for_numbers({good, good}), KERN_SUCCESS);
  EXPECT_EQ(code_for_numbers({good}), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(code_for_numbers({good, good, good}), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(code_for_numbers({good, good}, MACH_MSGH_BITS_COMPLEX), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(code_for_numbers({good, number_with([](auto& type) { type.msgt_unused = 1; })}),
            MIG_BAD_ARGUMENTS);
  EXPECT_EQ(code_for_numbers({good, number_with([](auto& type) { type.msgt_name = MACH_MSG_TYPE_REAL; })}),
            MIG_BAD_ARGUMENTS);
}

TEST(RefusedRequest, IsWhateverHasNoRoutine) {
  EXPECT_EQ(code_for({.id = kNothing - 1}, 0), MIG_BAD_ID);
  EXPECT_EQ(code_for({.id = kSampleEnd}, 0), MIG_BAD_ID);
}

// The loop of the server gives up the rights of a request that its stubs refuse: this one takes a receive right.
TEST(RefusedRequest, LosesItsRights) {
  SampleServer server(Place::kSameTask);
  const mach_port_t port = new_port(), reply_port = new_port();
  ASSERT_EQ(send_message({.remote = server.port(),
                          .remote_type = MACH_MSG_TYPE_COPY_SEND,
                          .local = reply_port,
                          .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                          .id = kReceive,
                          .items = {rights(MACH_MSG_TYPE_MAKE_SEND_ONCE, {port})}}),
            MACH_MSG_SUCCESS);
  const ReceivedMessage reply = receive_message(reply_port, kPatienceMs);
  ASSERT_EQ(reply.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(reply.values.at(0), static_cast<std::uint32_t>(MIG_BAD_ARGUMENTS));
  EXPECT_EQ(drain(port, MACH_NOTIFY_SEND_ONCE), 1U);
  mach_port_destroy(mach_task_self(), port);
  mach_port_destroy(mach_task_self(), reply_port);
}

}  // namespace
}  // namespace netmsg::test
