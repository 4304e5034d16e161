// SPDX-License-Identifier: Apache-2.0
// Log lines as they reach standard error, and what happens when nobody takes them.
#include "daemon/base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "daemon/base/unique_fd.h"

namespace netmsg::base {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// Standard error is a pipe while it lives.
class CaughtLog {
 public:
  CaughtLog() : saved_(::dup(STDERR_FILENO)) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_end_.reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    ::dup2(write_end.get(), STDERR_FILENO);
  }
  ~CaughtLog() { ::dup2(saved_.get(), STDERR_FILENO); }

  std::string text() {
    std::string all;
    char part[4096];
    for (ssize_t length = 0; (length = ::read(read_end_.get(), part, sizeof(part))) > 0;)
      all.append(part, length);
    return all;
  }
  void nobody_reads_any_more() { read_end_.reset(); }

 private:
  UniqueFd saved_;
  UniqueFd read_end_;
};

TEST(Log, ALineIsAnEventWithItsFields) {
  CaughtLog caught;
  log(LogLevel::kInfo, "listening", {{"socket", "/run/x"}, {"mode", 432}});
  EXPECT_THAT(caught.text(),
              testing::MatchesRegex("[0-9-]+T[0-9:.]+Z info listening socket=/run/x mode=432\n"));
}

TEST(Log, WhatOthersWroteCannotEndALineOrReachATerminal) {
  CaughtLog caught;
  log(LogLevel::kWarn, "complaint", {{"said", "a\nb\x1b[31m \"q\" \\ \xff"}, {"nothing", ""}});
  EXPECT_THAT(caught.text(),
              EndsWith("complaint said=\"a\\nb\\x1b[31m \\\"q\\\" \\\\ \\xff\" nothing=\"\"\n"));
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  CaughtLog caught;
  set_log_level(LogLevel::kError);
  log(LogLevel::kWarn, "quiet");
  log(LogLevel::kError, "loud");
  set_log_level(LogLevel::kOff);
  log(LogLevel::kError, "silent");
  set_log_level(LogLevel::kInfo);
  const std::string text = caught.text();
  EXPECT_THAT(text, HasSubstr("loud"));
  EXPECT_THAT(text, testing::Not(testing::AnyOf(HasSubstr("quiet"), HasSubstr("silent"))));
}

TEST(Log, AFullPipeDropsLinesAndCountsThem) {
  CaughtLog caught;
  const std::uint64_t before = log_lines_dropped();
  const std::string filler(1000, 'x');
  for (int i = 0; i < 200; ++i) log(LogLevel::kInfo, "filler", {{"text", filler}});
  EXPECT_GT(log_lines_dropped(), before);
  caught.text();
  log(LogLevel::kInfo, "after");
  EXPECT_THAT(caught.text(), HasSubstr("after"));
}

TEST(Log, ALineThatNobodyCanReadIsDroppedAndCounted) {
  const auto before_signal = std::signal(SIGPIPE, SIG_IGN);  // as netmsgd does
  CaughtLog caught;
  caught.nobody_reads_any_more();
  const std::uint64_t before = log_lines_dropped();
  log(LogLevel::kInfo, "lost");
  EXPECT_EQ(log_lines_dropped(), before + 1);
  std::signal(SIGPIPE, before_signal);
}

TEST(Log, AnEndlessLineIsCut) {
  CaughtLog caught;
  log(LogLevel::kInfo, "long", {{"text", std::string(100000, 'x')}});
  const std::string text = caught.text();
  EXPECT_EQ(text.size(), 4096U);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Log, LevelsHaveTheirWords) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("off"), LogLevel::kOff);
  EXPECT_EQ(parse_log_level("INFO"), std::nullopt);
  EXPECT_EQ(parse_log_level(""), std::nullopt);
}

TEST(Complaints, AreSaidOnceInAWhileForEachSubject) {
  CaughtLog caught;
  ManualClock clock;
  Complaints complaints(clock, std::chrono::seconds(10));
  EXPECT_TRUE(complaints.warn("a", "bad_frame", "length"));
  EXPECT_FALSE(complaints.warn("a", "bad_frame", "length"));
  EXPECT_FALSE(complaints.warn("a", "bad_frame", "kind"));
  EXPECT_TRUE(complaints.warn("b", "bad_frame", "length"));
  clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(complaints.warn("a", "bad_frame", "order"));
  EXPECT_THAT(caught.text(), EndsWith("bad_frame subject=a reason=order unsaid=2\n"));
}

TEST(Complaints, RememberABoundedNumberOfSubjects) {
  CaughtLog caught;
  ManualClock clock;
  Complaints complaints(clock, std::chrono::seconds(10));
  for (std::size_t i = 0; i < Complaints::kSubjectsMax; ++i) {
    ASSERT_TRUE(complaints.warn(std::to_string(i), "e", "r"));
  }
  EXPECT_TRUE(complaints.warn("one more", "e", "r"));
  EXPECT_FALSE(complaints.warn("and another", "e", "r"));  // they share one
  clock.advance(std::chrono::seconds(11));
  EXPECT_TRUE(complaints.warn("and another", "e", "r"));
  EXPECT_TRUE(complaints.warn("one more", "e", "r"));
}

}  // namespace
}  // namespace netmsg::base
