// SPDX-License-Identifier: Apache-2.0
// A buffer tells what was written into it, whether the return code says so or not.
#include "tests/conformance/msg_buffer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace netmsg::conformance {
namespace {

constexpr mach_msg_size_t kHeader = sizeof(mach_msg_header_t);

void write(MsgBuffer& buffer, std::size_t offset, std::size_t size) {
  std::memset(reinterpret_cast<char*>(buffer.address()) + offset, 1, size);
}

TEST(MsgBuffer, HoldsTheMessageToSend) {
  const Bytes message(48, std::byte{7});
  MsgBuffer buffer(message, 0);
  EXPECT_EQ(std::memcmp(buffer.address(), message.data(), message.size()), 0);
  EXPECT_TRUE(buffer.answer(MACH_SEND_MSG, MACH_MSG_SUCCESS).written.empty());
}

TEST(MsgBuffer, GivesTheReceivedMessageAsLongAsItSays) {
  MsgBuffer buffer({}, 4096);
  buffer.address()->msgh_size = 56;
  const MsgAnswer answer = buffer.answer(MACH_RCV_MSG, MACH_MSG_SUCCESS);
  EXPECT_EQ(answer.offset, 0U);
  EXPECT_EQ(answer.written.size(), 56U);
}

TEST(MsgBuffer, ASizeBeyondTheBufferIsNotBelieved) {
  MsgBuffer buffer({}, 64);
  buffer.address()->msgh_size = 4096;
  EXPECT_EQ(buffer.answer(MACH_RCV_MSG, MACH_MSG_SUCCESS).written.size(), 64U);
}

TEST(MsgBuffer, AMessageGivenBackIsWholeEvenIfOnlyItsSizeIsNew) {
  MsgBuffer buffer(Bytes(48, std::byte{7}), 0);
  buffer.address()->msgh_size = 48;
  EXPECT_EQ(buffer.answer(MACH_SEND_MSG, MACH_SEND_TIMED_OUT).written.size(), 48U);
}

TEST(MsgBuffer, AMessageThatWasNotTakenIsNotGivenBack) {
  const MsgBuffer buffer(Bytes(48, std::byte{7}), 0);
  EXPECT_TRUE(buffer.answer(MACH_SEND_MSG | MACH_SEND_CANCEL, MACH_SEND_INVALID_NOTIFY).written.empty());
}

TEST(MsgBuffer, AHeaderOrASizeIsNoLongerThanTheBuffer) {
  for (const mach_msg_size_t size : {0U, 4U, 24U, 32U, 64U}) {
    const MsgBuffer buffer({}, size);
    const MsgAnswer header = buffer.answer(MACH_RCV_MSG, MACH_RCV_TOO_LARGE);
    EXPECT_EQ(header.written.size(), std::min(size, kHeader));
    const MsgAnswer told = buffer.answer(MACH_RCV_MSG | MACH_RCV_LARGE, MACH_RCV_TOO_LARGE);
    EXPECT_EQ(told.written.size(), size < 8 ? 0U : 4U);
  }
}

TEST(MsgBuffer, WhatTheCodeDoesNotSayIsFoundToo) {
  MsgBuffer untouched({}, 64);
  write(untouched, 40, 2);
  const MsgAnswer stray = untouched.answer(MACH_RCV_MSG, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(stray.offset, 40U);
  EXPECT_EQ(stray.written.size(), 2U);
  MsgBuffer received({}, 64);
  received.address()->msgh_size = 32;
  write(received, 64, 1);  // past rcv_size
  EXPECT_EQ(received.answer(MACH_RCV_MSG, MACH_MSG_SUCCESS).written.size(), 65U);
}

}  // namespace
}  // namespace netmsg::conformance
