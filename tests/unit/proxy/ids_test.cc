// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "proxy/link_slot.h"
#include "proxy/net_id.h"
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

TEST(LinkSlot, HoldsEverySerialAndPeer) {
  for (const Serial serial : {Serial{0}, Serial{1}, Serial{77}, kSerialMax}) {
    EXPECT_TRUE(is_export_slot(export_slot(serial)));
    EXPECT_FALSE(is_proxy_slot(export_slot(serial)));
    EXPECT_EQ(exported_serial(export_slot(serial)), serial);
    for (const PeerIndex peer : {0U, 1U, kPeersMax - 1}) {
      const std::uint64_t slot = proxy_slot(peer, serial);
      EXPECT_TRUE(is_proxy_slot(slot));
      EXPECT_FALSE(is_export_slot(slot));
      EXPECT_EQ(proxy_serial(slot), serial);
      EXPECT_EQ(proxy_peer(slot), peer);
    }
  }
  EXPECT_FALSE(is_export_slot(0));
  EXPECT_FALSE(is_proxy_slot(0));
}

}  // namespace
}  // namespace netmsg::proxy
