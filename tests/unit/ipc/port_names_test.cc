// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/port_names.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/seed.h"

namespace netmsg::ipc {
namespace {

// Nobody looks into it.
const Port* port_at(std::uintptr_t address) {
  return reinterpret_cast<const Port*>(address);
}

TEST(PortNames, HasNoneAtFirst) {
  PortNames names;
  EXPECT_EQ(names.find(port_at(272)), kNullName);
  names.erase(port_at(272));
  EXPECT_EQ(names.size(), 0U);
}

TEST(PortNames, APortHasTheNameThatItGotLast) {
  PortNames names;
  names.set(port_at(272), 5);
  names.set(port_at(272), 6);
  EXPECT_EQ(names.find(port_at(272)), 6U);
  EXPECT_EQ(names.size(), 1U);
  names.erase(port_at(272));
  names.erase(port_at(272));
  EXPECT_EQ(names.find(port_at(272)), kNullName);
  EXPECT_EQ(names.size(), 0U);
}

class RandomPortNames : public testing::TestWithParam<unsigned> {};

// Beside a map: many that come and go among so many ports.
TEST_P(RandomPortNames, AreThoseOfAMap) {
  std::mt19937 random(test::test_seed() + GetParam());
  PortNames names;
  std::map<const Port*, Name> model;
  for (Name step = 1; step <= 20000; ++step) {
    const Port* const port = port_at(0x7F0000000000 + 272 * (1 + random() % GetParam()));
    if (random() % 2 == 0) {
      names.set(port, step);
      model[port] = step;
    } else {
      names.erase(port);
      model.erase(port);
    }
    ASSERT_EQ(names.size(), model.size()) << "step " << step;
    const Port* const any = port_at(0x7F0000000000 + 272 * (1 + random() % GetParam()));
    const auto found = model.find(any);
    ASSERT_EQ(names.find(any), found == model.end() ? kNullName : found->second) << "step " << step;
  }
  for (const auto& [port, name] : model) EXPECT_EQ(names.find(port), name);
}

INSTANTIATE_TEST_SUITE_P(AmongPorts, RandomPortNames, testing::Values(1, 3, 4, 50, 5000));

}  // namespace
}  // namespace netmsg::ipc
