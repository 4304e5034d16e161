// SPDX-License-Identifier: Apache-2.0
// Rights as values: who gives what up, and when.
#include <poll.h>

#include <chrono>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>

#include "tests/unit/client/cpp_fixture.h"

namespace netmsg::test {
namespace {

template <typename T>
constexpr bool kMovesOnly = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                            std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;
static_assert(kMovesOnly<SendRight> && kMovesOnly<SendOnceRight> && kMovesOnly<ReceiveRight>);
static_assert(kMovesOnly<PortSet> && kMovesOnly<ReplyRight> && kMovesOnly<Memory> && kMovesOnly<Descriptor>);
static_assert(kMovesOnly<Message> && kMovesOnly<ReceivedMessage>);
// A name does not become a right by accident, nor one right another.
static_assert(!std::is_convertible_v<mach_port_name_t, SendRight> &&
              !std::is_convertible_v<SendRight, ReceiveRight>);
static_assert(!std::is_constructible_v<SendRight, mach_port_name_t>);

using CppRights = CppFace;

TEST_F(CppRights, ReceiveAndSendUnderOneNameGiveUpTheirOwnOnly) {
  Pair pair;
  EXPECT_EQ(pair.send.name(), pair.port.name());
  const auto second = pair.send.copy().value();
  EXPECT_EQ(refs_of(pair.port.name(), MACH_PORT_RIGHT_SEND), 2U);
  pair.send.reset();
  EXPECT_EQ(type_of(pair.port.name()), MACH_PORT_TYPE_SEND_RECEIVE);
  pair.port.reset();
  EXPECT_TRUE(second.is_dead());
}

TEST_F(CppRights, WhatHasDiedIsStillGivenUp) {
  Pair pair;
  const mach_port_name_t name = pair.send.name();
  pair.port.reset();
  EXPECT_EQ(type_of(name), MACH_PORT_TYPE_DEAD_NAME);
  EXPECT_EQ(pair.send.copy().code(), KERN_INVALID_RIGHT);
  pair.send.reset();
  EXPECT_EQ(type_of(name), MACH_PORT_TYPE_NONE);
}

TEST_F(CppRights, SendOnceRightTellsItsPortWhenItIsGivenUp) {
  const auto port = ReceiveRight::make().value();
  { const auto once = port.make_send_once().value(); }
  EXPECT_EQ(port.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);
}

TEST_F(CppRights, MovedFromIsEmpty) {
  Pair pair;
  SendRight other = std::move(pair.send);
  EXPECT_FALSE(pair.send);
  EXPECT_TRUE(other);
  pair.send = std::move(other);
  EXPECT_EQ(refs_of(pair.port.name(), MACH_PORT_RIGHT_SEND), 1U);
  pair.send = pair.send.copy().value();
  EXPECT_EQ(refs_of(pair.port.name(), MACH_PORT_RIGHT_SEND), 1U);
}

TEST_F(CppRights, ReleasedIsTheCallers) {
  const mach_port_name_t name = ReceiveRight::make().value().release();
  EXPECT_EQ(type_of(name), MACH_PORT_TYPE_RECEIVE);
  const auto again = ReceiveRight::adopt(name);
}

TEST_F(CppRights, NameOfSomebodyElseIsCopied) {
  const auto task = SendRight::copy_of(mach_task_self()).value();
  EXPECT_EQ(task.name(), mach_task_self());
  EXPECT_EQ(SendRight::copy_of(MACH_PORT_NULL).code(), KERN_INVALID_NAME);
}

TEST_F(CppRights, SetReceivesForItsMembersAndOwnsNone) {
  const Pair a;
  const Pair b;
  auto set = PortSet::make().value();
  ASSERT_TRUE(set.add(a.port));
  ASSERT_TRUE(set.add(b.port));
  ASSERT_TRUE(Message(7).send(b.send));
  EXPECT_EQ(a.port.receive(kNoWait).code(), MACH_RCV_IN_SET);
  const auto message = set.receive(kNoWait).value();
  EXPECT_EQ(message.arrived_at(), b.port.name());
  ASSERT_TRUE(PortSet::remove(b.port));
  EXPECT_EQ(PortSet::remove(b.port).code(), KERN_NOT_IN_SET);
  set.reset();
  EXPECT_EQ(a.port.receive(kNoWait).code(), MACH_RCV_TIMED_OUT);
}

bool is_readable(const Descriptor& descriptor) {
  pollfd waiting{descriptor.number(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST_F(CppRights, DescriptorIsReadableWhileThereIsAMessage) {
  const Pair pair;
  const auto set = PortSet::make().value();
  set.add(pair.port).value();
  const auto of_set = set.descriptor().value();
  EXPECT_FALSE(is_readable(of_set));
  ASSERT_TRUE(Message(7).send(pair.send));
  EXPECT_TRUE(is_readable(of_set));
  PortSet::remove(pair.port).value();
  const auto of_port = pair.port.descriptor().value();
  EXPECT_TRUE(is_readable(of_port));
  EXPECT_TRUE(pair.port.receive(kNoWait));
  EXPECT_FALSE(is_readable(of_port));
  EXPECT_EQ(Descriptor::of(MACH_PORT_NULL).code(), KERN_INVALID_NAME);
}

TEST_F(CppRights, RequestsAreCancelled) {
  const Pair pair;
  const auto notify = ReceiveRight::make().value();
  EXPECT_FALSE(pair.send.request_dead_name(notify).value());
  EXPECT_TRUE(pair.send.cancel_dead_name().value());
  EXPECT_FALSE(pair.port.request_no_senders(notify).value());
  EXPECT_TRUE(pair.port.request_no_senders(notify).value());  // gives the first one back
  EXPECT_TRUE(pair.port.cancel_no_senders().value());
  EXPECT_FALSE(pair.port.request_port_destroyed(notify).value());
  EXPECT_TRUE(pair.port.cancel_port_destroyed().value());
  for (int given_back = 0; given_back < 4; ++given_back)
    EXPECT_EQ(notify.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);
  EXPECT_EQ(notify.receive(kNoWait).code(), MACH_RCV_TIMED_OUT);
}

// A child's space is its own. Its first names are likely to be those of its parent's first rights.
TEST_F(CppRights, ChildOfAForkGivesUpNothingOfItsParent) {
  auto port = ReceiveRight::make().value();
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    const auto attached = ReceiveRight::adopt(mach_reply_port());
    const mach_port_name_t name = port.name();
    const bool is_there_already = name == attached.name();
    EXPECT_EQ(mach_port_allocate_name(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, name),
              is_there_already ? KERN_NAME_EXISTS : KERN_SUCCESS);
    port.reset();
    EXPECT_EQ(type_of(name), MACH_PORT_TYPE_RECEIVE);
  }));
}

// A message's rights are the parent's, too: one that is to be sent, and one that has come.
TEST_F(CppRights, ChildOfAForkGivesUpNothingOfItsParentsMessages) {
  const Pair pair;
  Pair first;
  Pair second;
  const auto names = {first.port.name(), second.port.name()};
  Message sent(1);
  sent.put_receive(std::move(first.port)).set_reply_right(std::move(first.send));
  Message(2)
      .put_receive(std::move(second.port))
      .set_reply_right(std::move(second.send))
      .send(pair.send)
      .value();
  auto received = pair.port.receive(kNoWait).value();
  EXPECT_TRUE(in_process(daemon().path(), [&] {
    for (const mach_port_name_t name : names) {
      mach_port_allocate_name(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, name);
      EXPECT_EQ(mach_port_insert_right(mach_task_self(), name, name, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
    }
    sent.clear();
    received.clear();
    for (const mach_port_name_t name : names) EXPECT_EQ(type_of(name), MACH_PORT_TYPE_SEND_RECEIVE);
  }));
}

TEST(CppResult, ValueOfAConstResultIsReadWhereItIs) {
  const Result<std::string> result(std::string("here"));
  EXPECT_EQ(&*result, &result.value());
  EXPECT_EQ(result->size(), 4U);
}

TEST(CppResult, ErrorHasCodeAndText) {
  const Error error(MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(error.basic(), MACH_SEND_TIMED_OUT);
  EXPECT_STREQ(error.text(), mach_error_string(error.code()));
  EXPECT_EQ(Error(KERN_INVALID_NAME).basic(), KERN_INVALID_NAME);
  EXPECT_EQ(Error(MIG_BAD_ID).basic(), MIG_BAD_ID);
  EXPECT_EQ(Error(NETNAME_NOT_CHECKED_IN).basic(), NETNAME_NOT_CHECKED_IN);
}

TEST(CppResultDeathTest, ValueOfAnErrorEndsTheProgramWithItsText) {
  EXPECT_DEATH(Result<int>(Error(KERN_INVALID_NAME)).value(), "os/kern");
  EXPECT_DEATH(Result<void>(Error(MIG_BAD_ID)).value(), "ipc/mig");
}

TEST(CppTimeout, RoundsUpAndStaysInRange) {
  using namespace std::chrono_literals;
  EXPECT_EQ(Timeout(1ns).ms(), 1U);
  EXPECT_EQ(Timeout(-5s).ms(), 0U);
  EXPECT_EQ(Timeout(std::chrono::hours(24 * 365)).ms(), UINT32_MAX);
  EXPECT_EQ(Timeout(std::chrono::hours::max()).ms(), UINT32_MAX);
  EXPECT_EQ(Timeout(std::chrono::seconds::max()).ms(), UINT32_MAX);
  EXPECT_EQ(Timeout(std::chrono::hours::min()).ms(), 0U);
  EXPECT_EQ(Timeout(std::chrono::duration<double>(1e300)).ms(), UINT32_MAX);
  EXPECT_EQ(Timeout(std::chrono::duration<double>(std::nan(""))).ms(), 0U);
  EXPECT_EQ(Timeout(std::chrono::duration<double>(0.0101)).ms(), 11U);
  EXPECT_FALSE(kForever.limited());
  EXPECT_TRUE(kNoWait.limited());
}

}  // namespace
}  // namespace netmsg::test
