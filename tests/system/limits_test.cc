// SPDX-License-Identifier: Apache-2.0
// A daemon whose limits are set low, and what a client of it meets: the resource codes of spec 05 and the
// special bits of 03 §8. The engine's own tests of them are in unit/ipc/limits_test.cc.
#include <gtest/gtest.h>

#include "tests/support/dispositions.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

Host& host() {
  static Host only("here", 0, {},
                   {"--limit-names=64", "--limit-inline-bytes=1024", "--limit-rights=4",
                    "--limit-user-bytes=65536", "--limit-user-file-bytes=65536", "--limit-user-ports=24"});
  return only;
}

mach_msg_return_t send_bytes(Bytes& bytes) {
  return mach_msg(reinterpret_cast<mach_msg_header_t*>(bytes.data()), MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                  static_cast<mach_msg_size_t>(bytes.size()), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

class LowLimits : public testing::Test {
 protected:
  static void SetUpTestSuite() { become_client_of(host()); }
  void TearDown() override {
    for (const mach_port_t name : made_) mach_port_destroy(mach_task_self(), name);
    EXPECT_EQ(balanced({&host()}), "");
  }

  // Gone with the test.
  mach_port_t port() { return made_.emplace_back(new_port()); }
  kern_return_t allocate(mach_port_right_t right) {
    mach_port_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), right, &name);
    if (code == KERN_SUCCESS) made_.push_back(name);
    return code;
  }
  // Until there is no name left.
  void fill() {
    while (allocate(MACH_PORT_RIGHT_DEAD_NAME) == KERN_SUCCESS) {
    }
  }

 private:
  std::vector<mach_port_t> made_;
};

// 05.15: through the library and a real daemon.
TEST_F(LowLimits, AFullSpaceHasNoNames) {
  const mach_port_t p = port();
  fill();
  for (const mach_port_right_t right :
       {MACH_PORT_RIGHT_RECEIVE, MACH_PORT_RIGHT_PORT_SET, MACH_PORT_RIGHT_DEAD_NAME})
    EXPECT_EQ(allocate(right), KERN_NO_SPACE);
  EXPECT_EQ(mach_reply_port(), static_cast<mach_port_t>(MACH_PORT_NULL));
  EXPECT_EQ(mach_port_insert_right(mach_task_self(), 4711, p, kMakeOnce), KERN_NO_SPACE);
  EXPECT_EQ(drain(p, MACH_NOTIFY_SEND_ONCE), 1U);
  mach_port_t once = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_EQ(mach_port_extract_right(mach_task_self(), p, kMakeOnce, &once, &type), KERN_NO_SPACE);
  EXPECT_EQ(drain(p, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(mach_port_insert_right(mach_task_self(), p, p, kMakeSend), KERN_SUCCESS) << "needs no name";
}

// 03.20, A14
TEST_F(LowLimits, NoNameForTheReplyRightRefusesTheHeader) {
  const mach_port_t p = port();
  const mach_port_t q = port();
  const Outgoing request{
      .remote = p, .remote_type = kMakeSend, .local = q, .local_type = kMakeOnce, .id = 14};
  Outgoing merging = request;
  merging.local_type = kMakeSend;
  ASSERT_EQ(send_message(request), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_message(merging), MACH_MSG_SUCCESS);
  fill();
  const ReceivedMessage refused = receive_message(p);
  EXPECT_EQ(refused.code, MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(refused.header.msgh_id, 14);
  EXPECT_EQ(refused.header.msgh_local_port, p);
  EXPECT_EQ(refused.header.msgh_remote_port, static_cast<mach_port_t>(MACH_PORT_NULL));
  EXPECT_EQ(drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
  const ReceivedMessage merged = receive_message(p);
  EXPECT_EQ(merged.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(merged.header.msgh_remote_port, q);
  EXPECT_EQ(state_of(q), "R+S1");
}

// 03.20
TEST_F(LowLimits, NoNameForABodyRightLosesThatRight) {
  const mach_port_t p = port();
  const mach_port_t q = port();
  ASSERT_EQ(send_message({.remote = p,
                          .remote_type = kMakeSend,
                          .items = {rights(kMakeOnce, {q}), rights(kMakeSend, {q}), numbers({20})}}),
            MACH_MSG_SUCCESS);
  fill();
  const ReceivedMessage got = receive_message(p);
  EXPECT_EQ(got.code, MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(got.values, (std::vector<std::uint32_t>{MACH_PORT_NULL, q, 20}));
  EXPECT_EQ(state_of(q), "R+S1");
  EXPECT_EQ(drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST_F(LowLimits, NoNameForAMessageThatComesBack) {
  const mach_port_t p = port();
  const mach_port_t q = port();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), p, 0), KERN_SUCCESS);
  fill();
  const ReceivedMessage back =
      send_for_result({.remote = p, .remote_type = kMakeSend, .local = q, .local_type = kMakeOnce});
  EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(back.header.msgh_remote_port, p) << "merged with the receive right";
  EXPECT_EQ(back.header.msgh_local_port, static_cast<mach_port_t>(MACH_PORT_NULL));
  EXPECT_EQ(drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST_F(LowLimits, AMessageHasSoManyRightsAndBytes) {
  const mach_port_t p = port();
  const mach_port_t q = port();
  const auto with = [&](std::initializer_list<Name> names) {
    return send_message({.remote = p, .remote_type = kMakeSend, .items = {rights(kMakeOnce, names)}});
  };
  EXPECT_EQ(with({q, q, q, q}), MACH_MSG_SUCCESS);
  EXPECT_EQ(with({q, q, q, q, q}), MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(drain(q, MACH_NOTIFY_SEND_ONCE), 4U) << "what had been taken is destroyed";
  Bytes bytes = Outgoing{.remote = p, .remote_type = kMakeSend}.encode();
  for (const mach_msg_size_t size : {1024U, 1032U}) {
    bytes.resize(size);
    EXPECT_EQ(send_bytes(bytes), size == 1024 ? MACH_MSG_SUCCESS : MACH_SEND_NO_BUFFER);
  }
}

TEST_F(LowLimits, AUserHasSoManyPorts) {
  unsigned ports = 0;
  kern_return_t code = KERN_SUCCESS;
  while ((code = allocate(MACH_PORT_RIGHT_RECEIVE)) == KERN_SUCCESS) ++ports;
  EXPECT_EQ(code, KERN_RESOURCE_SHORTAGE);
  EXPECT_GT(ports, 10U);
  EXPECT_EQ(mach_reply_port(), static_cast<mach_port_t>(MACH_PORT_NULL));
  EXPECT_EQ(allocate(MACH_PORT_RIGHT_DEAD_NAME), KERN_SUCCESS) << "which is no port";
}

// 03 §3: no buffer for a message that the user's account cannot bear; it can when messages have been read.
TEST_F(LowLimits, AUserHasSoManyBytesQueued) {
  std::vector<mach_port_t> ports;
  for (int i = 0; i < 10; ++i) {
    ports.push_back(port());
    ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), ports.back(), 16), KERN_SUCCESS);
  }
  unsigned queued = 0;
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  while (code == MACH_MSG_SUCCESS && queued < 160) {
    Bytes bytes = Outgoing{.remote = ports[queued % 10], .remote_type = kMakeSend}.encode();
    bytes.resize(1024);
    code = send_bytes(bytes);
    if (code == MACH_MSG_SUCCESS) ++queued;
  }
  EXPECT_EQ(code, MACH_SEND_NO_BUFFER);
  EXPECT_GT(queued, 20U);
  for (const mach_port_t each : ports) EXPECT_EQ(receive_message(each).code, MACH_MSG_SUCCESS);
  EXPECT_EQ(send_message({.remote = ports[0], .remote_type = kMakeSend}), MACH_MSG_SUCCESS);
}

// The same for memory out of line: refused before anything is taken, be it to be deallocated or not.
TEST_F(LowLimits, AUserHasSoManyBytesOfMemoryUnderWay) {
  struct {
    mach_msg_header_t head;
    mach_msg_type_t type;
    vm_address_t address;
  } message{};
  static_assert(sizeof message == 48);
  std::vector<std::byte> region(1U << 17);
  const mach_port_t p = port();
  message.type.msgt_name = MACH_MSG_TYPE_BYTE;
  message.type.msgt_size = 8;
  message.type.msgt_number = static_cast<mach_msg_type_number_t>(region.size());
  for (const unsigned deallocate : {0U, 1U}) {
    message.head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(kMakeSend, 0U);
    message.head.msgh_remote_port = p;
    message.type.msgt_deallocate = deallocate & 1U;
    message.address = reinterpret_cast<vm_address_t>(region.data());
    EXPECT_EQ(mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL),
              MACH_SEND_NO_BUFFER);
    EXPECT_EQ(state_of(p), "R");
    EXPECT_EQ(region.back(), std::byte{0}) << "still there";
  }
  EXPECT_EQ(receive_message(p).code, MACH_RCV_TIMED_OUT);
}

}  // namespace
}  // namespace netmsg::test
