// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <mach.h>
#include <servers/netname_defs.h>

#include <set>
#include <string>

namespace {

bool begins_with_its_family(mach_error_t code) {
  return std::string(mach_error_string(code)).rfind(mach_error_type(code), 0) == 0;
}

// 07.11
TEST(MachErrorString, HasATextForEveryCode) {
  std::set<std::string> texts;
  int codes = 0;
  const auto expect_text = [&](mach_error_t code) {
    EXPECT_TRUE(begins_with_its_family(code)) << code << " " << mach_error_string(code);
    texts.insert(mach_error_string(code));
    ++codes;
  };
  for (int code = 0; code <= 28; ++code)
    if (code != 11 && code != 25) expect_text(code);
  for (int code = 1; code <= 0x10; ++code) expect_text(0x10000000 + code);
  for (int code = 1; code <= 0xC; ++code) expect_text(0x10004000 + code);
  for (int code = -309; code <= -300; ++code) expect_text(code);
  for (int code = 1000; code <= 1004; ++code) expect_text(code);
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(codes)) << "no two have the same";
}

TEST(MachErrorString, HasTheCustomaryFamilies) {
  EXPECT_STREQ(mach_error_type(KERN_INVALID_NAME), "(os/kern) ");
  EXPECT_STREQ(mach_error_type(MACH_SEND_TIMED_OUT), "(ipc/send) ");
  EXPECT_STREQ(mach_error_type(MACH_RCV_TIMED_OUT), "(ipc/rcv) ");
  EXPECT_STREQ(mach_error_type(MIG_BAD_ID), "(ipc/mig) ");
}

// 07.11
TEST(MachErrorString, MasksDetailBitsOfEveryMessageCode) {
  const auto expect_masked = [](mach_error_t code) {
    for (mach_error_t detail = 0x400; detail <= MACH_MSG_MASK; detail += 0x400) {
      EXPECT_STREQ(mach_error_string(code | detail), mach_error_string(code))
          << std::hex << code << " " << detail;
      EXPECT_STREQ(mach_error_type(code | detail), mach_error_type(code))
          << std::hex << code << " " << detail;
    }
  };
  for (int code = 1; code <= 0x10; ++code) expect_masked(0x10000000 + code);
  for (int code = 1; code <= 0xC; ++code) expect_masked(0x10004000 + code);
}

// 07.11
TEST(MachErrorType, IsThatOfTheWholeFamily) {
  EXPECT_STREQ(mach_error_type(0x10000011), "(ipc/send) ") << "no such code, but a code of sending";
  EXPECT_STREQ(mach_error_type(NETNAME_NO_SUCH_HOST), "(netname) ");
  EXPECT_STREQ(mach_error_type(0x7FFFFFFF), mach_error_type(-1)) << "of no family";
}

// 07.11
TEST(MachError, WritesToStandardError) {
  testing::internal::CaptureStderr();
  mach_error("here", MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("here: (ipc/rcv) "), 0U) << written;
  EXPECT_NE(written.find("1000600c"), std::string::npos) << written << "with the detail";
}

TEST(MachErrorString, KnowsWhatItDoesNotKnow) {
  EXPECT_NE(std::string(mach_error_string(0x12345678)).find("unknown"), std::string::npos);
  EXPECT_NE(std::string(mach_error_string(-1)).find("unknown"), std::string::npos);
}

}  // namespace
