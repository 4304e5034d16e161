// SPDX-License-Identifier: Apache-2.0
// Spec 02 §6, §8, §9 at the engine: out-of-line memory and arrays of rights.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <cstring>
#include <functional>
#include <string>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

constexpr std::size_t kFirstItem = sizeof(mach_msg_header_t);

Bytes text(const std::string& letters) {
  Bytes bytes(letters.size());
  std::memcpy(bytes.data(), letters.data(), letters.size());
  return bytes;
}

Bytes bytes_of(const ipc::MemoryRef& memory) {
  Bytes bytes(memory.length());
  memory.read_here(0, bytes);
  return bytes;
}

std::vector<Name> names_of(const ipc::MemoryRef& memory) {
  std::vector<Name> names(memory.length() / sizeof(Name));
  memory.read_here(0, std::as_writable_bytes(std::span(names)));
  return names;
}

mach_msg_type_t descriptor_at(const Bytes& message, std::size_t offset) {
  mach_msg_type_t item;
  std::memcpy(&item, message.data() + offset, sizeof item);
  return item;
}

std::uint64_t word_at(const Bytes& message, std::size_t offset) {
  std::uint64_t word;
  std::memcpy(&word, message.data() + offset, sizeof word);
  return word;
}

class Memory : public testing::Test {
 protected:
  Outgoing to_server(std::vector<Item> items) {
    return {.remote = x, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX, .items = std::move(items)};
  }

  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();
};

// 02.13: the offset within the page is what is left of the address.
TEST_F(Memory, ArrivesWithItsOffsetInThePage) {
  ASSERT_EQ(client.send(to_server({memory(text("hello"), 0x7654321'123)})), MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.regions.size(), 1U);
  EXPECT_EQ(bytes_of(got.regions[0].memory), text("hello"));
  EXPECT_EQ(got.regions[0].slot, kFirstItem + 8);
  EXPECT_EQ(word_at(got.bytes, kFirstItem + 8), 0x123U);
  const mach_msg_type_t item = descriptor_at(got.bytes, kFirstItem);
  EXPECT_EQ(item.msgt_deallocate, 1U);
  EXPECT_EQ(item.msgt_number, 5U);
  EXPECT_EQ(item.msgt_size, 8U);
  EXPECT_TRUE((got.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0);
}

// 02.12, 02.7: an empty item, whatever its address; it keeps the message complex.
TEST_F(Memory, OfLengthZeroHasNoAddress) {
  for (Item item : {memory({}, 0xDEAD'BEEF'0000), array(kMakeSend, {}, 0xDEAD'BEEF'0000)}) {
    ASSERT_EQ(client.send(to_server({item})), MACH_MSG_SUCCESS);
    const Received got = server.receive(r);
    EXPECT_TRUE(got.regions.empty());
    EXPECT_EQ(word_at(got.bytes, kFirstItem + 8), 0U);
    EXPECT_EQ(descriptor_at(got.bytes, kFirstItem).msgt_deallocate, 1U);
    EXPECT_TRUE((got.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0);
  }
}

// 02.16
TEST_F(Memory, KeepsTheLongFormBit) {
  for (const unsigned longform : {0U, 1U}) {
    Item item = memory(text("x"));
    item.descriptor.msgt_longform = longform & 1U;
    ASSERT_EQ(client.send(to_server({item})), MACH_MSG_SUCCESS);
    EXPECT_EQ(descriptor_at(server.receive(r).bytes, kFirstItem).msgt_longform, longform);
  }
}

// 02.11: thirteen bits are two bytes, inline in a slot of eight.
TEST_F(Memory, OfBitsIsRoundedUpToBytes) {
  Item inside = numbers({0xFFFF});
  inside.descriptor.msgt_name = MACH_MSG_TYPE_BIT;
  inside.descriptor.msgt_size = 1;
  inside.descriptor.msgt_number = 13;
  Item outside = memory(text("ab"));
  outside.descriptor.msgt_size = 1;
  outside.descriptor.msgt_number = 13;
  ASSERT_EQ(client.send(to_server({inside, outside})), MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_EQ(got.bytes.size(), kFirstItem + 32);
  EXPECT_EQ(bytes_of(got.regions.at(0).memory), text("ab"));
  outside.memory = text("abc");
  EXPECT_EQ(client.send(to_server({outside})), MACH_SEND_INVALID_MEMORY);
}

// 02.17: names as data are not translated.
TEST_F(Memory, OfNamesIsData) {
  Item item = array(MACH_MSG_TYPE_PORT_NAME, {q, 7});
  ASSERT_EQ(client.send(to_server({item})), MACH_MSG_SUCCESS);
  EXPECT_EQ(names_of(server.receive(r).regions.at(0).memory), (std::vector<Name>{q, 7}));
}

// 02.15
TEST_F(Memory, ArrayOfRightsWithNullAndDead) {
  ASSERT_EQ(client.send(to_server({array(kMakeSend, {q, MACH_PORT_NULL, ipc::kDeadName}, 0x123)})),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.regions.size(), 1U);
  const std::vector<Name> names = names_of(got.regions[0].memory);
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(server.state(names[0]), "S1");
  EXPECT_EQ(names[1], MACH_PORT_NULL);
  EXPECT_EQ(names[2], ipc::kDeadName);
  EXPECT_EQ(word_at(got.bytes, kFirstItem + 8), 0U) << "arrays begin with their page";
  const mach_msg_type_t item = descriptor_at(got.bytes, kFirstItem);
  EXPECT_EQ(item.msgt_name, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND));
  EXPECT_EQ(item.msgt_size, 32U);
}

TEST_F(Memory, ArraysOfEveryDisposition) {
  struct Row {
    unsigned disposition;
    unsigned received;
    const char* sender;
    const char* receiver;
  };
  constexpr Row kRows[] = {
      {kMoveReceive, MACH_MSG_TYPE_PORT_RECEIVE, "S1", "R"},
      {kMoveSend, MACH_MSG_TYPE_PORT_SEND, "R", "S1"},
      {MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND_ONCE, "free", "SO"},
      {kCopySend, MACH_MSG_TYPE_PORT_SEND, "R+S1", "S1"},
      {kMakeSend, MACH_MSG_TYPE_PORT_SEND, "R+S1", "S1"},
      {kMakeOnce, MACH_MSG_TYPE_PORT_SEND_ONCE, "R+S1", "SO"},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.disposition);
    const Name name = row.disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE
                          ? server.give_send_once(client, server.port())
                          : client.port_with_sends(1);
    ASSERT_EQ(client.send(to_server({array(row.disposition, {name})})), MACH_MSG_SUCCESS);
    const Received got = server.receive(r);
    EXPECT_EQ(descriptor_at(got.bytes, kFirstItem).msgt_name, row.received);
    EXPECT_EQ(client.state(name), row.sender);
    EXPECT_EQ(server.state(names_of(got.regions.at(0).memory).at(0)), row.receiver);
  }
}

// Inline slots, data and arrays in one message: each right finds its place.
TEST_F(Memory, MixedItemsKeepTheirPlaces) {
  const Name a = client.port();
  const Name b = client.port();
  ASSERT_EQ(client.send(to_server({rights(kMakeSend, {a}), memory(text("one"), 1), array(kMakeSend, {b, a}),
                                   numbers({7}), memory(text("two"), 2), rights(kMakeOnce, {b})})),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.regions.size(), 3U);
  const std::vector<Name> names = names_of(got.regions[1].memory);
  EXPECT_EQ(names.at(1), got.values.at(0)) << "two rights to one port have one name";
  EXPECT_EQ(server.state(names.at(1)), "S2");
  EXPECT_EQ(server.state(names.at(0)), "S1");
  EXPECT_EQ(server.state(got.values.at(5)), "SO");
  EXPECT_EQ(bytes_of(got.regions[0].memory), text("one"));
  EXPECT_EQ(bytes_of(got.regions[2].memory), text("two"));
}

// A row of 02 §8 with memory. `taken`: how many regions were taken by then.
struct BadMemory {
  const char* what;
  mach_msg_return_t code;
  std::uint32_t taken;
  std::function<void(std::vector<Item>&)> change;
};

// 02.9, 02.10
TEST_F(Memory, ABadItemDestroysWhatWasTakenBeforeIt) {
  const BadMemory cases[] = {
      {"6: more elements than there are", MACH_SEND_MSG_TOO_SMALL, 2,
       [](auto& items) { items.back().descriptor.msgt_number = 100; }},
      {"8: nothing readable", MACH_SEND_INVALID_MEMORY, 1, [](auto& items) { items[2].memory.clear(); }},
      {"8: less than described", MACH_SEND_INVALID_MEMORY, 1,
       [](auto& items) { items[2].memory.pop_back(); }},
      {"8: more than described", MACH_SEND_INVALID_MEMORY, 1,
       [](auto& items) { items[2].memory.push_back(std::byte{1}); }},
      {"8: an overflow of number and size", MACH_SEND_INVALID_MEMORY, 1,
       [](auto& items) {
         items[2].descriptor.msgt_number = 0xFFFFFFFF;
         items[2].descriptor.msgt_size = 0xFFFF;
       }},
      {"8: an array that is cut short", MACH_SEND_INVALID_MEMORY, 1,
       [](auto& items) {
         items[2].descriptor = array(kMakeSend, {1, 2, 3, 4, 5}).descriptor;
       }},
      {"2: an array of 64 bits", MACH_SEND_INVALID_TYPE, 1,
       [](auto& items) {
         items[2].descriptor.msgt_name = kMakeSend;
         items[2].descriptor.msgt_size = 64;
       }},
      {"9: a bad right, after the memory of its item", MACH_SEND_INVALID_RIGHT, 2,
       [](auto& items) { items[2] = array(kMoveSend, {0x7777}); }},
      {"4: unused bits in a later item", MACH_SEND_INVALID_TYPE, 2,
       [](auto& items) { items[3].descriptor.msgt_unused = 1; }},
      {"9: a bad right in a later item", MACH_SEND_INVALID_RIGHT, 2,
       [](auto& items) { items[3] = rights(kMoveSend, {0x7777}); }},
  };
  for (const BadMemory& bad : cases) {
    SCOPED_TRACE(bad.what);
    const Name to = server.give_send(client, server.port());
    const Name moving = client.port();
    const Name watching = client.give_send(server, moving);
    const Name kept = client.port_with_sends(1);
    std::vector<Item> items = {array(kMoveReceive, {moving}), numbers({1}), memory(text("text")),
                               rights(kMoveSend, {kept})};
    bad.change(items);
    const ipc::MsgResult result = client.send_for_result({.remote = to,
                                                          .remote_type = kMoveSend,
                                                          .local = q,
                                                          .local_type = kMakeOnce,
                                                          .bits = MACH_MSGH_BITS_COMPLEX,
                                                          .items = items});
    EXPECT_EQ(result.code, bad.code);
    EXPECT_EQ(result.memory_taken, bad.taken);
    EXPECT_TRUE(result.bytes.empty());
    EXPECT_EQ(client.state(to), "free");
    EXPECT_EQ(server.state(watching), "DN1") << "the array before it was taken and destroyed";
    EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
    EXPECT_EQ(client.state(kept), "R+S1") << "rights not reached stay";
  }
}

// 02.9: elements before the bad one are destroyed with the message, those behind it stay.
TEST_F(Memory, ABadElementLeavesThoseBehindIt) {
  const Name first = client.port_with_sends(1);
  const Name last = client.port_with_sends(1);
  EXPECT_EQ(client.send(to_server({array(kMoveSend, {first, 0x7777, last})})), MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client.state(first), "R");
  EXPECT_EQ(client.state(last), "R+S1");
}

// 02.14: before the body nothing is taken.
TEST_F(Memory, IsNotTakenIfTheHeaderIsRefused) {
  Outgoing message = to_server({memory(text("x"))});
  message.remote = 0x7777;
  EXPECT_EQ(client.send_for_result(message).memory_taken, 0U);
  message.remote_type = 22;
  EXPECT_EQ(client.send_for_result(message).memory_taken, 0U);
  message = to_server({memory(text("x"))});
  EXPECT_EQ(client.send_for_result(message).memory_taken, ipc::MsgResult::kAll);
}

TEST_F(Memory, OfAMessageThatIsNotComplexIsNotLookedAt) {
  Outgoing message = to_server({memory(text("x"), 0x5555)});
  Bytes bytes = message.encode();
  auto header = header_of(bytes);
  header.msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
  std::memcpy(bytes.data(), &header, sizeof header);
  ipc::MsgArgs args{.option = MACH_SEND_MSG, .message = bytes, .memory = {ipc::MemoryRef::of(text("x"))}};
  EXPECT_EQ(client.call(std::move(args)).code, MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_TRUE(got.regions.empty());
  EXPECT_EQ(word_at(got.bytes, kFirstItem + 8), 0x5555U);
}

// 03.6: given back with its regions, and what was an array is one again.
TEST_F(Memory, ComesBackFromAFullQueue) {
  ASSERT_EQ(server.set_qlimit(r, 0), KERN_SUCCESS);
  const Name moving = client.port();
  const ipc::MsgResult back =
      client.send_for_result(to_server({memory(text("data"), 0x1234), array(kMoveReceive, {moving})}));
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT);
  EXPECT_EQ(back.memory_taken, ipc::MsgResult::kAll);
  ASSERT_EQ(back.regions.size(), 2U);
  EXPECT_EQ(bytes_of(back.regions[0].memory), text("data"));
  EXPECT_EQ(word_at(back.bytes, back.regions[0].slot), 0x234U);
  EXPECT_EQ(client.state(names_of(back.regions[1].memory).at(0)), "R");
}

// 03.20 for elements: those without a name are NULL, the others are there.
TEST_F(Memory, ArrayWithoutNamesIsAnErrorOfTheBody) {
  World small(ipc::Limits{.names_per_space = 4});
  Task& sender = small.task("sender");
  Task& receiver = small.task("receiver");
  const Name in = receiver.port();
  const Name out = receiver.give_send(sender, in);
  const Name a = sender.port();
  const Name b = sender.port();
  receiver.port();
  ASSERT_EQ(sender.send({.remote = out,
                         .remote_type = kCopySend,
                         .bits = MACH_MSGH_BITS_COMPLEX,
                         .items = {array(kMakeSend, {a, b, a})}}),
            MACH_MSG_SUCCESS);
  const Received got = receiver.receive(in);
  EXPECT_EQ(got.code, MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  const std::vector<Name> names = names_of(got.regions.at(0).memory);
  EXPECT_EQ(receiver.state(names.at(0)), "S2");
  EXPECT_EQ(names.at(1), MACH_PORT_NULL);
  EXPECT_EQ(names.at(2), names.at(0));
}

// 03 §12: a message that is too large is destroyed with its memory and its arrays.
TEST_F(Memory, IsDestroyedWithAMessageThatIsTooLarge) {
  const Name moving = client.port();
  const Name watching = client.give_send(server, moving);
  ASSERT_EQ(client.send(to_server({memory(text("x")), array(kMoveReceive, {moving})})), MACH_MSG_SUCCESS);
  const std::uint64_t queued = world.account.bytes_used();
  EXPECT_EQ(server.receive(r, 0, 0, 40).code, MACH_RCV_TOO_LARGE);
  EXPECT_LT(world.account.bytes_used(), queued);
  EXPECT_EQ(server.state(watching), "DN1");
}

TEST_F(Memory, IsChargedAsLongAsItExists) {
  const std::uint64_t before = world.account.bytes_used();
  ASSERT_EQ(client.send(to_server({memory(Bytes(100'000))})), MACH_MSG_SUCCESS);
  EXPECT_GE(world.account.bytes_used(), before + 100'000);
  ipc::MsgResult result = server.call({.option = MACH_RCV_MSG, .rcv_size = 4096, .rcv_name = r});
  EXPECT_GE(world.account.bytes_used(), before + 100'000) << "the result is not delivered yet";
  result = {};
  EXPECT_EQ(world.account.bytes_used(), before);
}

TEST_F(Memory, TooMuchIsNoBufferAndNothingIsConsumed) {
  World small(ipc::Limits{.memory_bytes = 1000});
  Task& task = small.task();
  const Name port = task.port_with_sends(1);
  Outgoing message{.remote = port, .remote_type = kMoveSend, .bits = MACH_MSGH_BITS_COMPLEX};
  message.items = {memory(Bytes(600)), memory(Bytes(401))};
  const ipc::MsgResult refused = task.send_for_result(message);
  EXPECT_EQ(refused.code, MACH_SEND_NO_BUFFER);
  EXPECT_EQ(refused.memory_taken, 0U);
  EXPECT_EQ(task.state(port), "R+S1");
  message.items[1].memory.pop_back();
  message.items[1].descriptor.msgt_number = 400;
  EXPECT_EQ(task.send(message), MACH_MSG_SUCCESS);
}

TEST_F(Memory, TooMuchForTheAccountIsNoBuffer) {
  EXPECT_EQ(client.send(to_server({memory(Bytes(ipc::Account::Limits{}.bytes))})), MACH_SEND_NO_BUFFER);
  EXPECT_EQ(client.state(x), "S1");
}

TEST_F(Memory, TooManyRightsInArraysAreRefused) {
  World small(ipc::Limits{.rights_per_message = 3});
  Task& task = small.task();
  const Name port = task.port_with_sends(1);
  Outgoing message{.remote = port, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX};
  message.items = {rights(kCopySend, {port}), array(kCopySend, {port, port})};
  EXPECT_EQ(task.send(message), MACH_MSG_SUCCESS);
  message.items.push_back(array(kCopySend, {port}));
  EXPECT_EQ(task.send(message), MACH_SEND_INVALID_RIGHT);
}

// 02.18, as far as the engine goes.
TEST_F(Memory, TheWorkedExample) {
  const Name a = client.port_with_sends(1);
  const Name b = client.port_with_sends(1);
  Item data = memory(Bytes(5000, std::byte{0x5A}), 0x4000'0123);
  data.descriptor.msgt_longform = 1;
  data.descriptor.msgt_deallocate = 1;
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .local = q,
                         .local_type = kMakeOnce,
                         .items = {numbers({7}), rights(kCopySend, {a, b}), data}}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.bytes.size(), 88U);
  EXPECT_EQ(got.header.msgh_bits, 0x80001112U);
  EXPECT_EQ(word_at(got.bytes, 32), 0x00000001'20002002ULL);
  EXPECT_EQ(word_at(got.bytes, 48), 0x00000002'20004011ULL);
  EXPECT_EQ(word_at(got.bytes, 72), 0x00001388'C0000808ULL);
  EXPECT_EQ(word_at(got.bytes, 56) >> 32, 0U);
  EXPECT_EQ(word_at(got.bytes, 80), 0x123U);
}

}  // namespace
}  // namespace netmsg::test
