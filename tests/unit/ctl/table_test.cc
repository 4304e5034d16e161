// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/table.h"

#include <gtest/gtest.h>

namespace netmsg::ctl {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"NAME"}, {"COUNT", true}, {"WHERE"}});
  table.add({"a", "7", "here"});
  table.add({"longer", "1234567", ""});
  EXPECT_EQ(table.text(),
            "NAME      COUNT  WHERE\n"
            "a             7  here\n"
            "longer  1234567\n");
}

TEST(Table, WithoutRowsThereAreTitles) {
  EXPECT_EQ(Table({{"A"}, {"B"}}).text(), "A  B\n");
}

TEST(Table, WhatAProgramWroteCannotReachTheTerminal) {
  Table table({{"LABEL"}});
  table.add({"a\x1b[2J\nb\x7f"});
  EXPECT_EQ(table.text(), "LABEL\na.[2J.b.\n");
}

TEST(Words, ForDurations) {
  EXPECT_EQ(duration_text(0), "0ms");
  EXPECT_EQ(duration_text(999), "999ms");
  EXPECT_EQ(duration_text(1000), "1s");
  EXPECT_EQ(duration_text(61999), "1m 1s");
  EXPECT_EQ(duration_text(3600000), "1h 0m");
  EXPECT_EQ(duration_text(90061000), "1d 1h");
}

TEST(Words, ForTypes) {
  EXPECT_EQ(type_text(0x30000), "receive send");
  EXPECT_EQ(type_text(0x80010000U), "send +dead-name-request");
  EXPECT_EQ(type_text(0x100000), "dead-name");
  EXPECT_EQ(type_text(0), "");
}

}  // namespace
}  // namespace netmsg::ctl
