// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/support/temporary_folder.h"

namespace netmsg::daemon {
namespace {

using testing::HasSubstr;

const std::string kFresh = "0123456789abcdef0123456789abcdef";
const std::string kOther = "ffffffffffffffffffffffffffffffff";

class StateDirTest : public testing::Test {
 protected:
  StateDir open() { return std::get<StateDir>(StateDir::open(path_)); }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ + "/" + name) << text;
  }
  std::uint64_t incarnation(std::uint64_t now) {
    return std::get<std::uint64_t>(open().next_incarnation(now));
  }

  test::TemporaryFolder parent_;
  std::string path_ = parent_.path() + "/a/b";
};

TEST_F(StateDirTest, ASecondDaemonIsRefusedUntilTheFirstIsGone) {
  {
    const StateDir first = open();
    const auto second = StateDir::open(path_);
    ASSERT_TRUE(std::holds_alternative<StateError>(second));
    EXPECT_THAT(std::get<StateError>(second).text, HasSubstr("another netmsgd"));
  }
  EXPECT_TRUE(std::holds_alternative<StateDir>(StateDir::open(path_)));
}

TEST_F(StateDirTest, IsForItsOwnerOnly) {
  open();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(StateDirTest, IncarnationsGrowWhateverTheWallClockDoes) {
  EXPECT_EQ(incarnation(1000), 1000U);
  EXPECT_EQ(incarnation(1000), 1001U);
  EXPECT_EQ(incarnation(5), 1002U);
  EXPECT_EQ(incarnation(2000), 2000U);
}

TEST_F(StateDirTest, TheNodeIdIsDrawnOnce) {
  EXPECT_EQ(std::get<std::string>(open().node_id(kFresh)), kFresh);
  EXPECT_EQ(std::get<std::string>(open().node_id(kOther)), kFresh);
}

TEST_F(StateDirTest, RandomIdsAreIdsAndDiffer) {
  const std::string one = random_node_id();
  EXPECT_TRUE(is_node_id(one));
  EXPECT_NE(one, random_node_id());
  EXPECT_FALSE(is_node_id(one + "0"));
  EXPECT_FALSE(is_node_id("0123456789ABCDEF0123456789ABCDEF"));
}

TEST_F(StateDirTest, DamagedFilesAreErrorsAndStayAsTheyAre) {
  for (const char* text : {"", "x", "12x", "-1", "18446744073709551616", "18446744073709551615"}) {
    SCOPED_TRACE(text);
    write("incarnation", text);
    EXPECT_TRUE(std::holds_alternative<StateError>(open().next_incarnation(1)));
  }
  write("node", "short\n");
  EXPECT_THAT(std::get<StateError>(open().node_id(kFresh)).text, HasSubstr("/node"));
}

TEST_F(StateDirTest, AFileInTheWayIsAnErrorWithThePath) {
  std::ofstream(parent_.path() + "/a") << "file";
  const auto opened = StateDir::open(path_);
  ASSERT_TRUE(std::holds_alternative<StateError>(opened));
  EXPECT_THAT(std::get<StateError>(opened).text, HasSubstr(path_));
}

}  // namespace
}  // namespace netmsg::daemon
