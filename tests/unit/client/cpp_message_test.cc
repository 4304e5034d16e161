// SPDX-License-Identifier: Apache-2.0
// Building, sending and reading messages; above all what becomes of rights when a send fails.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <list>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/mach_message.h"
#include "tests/support/seed.h"
#include "tests/unit/client/cpp_fixture.h"

namespace netmsg::test {
namespace {

using CppMessage = CppFace;

Memory filled(std::size_t size, char with) {
  Memory memory = Memory::allocate(size).value();
  std::memset(memory.data(), with, size);
  return memory;
}

// To a port of our own, and back from it.
ReceivedMessage through(const Pair& pair, Message& message) {
  message.send(pair.send, kNoWait).value();
  return pair.port.receive(kNoWait).value();
}

// A simple message, whose body nobody looks at on its way.
ReceivedMessage through(const Pair& pair, Item hostile) {
  Bytes bytes = Outgoing{.remote = pair.send.name(), .items = {std::move(hostile)}}.encode();
  const mach_msg_bits_t bits = MACH_MSG_TYPE_COPY_SEND;
  std::memcpy(bytes.data(), &bits, sizeof bits);
  EXPECT_EQ(mach_msg(reinterpret_cast<mach_msg_header_t*>(bytes.data()), MACH_SEND_MSG,
                     static_cast<mach_msg_size_t>(bytes.size()), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
            MACH_MSG_SUCCESS);
  return pair.port.receive(kNoWait).value();
}

TEST_F(CppMessage, DataArrivesAsItWasPut) {
  const Pair pair;
  const std::array<std::int16_t, 3> shorts{-1, 0, 300};
  Message message(42);
  message.put_int32(-7).put_int64(1LL << 40).put_string("seven b").put_string("").put_bytes("abc", 3);
  message.put_array(shorts.data(), shorts.size());
  auto received = through(pair, message);
  EXPECT_EQ(received.id(), 42);
  EXPECT_EQ(received.take_int32().value(), -7);
  EXPECT_EQ(received.take_int64().value(), 1LL << 40);
  EXPECT_EQ(received.take_string().value(), "seven b");
  EXPECT_EQ(received.take_string().value(), "");
  EXPECT_EQ(received.take_bytes().value().size(), 3U);
  const auto numbers = received.take_array<std::int16_t>().value();
  EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), shorts.begin(), shorts.end()));
  EXPECT_TRUE(received.at_end());
  EXPECT_EQ(received.take_int32().code(), MIG_TYPE_ERROR);
}

TEST_F(CppMessage, RightsOfEachKindArriveAndAreOwned) {
  const Pair pair;
  Pair carried;
  const auto source = ReceiveRight::make().value();
  Message message(1);
  message.put_send(pair.send).put_send(carried.send.copy().value()).put_made_send(source);
  message.put_made_send_once(source).put_send_once(source.make_send_once().value());
  message.put_receive(std::move(carried.port)).put_send(SendRight());
  auto received = through(pair, message);
  EXPECT_EQ(received.take_send().value().name(), pair.send.name());
  EXPECT_EQ(received.take_send().value().name(), carried.send.name());
  EXPECT_EQ(received.take_send().value().name(), source.name());
  EXPECT_TRUE(received.take_send_once().value());
  EXPECT_TRUE(received.take_send_once().value());
  EXPECT_TRUE(received.take_receive().value());
  EXPECT_FALSE(received.take_send().value());
}

TEST_F(CppMessage, WhatIsNotTakenIsGivenUp) {
  const Pair pair;
  Pair carried;
  const auto source = ReceiveRight::make().value();
  Message message(1);
  message.put_send(carried.send).put_receive(std::move(carried.port)).put_memory(filled(5000, 'x'));
  message.put_made_send_once(source).set_reply_port(source);
  { const auto received = through(pair, message); }
  EXPECT_TRUE(carried.send.is_dead());
  EXPECT_EQ(source.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);  // the reply right
  EXPECT_EQ(source.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);
}

TEST_F(CppMessage, MessageThatIsNeverSentGivesUpWhatWasMovedIn) {
  Pair carried;
  const auto source = ReceiveRight::make().value();
  {
    Message message(1);
    message.put_receive(std::move(carried.port)).put_send_once(source.make_send_once().value());
    message.put_send(carried.send.copy().value()).put_memory(filled(100, 'x'));
    message.set_reply_right(source.make_send_once().value());
    const Message moved = std::move(message);
  }
  EXPECT_TRUE(carried.send.is_dead());
  for (int once = 0; once < 2; ++once) EXPECT_EQ(source.receive(kNoWait).value().id(), MACH_NOTIFY_SEND_ONCE);
}

TEST_F(CppMessage, MemoryIsGivenOrKept) {
  const Pair pair;
  Memory given = filled(5000, 'g');
  const Memory kept = filled(100, 'k');
  Message message(1);
  message.put_memory(std::move(given)).put_memory(kept).put_memory(Memory());
  EXPECT_TRUE(given.empty());
  auto received = through(pair, message);
  const auto first = received.take_memory().value();
  const auto second = received.take_memory().value();
  EXPECT_EQ(first.size(), 5000U);
  EXPECT_EQ(first.data()[4999], std::byte{'g'});
  EXPECT_EQ(second.data()[99], std::byte{'k'});
  EXPECT_NE(second.data(), kept.data());
  EXPECT_TRUE(received.take_memory().value().empty());
}

TEST_F(CppMessage, ArraysOfRightsTravelOutOfLine) {
  const Pair pair;
  const Pair other;
  std::vector<SendRight> rights;
  for (int right = 0; right < 3; ++right) rights.push_back(other.send.copy().value());
  rights.emplace_back();
  Message message(1);
  message.put_send_array(std::move(rights)).put_send_array({});
  auto received = through(pair, message);
  const auto arrived = received.take_send_array().value();
  ASSERT_EQ(arrived.size(), 4U);
  EXPECT_EQ(refs_of(other.send.name(), MACH_PORT_RIGHT_SEND), 4U);
  EXPECT_FALSE(arrived[3]);
  EXPECT_TRUE(received.take_send_array().value().empty());
}

TEST_F(CppMessage, GrowsBeyondItsInlineRoom) {
  const Pair pair;
  const std::string text(10'000, 't');
  Message message(1);
  message.put_int32(1).put_string(text);
  auto received = through(pair, message);
  EXPECT_EQ(received.take_int32().value(), 1);
  EXPECT_EQ(received.take_string().value(), text);
}

// ---------------------------------------------------------------- sends that fail

// A message with everything a message can own, made of rights for `source`, which is told of each that is lost.
Message with_everything(const ReceiveRight& source, ReceiveRight&& carried) {
  Message message(1);
  message.put_int32(5).put_send_once(source.make_send_once().value()).put_memory(filled(5000, 'x'));
  message.put_send(source.make_send().value()).put_made_send(source).put_made_send_once(source);
  std::vector<SendRight> array;
  array.push_back(source.make_send().value());
  message.put_send_array(std::move(array)).put_receive(std::move(carried));
  message.set_reply_port(source);
  return message;
}

void expect_everything(ReceivedMessage received) {
  EXPECT_TRUE(received.wants_reply());
  EXPECT_EQ(received.take_int32().value(), 5);
  EXPECT_TRUE(received.take_send_once().value());
  EXPECT_EQ(received.take_memory().value().data()[4999], std::byte{'x'});
  EXPECT_TRUE(received.take_send().value());
  EXPECT_TRUE(received.take_send().value());
  EXPECT_TRUE(received.take_send_once().value());
  EXPECT_EQ(received.take_send_array().value().size(), 1U);
  EXPECT_TRUE(received.take_receive().value());
}

// Full, until open_again().
struct FullPort : Pair {
  FullPort() { port.set_queue_limit(0).value(); }
  void open_again() const { port.set_queue_limit(5).value(); }
};

TEST_F(CppMessage, GivenBackIsGivenUpWithTheMessage) {
  const FullPort full;
  const auto source = ReceiveRight::make().value();
  auto message = with_everything(source, ReceiveRight::make().value());
  EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
}

TEST_F(CppMessage, GivenBackCanBeSentAgain) {
  const FullPort full;
  const auto source = ReceiveRight::make().value();
  auto message = with_everything(source, ReceiveRight::make().value());
  EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(message.resend(kNoWait).code(), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
  full.open_again();
  ASSERT_TRUE(message.resend(kNoWait));
  expect_everything(full.port.receive(kNoWait).value());
}

// Each way to name a destination, to a port that is full.
TEST_F(CppMessage, DestinationComesBackWithTheMessage) {
  const FullPort full;
  Message copied(1);
  EXPECT_EQ(copied.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
  Message made(1);
  EXPECT_EQ(made.send(full.port, kNoWait).code(), MACH_SEND_TIMED_OUT);
  Message moved(1);
  auto right = full.send.copy().value();
  EXPECT_EQ(moved.send(std::move(right), kNoWait).code(), MACH_SEND_TIMED_OUT);
  EXPECT_FALSE(right);
  EXPECT_EQ(refs_of(full.send.name(), MACH_PORT_RIGHT_SEND), 4U);
  full.open_again();
  EXPECT_TRUE(moved.resend(kNoWait));
  const auto received = full.port.receive(kNoWait).value();
}

// Each way to ask for an answer.
TEST_F(CppMessage, ReplyRightComesBackWithTheMessage) {
  const FullPort full;
  const Pair answers;
  const std::vector<std::function<void(Message&)>> ways{
      [&](Message& m) { m.set_reply_port(answers.port); },
      [&](Message& m) { m.set_reply_right(answers.send); },
      [&](Message& m) { m.set_reply_right(answers.send.copy().value()); },
      [&](Message& m) { m.set_reply_right(answers.port.make_send_once().value()); },
  };
  for (const auto& ask : ways) {
    Message message(1);
    ask(message);
    EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
    full.open_again();
    EXPECT_TRUE(message.resend(kNoWait));
    EXPECT_TRUE(full.port.receive(kNoWait).value().wants_reply());
    full.port.set_queue_limit(0).value();
    ask(message);
    EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
    ask(message);  // in place of the one that came back
  }
}

TEST_F(CppMessage, SendOnceRightNeverMeetsAFullQueue) {
  const FullPort full;
  EXPECT_TRUE(Message(3).send(full.port.make_send_once().value()));
  EXPECT_EQ(full.port.receive(kNoWait).value().id(), 3);
}

// Every way in which nothing is done: the message is as it was, and goes elsewhere.
TEST_F(CppMessage, NothingDoneLeavesTheMessageAsItWas) {
  const Pair good;
  Pair dead;
  dead.port.reset();
  const auto source = ReceiveRight::make().value();
  auto message = with_everything(source, ReceiveRight::make().value());
  EXPECT_EQ(message.send(dead.send, kNoWait).code(), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(message.send(SendRight(), kNoWait).code(), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(message.send(std::move(dead.send), kNoWait).code(), MACH_SEND_INVALID_DEST);
  EXPECT_TRUE(dead.send);                                               // still ours
  EXPECT_EQ(message.resend(kNoWait).code(), MACH_SEND_INVALID_HEADER);  // it has no destination
  ASSERT_TRUE(message.send(good.send, kNoWait));
  expect_everything(good.port.receive(kNoWait).value());
}

// Whatever was borrowed as a destination may be gone when the message is sent again.
TEST_F(CppMessage, NothingDoneForgetsWhereItWasToGo) {
  const Pair pair;
  Message message(1);
  EXPECT_EQ(message.send(SendRight(), kNoWait).code(), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(message.resend(kNoWait).code(), MACH_SEND_INVALID_HEADER);
  message.put_bytes(never_read(), std::size_t{4} << 30);
  EXPECT_EQ(message.send(pair.send, kNoWait).code(), KERN_RESOURCE_SHORTAGE);
  message.clear();
  EXPECT_EQ(message.resend(kNoWait).code(), MACH_SEND_INVALID_HEADER);
}

TEST_F(CppMessage, CountsThatWrapFindNoRoom) {
  for (const std::size_t count : {std::size_t{1} << 61, (std::size_t{1} << 61) + 1, SIZE_MAX}) {
    Message message(1);
    message.put_bytes("x", count);
    EXPECT_EQ(message.size(), sizeof(mach_msg_header_t));
    EXPECT_EQ(message.resend(kNoWait).code(), KERN_RESOURCE_SHORTAGE);
  }
}

// Sends again and again, each time with memory for one allocation more; how often it took.
int sent_short_of_memory(const std::function<void()>& send) {
  for (int possible = 0;; ++possible) {
    const ShortOfMemory shortage(static_cast<std::uint64_t>(possible));
    try {
      send();
      return possible;
    } catch (const std::bad_alloc&) {
      continue;
    }
  }
}

// What keeps rights and memory finds no room: that is thrown before anything is done.
TEST_F(CppMessage, WithoutMemoryForRightsNothingIsDone) {
  const FullPort full;
  const auto source = ReceiveRight::make().value();
  auto message = with_everything(source, ReceiveRight::make().value());
  const auto send = [&] { EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT); };
  EXPECT_GT(sent_short_of_memory(send), 0);
  full.open_again();
  SendRight right = full.send.copy().value();
  sent_short_of_memory([&] { message.send(std::move(right), kNoWait).value(); });
  EXPECT_FALSE(right);
  expect_everything(full.port.receive(kNoWait).value());
}

TEST_F(CppMessage, WithoutMemoryARightStaysWithItsOwner) {
  const Pair pair;
  std::vector<SendRight> rights;
  for (int right = 0; right < 3; ++right) rights.push_back(pair.send.copy().value());
  SendRight right = pair.send.copy().value();
  Message message(1);
  {
    const ShortOfMemory shortage(0);
    EXPECT_THROW(message.put_send(std::move(right)), std::bad_alloc);
    EXPECT_THROW(message.put_send_array(std::move(rights)), std::bad_alloc);
  }
  EXPECT_TRUE(right);
  EXPECT_EQ(rights.size(), 3U);
  EXPECT_EQ(message.size(), sizeof(mach_msg_header_t));
  message.put_send_array(std::move(rights));
  auto received = through(pair, message);
  {
    const ShortOfMemory shortage(0);
    EXPECT_THROW(static_cast<void>(received.take_send_array()), std::bad_alloc);
  }
  EXPECT_EQ(received.take_send_array().value().size(), 3U);
}

TEST_F(CppMessage, MovedFromIsEmpty) {
  const Pair pair;
  const auto source = ReceiveRight::make().value();
  for (const bool is_large : {false, true}) {
    Message message(7);
    message.put_string(std::string(is_large ? 1000 : 1, 'x')).set_reply_port(source);
    auto received = through(pair, message);
    const ReceivedMessage kept = std::move(received);
    EXPECT_FALSE(received.wants_reply());
    EXPECT_FALSE(received.take_reply_right());
    EXPECT_EQ(received.id(), 0);
    EXPECT_TRUE(received.at_end());
    EXPECT_TRUE(kept.wants_reply());
  }
  EXPECT_FALSE(ReceivedMessage().wants_reply());
}

TEST_F(CppMessage, TooLargeForTheDaemonStaysWhole) {
  const Pair pair;
  Pair carried;
  Message message(1);
  message.put_receive(std::move(carried.port)).put_string(std::string(std::size_t{8} << 20, 'x'));
  EXPECT_EQ(message.send(pair.send, kNoWait).code(), MACH_SEND_NO_BUFFER);
  EXPECT_FALSE(carried.send.is_dead());
  message.clear();
  EXPECT_TRUE(carried.send.is_dead());
}

TEST_F(CppMessage, ItemWithoutRoomStaysWithItsOwner) {
  const Pair pair;
  Pair carried;
  Message message(1);
  message.put_bytes(never_read(), std::size_t{4} << 30).put_receive(std::move(carried.port));
  message.put_send(std::move(carried.send));
  EXPECT_TRUE(carried.port);
  EXPECT_TRUE(carried.send);
  EXPECT_EQ(message.send(pair.send, kNoWait).code(), KERN_RESOURCE_SHORTAGE);
  message.clear();
  EXPECT_TRUE(message.put_int32(1).send(pair.send, kNoWait));
  EXPECT_EQ(pair.port.receive(kNoWait).value().take_int32().value(), 1);
}

// Somebody has taken a right away under our name: the send breaks off there, wherever "there" is.
TEST_F(CppMessage, BrokenOffGivesUpWhatWentAndWhatStayed) {
  for (const bool is_first : {true, false}) {
    const Pair pair;
    const auto source = ReceiveRight::make().value();
    const mach_port_name_t stale = ReceiveRight::make().value().name();
    Message message(1);
    if (is_first) message.put_send(SendRight::adopt(stale));
    message.put_send_once(source.make_send_once().value()).put_memory(filled(5000, 'x'));
    message.put_send(source.make_send().value()).put_receive(ReceiveRight::make().value());
    if (!is_first) message.put_send(SendRight::adopt(stale));
    message.set_reply_port(source);
    EXPECT_EQ(message.send(pair.send, kNoWait).code(), MACH_SEND_INVALID_RIGHT);
    EXPECT_EQ(message.size(), sizeof(mach_msg_header_t));
    EXPECT_FALSE(source.status().value().mps_srights);
  }
}

TEST_F(CppMessage, MemoryThatIsGoneBreaksTheSendOff) {
  const Pair pair;
  Pair carried;
  Memory gone = filled(100, 'x');
  Message message(1);
  message.put_memory(filled(5000, 'y')).put_memory(static_cast<const Memory&>(gone));
  message.put_receive(std::move(carried.port));
  gone.reset();
  EXPECT_EQ(message.send(pair.send, kNoWait).code(), MACH_SEND_INVALID_MEMORY);
  EXPECT_TRUE(carried.send.is_dead());
}

TEST_F(CppMessage, ForcedMessageIsAcceptedLater) {
  const FullPort full;
  const auto notify = ReceiveRight::make().value();
  EXPECT_TRUE(Message(1).send_forced(full.send, notify).value());
  EXPECT_EQ(Message(2).send_forced(full.send, notify).code(), MACH_SEND_NOTIFY_IN_PROGRESS);
  EXPECT_EQ(full.port.receive(kNoWait).value().id(), 1);
  EXPECT_EQ(notify.receive(kNoWait).value().id(), MACH_NOTIFY_MSG_ACCEPTED);
  full.open_again();
  EXPECT_FALSE(Message(3).send_forced(full.send, notify).value());
}

// ---------------------------------------------------------------- what hostile senders send

TEST_F(CppMessage, WrongTypesAreErrorsAndTheItemIsStillThere) {
  const Pair pair;
  Message message(1);
  message.put_int32(5).put_send(pair.send);
  auto received = through(pair, message);
  EXPECT_EQ(received.take_int64().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_string().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_bytes().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_send().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_memory().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_send_array().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.peek().value().msgt_name, unsigned{MACH_MSG_TYPE_INTEGER_32});
  EXPECT_TRUE(received.skip());
  EXPECT_EQ(received.take_receive().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_send_once().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_port_name().code(), MIG_TYPE_ERROR);
  EXPECT_TRUE(received.take_send());
  EXPECT_EQ(received.skip().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.peek().code(), MIG_TYPE_ERROR);
}

// Nobody has looked at the descriptors of a simple message. A name in it is a number, an address too.
TEST_F(CppMessage, SimpleMessageHasNoRightsAndNoMemory) {
  const Pair pair;
  {
    auto received = through(pair, rights(MACH_MSG_TYPE_MOVE_RECEIVE, {pair.port.name()}));
    EXPECT_EQ(received.take_receive().code(), MIG_TYPE_ERROR);
  }
  Item wild = memory(Bytes(8), 0xdead000);
  wild.descriptor.msgt_deallocate = 1;
  auto received = through(pair, wild);
  EXPECT_EQ(received.take_memory().code(), MIG_TYPE_ERROR);
  EXPECT_EQ(received.take_bytes().code(), MIG_TYPE_ERROR);
}

TEST_F(CppMessage, CountsBeyondTheMessageAreErrors) {
  const Pair pair;
  for (const std::uint32_t count : {3U, 0x20000000U, UINT32_MAX}) {
    Item item = numbers({1, 2});
    item.descriptor.msgt_number = count;
    auto received = through(pair, item);
    EXPECT_EQ(received.take_array<std::int32_t>().code(), MIG_TYPE_ERROR);
    EXPECT_EQ(received.skip().code(), MIG_TYPE_ERROR);
    EXPECT_FALSE(received.at_end());
  }
}

TEST_F(CppMessage, StringWithoutAnEndEndsWithItsItem) {
  const Pair pair;
  Item item = numbers({0x61616161, 0x61616161});
  item.descriptor.msgt_name = MACH_MSG_TYPE_STRING_C;
  item.descriptor.msgt_size = 8;
  item.descriptor.msgt_number = 8;
  auto received = through(pair, item);
  EXPECT_EQ(received.take_string().value(), "aaaaaaaa");
}

TEST_F(CppMessage, SmallMessageAllocatesNothing) {
  const Pair pair;
  ReceivedMessage received;
  const std::uint64_t before = allocations();
  Message message(1);
  message.put_int32(1).put_string("a name").send(pair.send, kNoWait).value();
  pair.port.receive_into(received, kNoWait).value();
  EXPECT_EQ(received.take_int32().value(), 1);
  EXPECT_EQ(received.take_string().value(), "a name");
  EXPECT_EQ(allocations(), before);
}

// ---------------------------------------------------------------- at random

// One item of a random message: how it is put, and how it is read again.
struct Step {
  std::function<void(Message&)> put;
  std::function<void(ReceivedMessage&)> take;
};

class RandomItems {
 public:
  RandomItems(std::mt19937& random, const ReceiveRight& source) : random_(random), source_(source) {}

  Step any() {
    switch (random_() % 9) {
      case 0:
        return number(static_cast<std::int64_t>(random_()) << 20);
      case 1:
        return text(random_() % 300);
      case 2:
        return memory(random_() % 20'000, true);
      case 3:
        return memory(random_() % 20'000, false);
      case 4:
        return {[this](Message& m) { m.put_send(source_.make_send().value()); }, take_or_skip(kSend)};
      case 5:
        return {[this](Message& m) { m.put_made_send(source_); }, take_or_skip(kSend)};
      case 6:
        return {[this](Message& m) { m.put_send_once(source_.make_send_once().value()); },
                take_or_skip(kOnce)};
      case 7:
        return {[](Message& m) { m.put_receive(ReceiveRight::make().value()); }, take_or_skip(kReceive)};
      default:
        return array(random_() % 5);
    }
  }

 private:
  using Take = std::function<void(ReceivedMessage&)>;
  static void kSend(ReceivedMessage& m) { EXPECT_TRUE(m.take_send().value()); }
  static void kOnce(ReceivedMessage& m) { EXPECT_TRUE(m.take_send_once().value()); }
  static void kReceive(ReceivedMessage& m) { EXPECT_TRUE(m.take_receive().value()); }

  Take take_or_skip(const Take& take) {
    return random_() % 3 != 0 ? take : [](ReceivedMessage& m) { EXPECT_TRUE(m.skip()); };
  }
  static Step number(std::int64_t value) {
    return {[value](Message& m) { m.put_int64(value); },
            [value](ReceivedMessage& m) { EXPECT_EQ(m.take_int64().value(), value); }};
  }
  static Step text(std::size_t size) {
    const std::string said(size, 's');
    return {[said](Message& m) { m.put_string(said); },
            [said](ReceivedMessage& m) { EXPECT_EQ(m.take_string().value(), said); }};
  }
  Step memory(std::size_t size, bool is_given) {
    kept_.push_back(filled(size, 'm'));
    const Memory* const kept = &kept_.back();
    const auto take = [size](ReceivedMessage& m) { EXPECT_EQ(m.take_memory().value().size(), size); };
    if (is_given) return {[size](Message& m) { m.put_memory(filled(size, 'm')); }, take_or_skip(take)};
    return {[kept](Message& m) { m.put_memory(*kept); }, take_or_skip(take)};
  }
  Step array(std::size_t size) {
    return {[this, size](Message& m) {
              std::vector<SendRight> rights;
              for (std::size_t at = 0; at < size; ++at) rights.push_back(source_.make_send().value());
              m.put_send_array(std::move(rights));
            },
            [size](ReceivedMessage& m) { EXPECT_EQ(m.take_send_array().value().size(), size); }};
  }

  std::mt19937& random_;
  const ReceiveRight& source_;
  std::list<Memory> kept_;
};

// Sends at the first attempt, or after some that give it back, do nothing, or not at all.
bool send_somehow(std::mt19937& random, Message& message, const Pair& to, const FullPort& full) {
  while (random() % 2 == 0) {
    if (random() % 2 == 0)
      EXPECT_EQ(message.send(full.send, kNoWait).code(), MACH_SEND_TIMED_OUT);
    else
      EXPECT_EQ(message.send(SendRight(), kNoWait).code(), MACH_SEND_INVALID_DEST);
  }
  return random() % 8 != 0 && message.send(to.send, kNoWait);
}

TEST_F(CppMessage, RandomMessagesArriveAndNothingLeaks) {
  std::mt19937 random(test_seed());
  for (int round = 0; round < scaled(2000); ++round) {
    const Pair pair;
    const FullPort full;
    const auto source = ReceiveRight::make().value();
    RandomItems items(random, source);
    std::vector<Step> steps(random() % 8);
    for (Step& step : steps) step = items.any();
    Message message(round);
    for (const Step& step : steps) step.put(message);
    if (random() % 2 == 0) message.set_reply_port(source);
    if (!send_somehow(random, message, pair, full)) continue;
    auto received = pair.port.receive(kNoWait).value();
    EXPECT_EQ(received.id(), round);
    for (const Step& step : steps) step.take(received);
    EXPECT_TRUE(received.at_end());
  }
}

// An item of random type and size, with a content that may end anywhere.
Item nonsense(std::mt19937& random) {
  constexpr std::array<unsigned, 8> kBits{0, 1, 7, 8, 16, 32, 64, 0xFFFF};
  Item item = numbers({});
  item.values.resize(random() % 12);
  for (std::uint32_t& value : item.values) value = static_cast<std::uint32_t>(random());
  item.descriptor.msgt_name = random() & 0x1FU;
  item.descriptor.msgt_size = kBits[random() % kBits.size()] & 0xFFFFU;
  item.descriptor.msgt_number = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 8);
  item.descriptor.msgt_inline = random() % 4 != 0 ? 1 : 0;
  item.descriptor.msgt_deallocate = random() & 1U;
  return item;
}

// The sum of what was seen, so that every byte is looked at.
template <typename T>
std::uint64_t look_at(Result<View<T>> view) {
  std::uint64_t sum = 0;
  if (view) {
    for (const T element : *view) sum += static_cast<std::uint64_t>(element);
  }
  return sum;
}

bool take_something(std::mt19937& random, ReceivedMessage& message) {
  switch (random() % 10) {
    case 0:
      return message.take_int32() || message.take_int64();
    case 1:
      return look_at(message.take_bytes()) != 0;
    case 2:
      return look_at(message.take_array<std::uint8_t>()) + look_at(message.take_array<std::uint16_t>()) != 0;
    case 3:
      return look_at(message.take_array<std::uint32_t>()) + look_at(message.take_array<std::uint64_t>()) != 0;
    case 4:
      return message.take_string().code() == KERN_SUCCESS;
    case 5:
      return message.take_memory() || message.take_send_array();
    case 6:
      return message.take_send() || message.take_send_once() || message.take_receive();
    case 7:
      return message.take_port_name().code() == KERN_SUCCESS;
    default:
      return message.skip().code() == KERN_SUCCESS;
  }
}

TEST_F(CppMessage, RandomBytesAreErrorsAndNotCrashes) {
  const Pair pair;
  std::mt19937 random(test_seed());
  int taken = 0;
  for (int round = 0; round < scaled(5000); ++round) {
    auto received = through(pair, nonsense(random));
    for (int attempt = 0; attempt < 10; ++attempt) taken += take_something(random, received) ? 1 : 0;
  }
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace netmsg::test
