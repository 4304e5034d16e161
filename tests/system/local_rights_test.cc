// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §8 on one host, through real client processes and the C headers alone.
#include <gtest/gtest.h>

#include "tests/support/dispositions.h"
#include "tests/support/same_name_table.h"
#include "tests/system/rights_scene.h"

namespace netmsg::test {
namespace {

class Local : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(here(), here());
    return only;
  }
  void SetUp() override { server(); }  // attaches this program, also when a test runs alone
  void TearDown() override { EXPECT_EQ(balanced({&here()}), ""); }
};

void check_message(RightsScene& scene, const SameNameCell& cell) {
  const ReceivedValues got = scene.receive(1000);
  ASSERT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
  EXPECT_EQ(got.local_is, kFieldP);
  const bool once = cell.reply == MACH_MSG_TYPE_MAKE_SEND_ONCE;
  EXPECT_EQ(MACH_MSGH_BITS_REMOTE(got.bits), once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND);
  EXPECT_EQ(got.remote_is, once ? kFieldOther : kFieldP);
}

void check_cell(PortServerClient& server, const SameNameCell& cell, bool with_request) {
  SCOPED_TRACE(std::string(disposition_name(cell.destination)) + " / " + disposition_name(cell.reply) +
               " on " + cell.before + (with_request ? " with a request" : ""));
  RightsScene scene(server, cell.before);
  const bool requested = with_request && request_death(scene.x, scene.notify) == KERN_SUCCESS;
  EXPECT_EQ(
      send_message(
          {.remote = scene.x, .remote_type = cell.destination, .local = scene.x, .local_type = cell.reply}),
      cell.code);
  EXPECT_EQ(state_of(scene.x), cell.after);
  const bool freed = cell.before != "free" && cell.after == "free";
  EXPECT_EQ(drain(scene.notify, MACH_NOTIFY_PORT_DELETED), requested && freed ? 1U : 0U);
  if (cell.code == MACH_MSG_SUCCESS) check_message(scene, cell);
}

using A5Client = Local;
TEST_F(A5Client, EveryCellOfTheSameNameTable) {
  for (const SameNameCell& cell : same_name_table()) {
    check_cell(server(), cell, false);
    check_cell(server(), cell, true);
  }
}

using A1Client = Local;
TEST_F(A1Client, CopyThenMoveSucceedsMoveThenCopyFails) {
  RightsScene to(server(), "R+S1");
  RightsScene scene(server(), "S1");
  const Outgoing copy_move = {.remote = to.x,
                              .remote_type = kCopySend,
                              .items = {rights(kCopySend, {scene.x}), rights(kMoveSend, {scene.x})}};
  EXPECT_EQ(send_message(copy_move), MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), "free");
  const mach_port_t y = server().send_right();
  const mach_port_t reply = new_port();
  EXPECT_EQ(send_message({.remote = to.x,
                          .remote_type = kMoveSend,
                          .local = reply,
                          .local_type = kMakeOnce,
                          .items = {rights(kMoveSend, {y}), rights(kCopySend, {y})}}),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(state_of(to.x), "R");
  EXPECT_EQ(drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  mach_port_destroy(mach_task_self(), reply);
}

void move_and_copy(PortServerClient& server, unsigned destination, unsigned reply, const std::string& before,
                   const std::string& after) {
  RightsScene scene(server, before);
  const std::uint32_t mscount = server.ask(Ask::kStatus).at(0);
  EXPECT_EQ(
      send_message({.remote = scene.x, .remote_type = destination, .local = scene.x, .local_type = reply}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), after);
  const ReceivedValues got = scene.receive(1000);
  EXPECT_EQ(got.bits, 0x1111U);
  EXPECT_EQ(got.local_is, kFieldP);
  EXPECT_EQ(got.remote_is, kFieldP);
  EXPECT_EQ(got.type_of_p, 0x30000U);
  EXPECT_EQ(got.sends_of_p, 1U);
  EXPECT_EQ(server.ask(Ask::kStatus).at(0), mscount);
}

using A2Client = Local;
TEST_F(A2Client, MoveAsDestinationAndCopyAsReply) {
  move_and_copy(server(), kMoveSend, kCopySend, "S1", "free");
  move_and_copy(server(), kMoveSend, kCopySend, "S2", "S1");
}

using A3Client = Local;
TEST_F(A3Client, CopyAsDestinationAndMoveAsReply) {
  move_and_copy(server(), kCopySend, kMoveSend, "S1", "free");
}

using A4Client = Local;
TEST_F(A4Client, MovingTheOnlyReferenceTwiceChangesNothing) {
  RightsScene scene(server(), "S1");
  ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
  const Outgoing twice = {
      .remote = scene.x, .remote_type = kMoveSend, .local = scene.x, .local_type = kMoveSend};
  EXPECT_EQ(send_message(twice), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(state_of(scene.x), "S1");
  EXPECT_EQ(receive_message(scene.notify).code, MACH_RCV_TIMED_OUT);
  server().send_right();
  EXPECT_EQ(send_message(twice), MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), "free");
}

using A6Client = Local;
TEST_F(A6Client, ABadReplyLeavesTheDestinationAlone) {
  for (const std::string before : {"S1", "SO", "R"}) {
    RightsScene scene(server(), before);
    const unsigned type = before == "S1"   ? kMoveSend
                          : before == "SO" ? MACH_MSG_TYPE_MOVE_SEND_ONCE
                                           : MACH_MSG_TYPE_MAKE_SEND;
    ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
    EXPECT_EQ(send_message({.remote = scene.x, .remote_type = type, .local = 99999, .local_type = kCopySend}),
              MACH_SEND_INVALID_REPLY);
    EXPECT_EQ(state_of(scene.x), before);
    EXPECT_EQ(receive_message(scene.notify).code, MACH_RCV_TIMED_OUT);
  }
}

using A12Client = Local;
TEST_F(A12Client, AnExistingNameGetsNoRequest) {
  RightsScene to(server(), "S1");
  const mach_port_t q = new_port();
  for (const std::uint32_t sends : {1U, 2U}) {
    EXPECT_EQ(
        send_message(
            {.remote = to.x, .remote_type = kCopySend, .local = q, .local_type = MACH_MSG_TYPE_MAKE_SEND}),
        MACH_MSG_SUCCESS);
    const ReceivedValues got = server().receive(1000, sends == 2);
    EXPECT_EQ(state_of(got.reply), "S" + std::to_string(sends));
    EXPECT_EQ(got.reply.entry & MACH_PORT_TYPE_DNREQUEST, 0U);
  }
  mach_port_destroy(mach_task_self(), q);
}

using A13Client = Local;
TEST_F(A13Client, ABadNotifyIsFoundEvenWithoutAReplyPort) {
  const mach_port_t p = new_port();
  for (const mach_port_t notify : {mach_port_t{MACH_PORT_NULL}, mach_port_t{99999}, mach_task_self()}) {
    EXPECT_EQ(send_message({.remote = p, .remote_type = MACH_MSG_TYPE_MAKE_SEND, .id = 13}),
              MACH_MSG_SUCCESS);
    const ReceivedMessage got = receive_message(p, 0, MACH_RCV_NOTIFY, notify);
    EXPECT_EQ(got.code, MACH_RCV_INVALID_NOTIFY);
    EXPECT_EQ(got.header.msgh_id, 13);
    EXPECT_EQ(got.header.msgh_local_port, p);
    EXPECT_EQ(receive_message(p).code, MACH_RCV_TIMED_OUT) << "the message is gone";
  }
  mach_port_destroy(mach_task_self(), p);
}

unsigned send_once_rights(mach_port_t port) {
  mach_port_status_t status{};
  EXPECT_EQ(mach_port_get_receive_status(mach_task_self(), port, &status), KERN_SUCCESS);
  return status.mps_sorights;
}

// 03.11
using A17Client = Local;
TEST_F(A17Client, CancelDropsTheRequestOnTheDestinationIfItIsForThatPort) {
  const Outgoing once = {.remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE};
  for (const bool right_port : {true, false}) {
    RightsScene scene(server(), "SO");
    const mach_port_t other = new_port();
    ASSERT_EQ(request_death(scene.x, scene.notify), KERN_SUCCESS);
    ASSERT_EQ(send_once_rights(scene.notify), 1U);
    Outgoing message = once;
    message.remote = scene.x;
    EXPECT_EQ(send_message(message, MACH_SEND_CANCEL, right_port ? scene.notify : other), MACH_MSG_SUCCESS);
    EXPECT_EQ(drain(scene.notify, MACH_NOTIFY_PORT_DELETED), right_port ? 0U : 1U);
    EXPECT_EQ(send_once_rights(scene.notify), 0U);
    EXPECT_EQ(server().receive(1000).code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
    mach_port_destroy(mach_task_self(), other);
  }
}

using A18Client = Local;
TEST_F(A18Client, MoveAsDestinationAndMakeAsReply) {
  RightsScene scene(server(), "R+S1");
  EXPECT_EQ(send_message({.remote = scene.x,
                          .remote_type = kMoveSend,
                          .local = scene.x,
                          .local_type = MACH_MSG_TYPE_MAKE_SEND}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(state_of(scene.x), "R");
  mach_port_status_t status{};
  ASSERT_EQ(mach_port_get_receive_status(mach_task_self(), scene.x, &status), KERN_SUCCESS);
  EXPECT_EQ(status.mps_mscount, 2U);
  const ReceivedMessage got = receive_message(scene.x);
  EXPECT_EQ(got.header.msgh_bits, 0x1111U);
  EXPECT_EQ(got.header.msgh_local_port, scene.x);
  EXPECT_EQ(got.header.msgh_remote_port, scene.x);
}

}  // namespace
}  // namespace netmsg::test
