// SPDX-License-Identifier: Apache-2.0
// Acceptance cases of spec 04 §8 on one host, through real client processes and the C headers alone.
#include <gtest/gtest.h>

#include "tests/support/same_name_table.h"
#include "tests/system/rights_scene.h"

namespace netmsg::test {
namespace {

constexpr unsigned kMoveSend = MACH_MSG_TYPE_MOVE_SEND;
constexpr unsigned kCopySend = MACH_MSG_TYPE_COPY_SEND;
constexpr unsigned kMakeOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE;

// One host for all cases of the process: a task stays with its daemon.
Host& host() {
  static Host only("here", 0, {});
  return only;
}

class Local : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(host(), host());
    return only;
  }
  void TearDown() override { EXPECT_EQ(balanced({&host()}), ""); }
};

void check_message(RightsScene& scene, const SameNameCell& cell) {
  const ReceivedValues got = scene.receive(1000);
  ASSERT_EQ(got.code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
  EXPECT_EQ(got.local_is, kFieldP);
  const bool once = cell.reply == MACH_MSG_TYPE_MAKE_SEND_ONCE;
  EXPECT_EQ(MACH_MSGH_BITS_REMOTE(got.bits), once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND);
  EXPECT_EQ(got.remote_is, once ? kFieldOther : kFieldP);
}

void check_cell(PortServerClient& server, const SameNameCell& cell) {
  SCOPED_TRACE(std::string(disposition_name(cell.destination)) + " / " + disposition_name(cell.reply) +
               " on " + cell.before);
  RightsScene scene(server, cell.before);
  const bool requested = request_death(scene.x, scene.notify) == KERN_SUCCESS;
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
  for (const SameNameCell& cell : same_name_table()) check_cell(server(), cell);
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

}  // namespace
}  // namespace netmsg::test
