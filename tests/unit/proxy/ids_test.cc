// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "proxy/net_id.h"
#include "proxy/port_uid.h"
#include "proxy/uid_wire.h"
#include "proxy/wire.h"

namespace netmsg::proxy {
namespace {

TEST(NodeId, HexAndWireGoBothWays) {
  const std::string hex = "00112233445566778899aabbccddeeff";
  const auto node = NodeId::from_hex(hex);
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->hex(), hex);
  EXPECT_EQ(node->wire().size(), 16U);
  EXPECT_EQ(NodeId::from_wire(node->wire()), node);
}

TEST(NodeId, OnlyThirtyTwoLowerCaseDigitsAreOne) {
  EXPECT_FALSE(NodeId::from_hex(""));
  EXPECT_FALSE(NodeId::from_hex("00112233445566778899aabbccddeef"));
  EXPECT_FALSE(NodeId::from_hex("00112233445566778899aabbccddeeff0"));
  EXPECT_FALSE(NodeId::from_hex("00112233445566778899AABBCCDDEEFF"));
  EXPECT_FALSE(NodeId::from_hex("0011223344556677 899aabbccddeeff"));
  EXPECT_FALSE(NodeId::from_wire("short"));
  EXPECT_FALSE(NodeId::from_wire(std::string(17, 'x')));
}

TEST(NodeId, OrderIsThatOfTheBigEndianNumber) {
  const auto low = NodeId::from_hex("00ffffffffffffffffffffffffffffff");
  const auto high = NodeId::from_hex("01000000000000000000000000000000");
  EXPECT_LT(*low, *high);
}

TEST(PortUid, IsTheSameOnlyWithItsOrigin) {
  const PortUid port{{{{1}}, 5}, 7};
  EXPECT_EQ(port, (PortUid{{{{1}}, 5}, 7}));
  for (const PortUid& other : {PortUid{{{{2}}, 5}, 7}, PortUid{{{{1}}, 6}, 7}, PortUid{{{{1}}, 5}, 8}}) {
    EXPECT_NE(port, other);
    EXPECT_NE(port < other, other < port);
    EXPECT_NE(digest_of(port), digest_of(other));
  }
  EXPECT_LT((PortUid{{{{9}}, 9}, 1}), (PortUid{{{{1}}, 1}, 2})) << "by serial first";
}

// Each end of a session reads what the other one means, however it is said.
TEST(PortUid, OnTheWireASideStandsForTheOrigin) {
  const Ends here{{{{1}}, 5}, {{{2}}, 6}};
  const Ends there{here.them, here.us};
  const std::pair<Origin, v1::Uid::Side> all[] = {
      {here.us, v1::Uid::SENDER},
      {here.them, v1::Uid::RECEIVER},
      {{{{3}}, 7}, v1::Uid::OTHER},
      {{here.us.node, 4}, v1::Uid::OTHER},  // an earlier run
  };
  for (const auto& [origin, side] : all) {
    v1::Uid wire;
    write_uid(here, {origin, kSerialMax}, wire);
    EXPECT_EQ(wire.side(), side);
    PortUid read;
    EXPECT_FALSE(read_uid(there, wire, read));
    EXPECT_EQ(read, (PortUid{origin, kSerialMax}));
  }
}

}  // namespace
}  // namespace netmsg::proxy
