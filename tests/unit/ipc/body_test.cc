// SPDX-License-Identifier: Apache-2.0
// Spec 02 §3, §6, §8: the items of a complex message, and what is lost with a bad one.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <cstring>
#include <functional>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

class Body : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();
};

using Change = std::function<void(mach_msg_type_t&)>;
struct BadItem {
  const char* what;
  mach_msg_return_t code;
  Change change;
};

// 02.9, 02.10: every bad item stands behind a MOVE_RECEIVE and header rights, and all of those are
// destroyed with it.
TEST_F(Body, ABadItemDestroysWhatWasTaken) {
  const BadItem cases[] = {
      {"inline ports of 32 bits", MACH_SEND_INVALID_TYPE, [](auto& d) { d.msgt_size = 32; }},
      {"out-of-line ports of 64 bits", MACH_SEND_INVALID_TYPE, [](auto& d) { d.msgt_inline = 0; }},
      {"unused bits", MACH_SEND_INVALID_TYPE, [](auto& d) { d.msgt_unused = 1; }},
      {"inline and deallocate", MACH_SEND_INVALID_TYPE, [](auto& d) { d.msgt_deallocate = 1; }},
      {"more elements than there are", MACH_SEND_MSG_TOO_SMALL, [](auto& d) { d.msgt_number = 2; }},
      {"an overflow of number and size", MACH_SEND_MSG_TOO_SMALL,
       [](auto& d) {
         d.msgt_name = MACH_MSG_TYPE_BYTE;
         d.msgt_number = 0xFFFFFFFF;
         d.msgt_size = 0xFFFF;
       }},
      {"memory that is not there", MACH_SEND_INVALID_MEMORY,
       [](auto& d) {
         d.msgt_name = MACH_MSG_TYPE_BYTE;
         d.msgt_inline = 0;
       }},
  };
  for (const BadItem& bad : cases) {
    SCOPED_TRACE(bad.what);
    const Name to = server.give_send(client, server.port());
    const Name moving = client.port();
    const Name watching = client.give_send(server, moving);
    Item item = rights(kMakeSend, {q});
    bad.change(item.descriptor);
    if (item.descriptor.msgt_size != 64) item.values.push_back(0);
    EXPECT_EQ(client.send({.remote = to,
                           .remote_type = kMoveSend,
                           .local = q,
                           .local_type = kMakeOnce,
                           .bits = MACH_MSGH_BITS_COMPLEX,
                           .items = {rights(kMoveReceive, {moving}), item}}),
              bad.code);
    EXPECT_EQ(client.state(to), "free");
    EXPECT_EQ(server.state(watching), "DN1");
    EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
    EXPECT_FALSE(client.status(q).mps_srights);
  }
}

// 02.8
TEST_F(Body, WithoutComplexNothingIsLookedAt) {
  Item item = rights(kMakeSend, {q});
  item.descriptor.msgt_unused = 31;
  Bytes sent = Outgoing{.remote = x, .remote_type = kCopySend, .items = {item}}.encode();
  sent[3] = std::byte{0};  // COMPLEX off again
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = sent;
  ASSERT_EQ(client.call(args).code, MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_TRUE(std::equal(got.bytes.begin() + 32, got.bytes.end(), sent.begin() + 32, sent.end()));
}

// 02.7
TEST_F(Body, ComplexIsClearedWithoutPortsAndKeptWithAnEmptyPortItem) {
  client.send(
      {.remote = x, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX, .items = {numbers({1})}});
  EXPECT_EQ(server.receive(r).header.msgh_bits & MACH_MSGH_BITS_COMPLEX, 0U);
  client.send({.remote = x, .remote_type = kCopySend, .items = {rights(kMakeSend, {})}});
  EXPECT_NE(server.receive(r).header.msgh_bits & MACH_MSGH_BITS_COMPLEX, 0U);
}

TEST_F(Body, TypesArriveAsReceived) {
  client.send(
      {.remote = x,
       .remote_type = kCopySend,
       .items = {rights(kMakeSend, {q}), rights(kMakeOnce, {q}), rights(kMoveReceive, {client.port()})}});
  const Received got = server.receive(r);
  EXPECT_EQ(got.bytes[32], std::byte{17});
  EXPECT_EQ(got.bytes[48], std::byte{18});
  EXPECT_EQ(got.bytes[64], std::byte{16});
}

// 02.12
TEST_F(Body, AnOutOfLineItemOfNoLengthArrivesWithoutAnAddress) {
  Item item = numbers({0xDEAD, 0xBEEF});  // the two halves of a wild address
  item.descriptor.msgt_inline = 0;
  item.descriptor.msgt_number = 0;
  ASSERT_EQ(
      client.send({.remote = x, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX, .items = {item}}),
      MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_NE(got.header.msgh_bits & MACH_MSGH_BITS_COMPLEX, 0U);
  EXPECT_EQ(got.bytes[35], std::byte{0x80}) << "deallocate set";
  for (std::size_t at = 40; at < 48; ++at) EXPECT_EQ(got.bytes[at], std::byte{0});
}

// 02.17
TEST_F(Body, PortNamesAsDataAreNotTouched) {
  Item item = numbers({q});
  item.descriptor.msgt_name = MACH_MSG_TYPE_PORT_NAME;
  client.send({.remote = x, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX, .items = {item}});
  EXPECT_EQ(server.receive(r).values.at(0), q);
}

// 02.11: thirteen bits are two bytes, and the next item begins at the next multiple of 8.
TEST_F(Body, BitsAreWholeBytesAndItemsAreAligned) {
  Item bits = numbers({0x1FFF});
  bits.descriptor.msgt_name = MACH_MSG_TYPE_BIT;
  bits.descriptor.msgt_size = 1;
  bits.descriptor.msgt_number = 13;
  ASSERT_EQ(client.send({.remote = x, .remote_type = kCopySend, .items = {bits, rights(kMakeSend, {q})}}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  EXPECT_EQ(got.bytes.size(), 32U + 16U + 16U);
  EXPECT_EQ(got.bytes[40], std::byte{0xFF});
  EXPECT_EQ(got.bytes[41], std::byte{0x1F});
  EXPECT_EQ(got.bytes[48], std::byte{MACH_MSG_TYPE_PORT_SEND});
  Name carried = 0;
  std::memcpy(&carried, got.bytes.data() + 56, sizeof carried);
  EXPECT_EQ(server.state(carried), "S1");
}

TEST_F(Body, RightsNotReachedStayWithTheSender) {
  const Name kept = client.port();
  EXPECT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .items = {rights(kCopySend, {4711}), rights(kMoveReceive, {kept})}}),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client.state(kept), "R");
}

}  // namespace
}  // namespace netmsg::test
