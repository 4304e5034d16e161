// SPDX-License-Identifier: Apache-2.0
// Spec 02 §§2-5 as bytes: what the compile-time assertions of the headers cannot say.
#include <gtest/gtest.h>
#include <mach-shortcuts.h>
#include <mach/mach.h>
#include <mach/mach_error.h>
#include <mach_init.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

std::uint64_t as_word(const mach_msg_type_t& type) {
  std::uint64_t word;
  std::memcpy(&word, &type, sizeof word);
  return word;
}

// 02.1, 07.2
TEST(Layout, OfHeaderAndDescriptors) {
  static_assert(sizeof(mach_msg_header_t) == 32 && alignof(mach_msg_header_t) == 8);
  static_assert(offsetof(mach_msg_header_t, msgh_bits) == 0 && offsetof(mach_msg_header_t, msgh_size) == 4);
  static_assert(offsetof(mach_msg_header_t, msgh_remote_port) == 8);
  static_assert(offsetof(mach_msg_header_t, msgh_local_port) == 16);
  static_assert(offsetof(mach_msg_header_t, msgh_protected_payload) == 16);
  static_assert(offsetof(mach_msg_header_t, msgh_seqno) == 24 && offsetof(mach_msg_header_t, msgh_id) == 28);
  static_assert(sizeof(mach_msg_type_t) == 8 && alignof(mach_msg_type_t) == 8);
  static_assert(sizeof(mach_msg_type_long_t) == 8 && alignof(mach_msg_type_long_t) == 8);
  static_assert(sizeof(mach_port_name_inlined_t) == 8);
  mach_msg_header_t header;
  std::memset(&header, 0xFF, sizeof header);
  header.msgh_protected_payload = 0x1122334455667788;
  EXPECT_EQ(header.msgh_local_port, 0x55667788U) << "the same storage";
  EXPECT_EQ(header.msgh_seqno, 0xFFFFFFFFU);
}

// 02.1, 07.2
TEST(Descriptor, EachFieldHasItsBits) {
  struct Row {
    mach_msg_type_t type;
    std::uint64_t word;
  };
  const Row rows[] = {
      {{0xFF, 0, 0, 0, 0, 0, 0}, 0x00000000000000FF},       {{0, 0xFFFF, 0, 0, 0, 0, 0}, 0x0000000000FFFF00},
      {{0, 0, 0x1F, 0, 0, 0, 0}, 0x000000001F000000},       {{0, 0, 0, 1, 0, 0, 0}, 0x0000000020000000},
      {{0, 0, 0, 0, 1, 0, 0}, 0x0000000040000000},          {{0, 0, 0, 0, 0, 1, 0}, 0x0000000080000000},
      {{0, 0, 0, 0, 0, 0, 0xFFFFFFFF}, 0xFFFFFFFF00000000},
  };
  for (const Row& row : rows) EXPECT_EQ(as_word(row.type), row.word);
}

// 02.18
TEST(Descriptor, TheWorkedExampleIsByteForByte) {
  EXPECT_EQ(as_word({MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1}), 0x0000000120002002U);
  EXPECT_EQ(as_word({MACH_MSG_TYPE_COPY_SEND, 64, 0, 1, 0, 0, 2}), 0x0000000220004013U);
  EXPECT_EQ(as_word({MACH_MSG_TYPE_CHAR, 8, 0, 0, 1, 1, 5000}), 0x00001388C0000808U);
  EXPECT_EQ(MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
            0x80001513U);
}

// 02.1, 07.2
TEST(Descriptor, TheLongFormIsTheSameBytes) {
  mach_msg_type_long_t type{};
  type.msgtl_name = MACH_MSG_TYPE_STRING;
  type.msgtl_size = 640;
  type.msgtl_longform = 1;
  type.msgtl_number = 1;
  EXPECT_EQ(as_word(type.msgtl_header), 0x000000014002800CU);
}

TEST(Bits, ExtractorsUndoTheConstructor) {
  const mach_msg_bits_t bits = MACH_MSGH_BITS(17U, 21U) | MACH_MSGH_BITS_COMPLEX;
  EXPECT_EQ(MACH_MSGH_BITS_REMOTE(bits), 17U);
  EXPECT_EQ(MACH_MSGH_BITS_LOCAL(bits), 21U);
  EXPECT_EQ(MACH_MSGH_BITS_PORTS(bits), 0x1511U);
  EXPECT_EQ(MACH_MSGH_BITS_OTHER(bits), MACH_MSGH_BITS_COMPLEX);
}

TEST(PortTypes, HaveTheValuesOfTheSpec) {
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RECEIVE, 0x30000U);
  EXPECT_EQ(MACH_PORT_TYPE_SEND_RIGHTS, 0x50000U);
  EXPECT_EQ(MACH_PORT_TYPE_PORT_RIGHTS, 0x70000U);
  EXPECT_EQ(MACH_PORT_TYPE_PORT_OR_DEAD, 0x170000U);
  EXPECT_EQ(MACH_PORT_TYPE_ALL_RIGHTS, 0x1F0000U);
}

TEST(Notifications, HaveTheIdsOfTheSpec) {
  EXPECT_EQ(MACH_NOTIFY_PORT_DELETED, 65);
  EXPECT_EQ(MACH_NOTIFY_MSG_ACCEPTED, 66);
  EXPECT_EQ(MACH_NOTIFY_PORT_DESTROYED, 69);
  EXPECT_EQ(MACH_NOTIFY_NO_SENDERS, 70);
  EXPECT_EQ(MACH_NOTIFY_SEND_ONCE, 71);
  EXPECT_EQ(MACH_NOTIFY_DEAD_NAME, 72);
  EXPECT_EQ(MACH_NOTIFY_LAST, 77);
}

}  // namespace
