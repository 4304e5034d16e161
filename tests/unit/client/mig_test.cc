// SPDX-License-Identifier: Apache-2.0
// What stubs call besides mach_msg (spec 07 §5); stubs themselves are in tests/stubs.
#include <mach/mig_support.h>

#include <thread>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr mach_port_t kNull = MACH_PORT_NULL;

TEST(ReplyPort, IsAReceiveRightThatIsKept) {
  const mach_port_t port = mig_get_reply_port();
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE);
  mig_put_reply_port(port);
  EXPECT_EQ(mig_get_reply_port(), port);
}

TEST(ReplyPort, IsGivenUpWhateverTheArgumentIs) {
  const mach_port_t other = new_port();
  for (const mach_port_t argument : {other, kNull, mach_port_t{MACH_PORT_DEAD}}) {
    const mach_port_t port = mig_get_reply_port();
    mig_put_reply_port(argument);
    EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE);
    mig_dealloc_reply_port(argument);
    EXPECT_EQ(type_of(port), MACH_PORT_TYPE_NONE);
    EXPECT_EQ(type_of(other), MACH_PORT_TYPE_RECEIVE);
  }
  mig_dealloc_reply_port(kNull);  // of none: nothing happens
  EXPECT_NE(mig_get_reply_port(), kNull);
}

TEST(ReplyPort, IsEachThreadsOwnAndGoesWithIt) {
  const mach_port_t here = mig_get_reply_port();
  mach_port_t there = kNull;
  std::thread([&] {
    there = mig_get_reply_port();
    EXPECT_EQ(type_of(there), MACH_PORT_TYPE_RECEIVE);
  }).join();
  EXPECT_NE(there, here);
  EXPECT_EQ(type_of(there), MACH_PORT_TYPE_NONE);
}

// The names of parent and child are of two spaces, so the child looks at what the name means there.
TEST(ReplyPort, OfAForkedChildIsNew) {
  ASSERT_NE(mig_get_reply_port(), kNull);
  EXPECT_TRUE(in_process(daemon().path(), [] {
    EXPECT_EQ(type_of(mig_get_reply_port()), MACH_PORT_TYPE_RECEIVE);
    SmallMessage message;
    EXPECT_EQ(receive_from(mig_get_reply_port(), &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
  }));
  EXPECT_EQ(type_of(mig_get_reply_port()), MACH_PORT_TYPE_RECEIVE);
}

TEST(ReplyPort, IsNoneWithoutADaemon) {
  EXPECT_TRUE(in_process("/dev/null/none", [] { EXPECT_EQ(mig_get_reply_port(), kNull); }));
}

TEST(ReplyPort, IsKeptWhenAReceiveFromItReturns) {
  const mach_port_t port = mig_get_reply_port();
  SmallMessage message;
  EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
  EXPECT_EQ(mig_get_reply_port(), port);
}

TEST(MigStrncpy, CountsTheTerminatorAndAlwaysStoresIt) {
  struct {
    const char* source;
    vm_size_t room;
    const char* stored;
    vm_size_t count;
  } const cases[] = {{"", 8, "", 1},
                     {"1234567", 8, "1234567", 8},
                     {"12345678", 8, "1234567", 8},
                     {"12345678", 9, "12345678", 9},
                     {"12", 1, "", 1}};
  for (const auto& c : cases) {
    char room[16];
    std::memset(room, '#', sizeof room);
    EXPECT_EQ(mig_strncpy(room, c.source, c.room), c.count) << c.source;
    EXPECT_STREQ(room, c.stored);
    EXPECT_EQ(room[c.count], '#') << "nothing behind it is touched";
  }
}

TEST(MigStrncpy, StoresNothingWhereThereIsNoRoom) {
  char room[] = "untouched";
  EXPECT_EQ(mig_strncpy(room, "12", 0), 0U);
  EXPECT_STREQ(room, "untouched");
}

TEST(MigAllocate, GivesMemoryAndTakesItBack) {
  vm_address_t address = 0;
  mig_allocate(&address, 5000);
  ASSERT_NE(address, 0U);
  std::memset(reinterpret_cast<void*>(address), 1, 8192);
  mig_deallocate(address, 5000);
  vm_address_t impossible = 5;
  mig_allocate(&impossible, vm_size_t{1} << 60);
  EXPECT_EQ(impossible, 0U);
}

TEST(MigReplySetup, SaysBadIdToWhoeverAsked) {
  mach_msg_header_t request{};
  request.msgh_bits =
      MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND);
  request.msgh_remote_port = 77;
  request.msgh_local_port = 88;
  request.msgh_seqno = 5;
  request.msgh_id = 1000;
  mig_reply_header_t reply;
  std::memset(&reply, 0xee, sizeof reply);
  mig_reply_setup(&request, &reply.Head);
  EXPECT_EQ(reply.Head.msgh_bits, MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0));
  EXPECT_EQ(reply.Head.msgh_size, 48U);
  EXPECT_EQ(reply.Head.msgh_remote_port, 77U);
  EXPECT_EQ(reply.Head.msgh_local_port, kNull);
  EXPECT_EQ(reply.Head.msgh_seqno, 0U);
  EXPECT_EQ(reply.Head.msgh_id, 1100);
  std::uint64_t descriptor = 0;
  std::memcpy(&descriptor, &reply.RetCodeType, sizeof descriptor);
  EXPECT_EQ(descriptor, 0x0000'0001'2000'2002U);
  EXPECT_EQ(reply.RetCode, MIG_BAD_ID);
}

TEST(Aliases, AreTheSameFunctions) {
  EXPECT_EQ(&__mach_msg, &mach_msg);
  EXPECT_EQ(&__mach_msg_trap, &mach_msg_trap);
  EXPECT_EQ(&__mig_get_reply_port, &mig_get_reply_port);
  EXPECT_EQ(&__mig_put_reply_port, &mig_put_reply_port);
  EXPECT_EQ(&__mig_dealloc_reply_port, &mig_dealloc_reply_port);
  EXPECT_EQ(&__mig_strncpy, &mig_strncpy);
  EXPECT_EQ(&__mig_allocate, &mig_allocate);
  EXPECT_EQ(&__mig_deallocate, &mig_deallocate);
  EXPECT_EQ(&__mig_reply_setup, &mig_reply_setup);
  __mig_init(nullptr);
}

}  // namespace
}  // namespace netmsg::test
