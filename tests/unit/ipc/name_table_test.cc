// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/name_table.h"

#include <gtest/gtest.h>

#include <set>

namespace netmsg::ipc {
namespace {

constexpr Name kFirst = 2;

Name take(NameTable& table) {
  const Name name = table.pick();
  table.insert(name).urefs = 1;
  return name;
}

TEST(NameTable, NamesGoUpwardsFromTheFirst) {
  NameTable table(100, kFirst);
  EXPECT_EQ(take(table), kFirst);
  EXPECT_EQ(take(table), kFirst + 1);
  table.remove(kFirst);
  table.remove(kFirst + 1);
}

// 01.20
TEST(NameTable, AFreedNameRestsForAtLeast1024Frees) {
  NameTable table(10, kFirst);
  const Name freed = take(table);
  table.remove(freed);
  for (std::size_t frees = 0; frees < NameTable::kQuarantine; ++frees) {
    const Name name = take(table);
    ASSERT_NE(name, freed) << "after " << frees << " frees";
    table.remove(name);
  }
  std::set<Name> next;
  for (int i = 0; i < 3; ++i) next.insert(take(table));
  EXPECT_TRUE(next.contains(freed)) << "rested long enough";
  for (const Name name : next) table.remove(name);
}

// 01.20
TEST(NameTable, ARestingNameCanBeChosenByNumberAndThenRestsAnew) {
  NameTable table(10, kFirst);
  const Name name = take(table);
  table.remove(name);
  table.insert(name).urefs = 1;
  ASSERT_NE(table.find(name), nullptr);
  table.remove(name);
  for (std::size_t frees = 1; frees < NameTable::kQuarantine; ++frees) {
    const Name other = take(table);
    ASSERT_NE(other, name);
    table.remove(other);
  }
}

TEST(NameTable, NamesFarAwayAreKeptAndMetByTheEngineWithoutHarm) {
  NameTable table(1000, kFirst);
  table.insert(0xFFFFFFFE).urefs = 7;
  table.insert(kFirst + 70).urefs = 8;
  std::set<Name> taken;
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(taken.insert(take(table)).second);
  EXPECT_FALSE(taken.contains(kFirst + 70));
  EXPECT_EQ(table.find(0xFFFFFFFE)->urefs, 7U);
  EXPECT_EQ(table.find(kFirst + 70)->urefs, 8U);
  EXPECT_EQ(table.size(), 202U);
  std::vector<Name> order;
  table.for_each([&](Name name, Entry&) { order.push_back(name); });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  for (const Name name : order) table.remove(name);
  EXPECT_EQ(table.size(), 0U);
}

// Names that the caller chooses and frees do not pile up: only the last kQuarantine of them are remembered.
TEST(NameTable, NamesChosenByNumberComeBackToTheEngineAfterTheirRest) {
  NameTable table(10, kFirst);
  for (Name name = kFirst; name < kFirst + 5000; ++name) {
    table.insert(name).urefs = 1;
    table.remove(name);
  }
  const Name picked = take(table);
  EXPECT_GE(picked, kFirst);
  EXPECT_LT(picked, kFirst + 5000 - NameTable::kQuarantine);
  table.remove(picked);
}

TEST(NameTable, NullAndDeadDenoteNothing) {
  NameTable table(10, kFirst);
  EXPECT_EQ(table.find(MACH_PORT_NULL), nullptr);
  EXPECT_EQ(table.find(MACH_PORT_DEAD), nullptr);
}

TEST(NameTable, IsFullAtItsLimit) {
  NameTable table(2, kFirst);
  const Name first = take(table);
  take(table);
  EXPECT_TRUE(table.full());
  table.remove(first);
  EXPECT_FALSE(table.full());
  table.remove(first + 1);
}

}  // namespace
}  // namespace netmsg::ipc
