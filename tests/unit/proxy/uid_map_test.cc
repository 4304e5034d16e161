// SPDX-License-Identifier: Apache-2.0
#include "proxy/uid_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/seed.h"

namespace netmsg::proxy {
namespace {

PortUid uid(Incarnation incarnation, Serial serial) {
  return {{{}, incarnation}, serial};
}

TEST(UidMap, SaysWhatAnOrdinaryMapSays) {
  const std::uint32_t seed = test::test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  UidMap<unsigned> map;
  std::map<PortUid, unsigned> model;
  for (unsigned step = 0; step < 20000; ++step) {
    const PortUid one = uid(1 + random() % 2, random() % 200);
    const auto known = model.find(one);
    const auto found = map.find(one);
    ASSERT_EQ(found != map.end(), known != model.end());
    if (known != model.end()) {
      ASSERT_EQ(found->second, known->second);
    }
    switch (random() % 4) {
      case 0:
        map[one] = model[one] = step;
        break;
      case 1:
        ASSERT_EQ(map.emplace(one, step).second, model.emplace(one, step).second);
        break;
      case 2:
        map.erase(one);
        model.erase(one);
        break;
      default:
        ASSERT_EQ(map.extract(one).empty(), model.extract(one).empty());
    }
    ASSERT_EQ(map.size(), model.size());
  }
  EXPECT_EQ(map.take(), model) << "in the same order";
}

// Their places in what it remembers are the same.
TEST(UidMap, UidsThatEndAlikeAreTold) {
  UidMap<int> map;
  for (int each = 0; each < 100; ++each) map[uid(1, static_cast<Serial>(each) << 40)] = each;
  for (int round = 0; round < 3; ++round) {
    for (int each = 0; each < 100; ++each) ASSERT_EQ(map.at(uid(1, static_cast<Serial>(each) << 40)), each);
  }
  EXPECT_FALSE(map.contains(uid(2, 0)));
}

TEST(UidMap, WhatIsTakenIsNotThere) {
  UidMap<int> map;
  map[uid(1, 7)] = 7;
  ASSERT_TRUE(map.contains(uid(1, 7)));
  EXPECT_EQ(map.take().size(), 1U);
  EXPECT_FALSE(map.contains(uid(1, 7)));
  map[uid(1, 7)] = 8;
  EXPECT_EQ(map.at(uid(1, 7)), 8);
}

}  // namespace
}  // namespace netmsg::proxy
