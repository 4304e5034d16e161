// SPDX-License-Identifier: Apache-2.0
// Spec 01 §9: ports that are received from together; 05 §4: how they join and leave.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr Name kUnused = 4711;

class PortSets : public testing::Test {
 protected:
  World world;
  Task& task = world.task("task");
  Name set = task.port_set();
  Name a = task.port();
  Name b = task.port();

  void join(Name port, Name of) { ASSERT_EQ(task.move_member(port, of), KERN_SUCCESS); }
  mach_msg_return_t send(Name port, int id, std::initializer_list<std::uint32_t> text = {}) {
    return task.send({.remote = port, .remote_type = kMakeSend, .id = id, .items = {numbers(text)}});
  }
  ipc::OpToken wait(Name name, mach_msg_option_t option = 0, unsigned size = 1000, unsigned timeout_ms = 0) {
    return task.begin(
        {.option = MACH_RCV_MSG | option, .rcv_size = size, .rcv_name = name, .timeout_ms = timeout_ms});
  }
  // The id of the message with which a call that waited has ended; its code if there is none.
  int ended(ipc::OpToken token) {
    const std::optional<ipc::MsgResult> result = task.result(token);
    if (!result) return -1;
    return result->code != MACH_MSG_SUCCESS ? static_cast<int>(result->code)
                                            : header_of(result->bytes).msgh_id;
  }
  std::vector<int> ids(Name name) {
    std::vector<int> found;
    for (Received got = task.receive(name); got.code == MACH_MSG_SUCCESS; got = task.receive(name)) {
      found.push_back(got.header.msgh_id);
    }
    return found;
  }
  using Ids = std::vector<int>;
};

// 01.14
TEST_F(PortSets, GiveMessagesInTheOrderOfTheirSendingWithTheNumbersOfTheirPorts) {
  join(a, set);
  join(b, set);
  send(a, 1);
  send(b, 2);
  send(a, 3);
  const std::tuple<int, unsigned, Name> expected[] = {{1, 0, a}, {2, 0, b}, {3, 1, a}};
  for (const auto& [id, seqno, port] : expected) {
    const Received got = task.receive(set);
    EXPECT_EQ(got.header.msgh_id, id);
    EXPECT_EQ(got.header.msgh_seqno, seqno);
    EXPECT_EQ(got.header.msgh_local_port, port);
  }
  EXPECT_EQ(task.receive(set).code, MACH_RCV_TIMED_OUT);
}

// 01.15
TEST_F(PortSets, APortThatJoinsComesBehindWhatTheSetHas) {
  join(b, set);
  send(a, 1);
  send(a, 2);
  send(b, 3);
  join(a, set);
  EXPECT_EQ(ids(set), (Ids{3, 1, 2}));
}

TEST_F(PortSets, WhoWaitsOnTheSetGetsWhatAPortBringsTheMostRecentFirst) {
  const auto first = wait(set);
  const auto second = wait(set);
  for (int id = 1; id <= 3; ++id) send(a, id);
  join(a, set);
  EXPECT_EQ(ended(second), 1);
  EXPECT_EQ(ended(first), 2);
  EXPECT_EQ(task.status(a).mps_seqno, 2U);
  EXPECT_EQ(ids(set), Ids{3});
}

// 03.14: also by a port that joins.
TEST_F(PortSets, WhoIsTooSmallForWhatAPortBringsIsToldSo) {
  const auto large = wait(set, MACH_RCV_LARGE);
  const auto small = wait(set, MACH_RCV_LARGE, 40);
  send(a, 1, {1, 2, 3});
  join(a, set);
  EXPECT_EQ(ended(small), static_cast<int>(MACH_RCV_TOO_LARGE));
  EXPECT_EQ(ended(large), 1);
}

// 01.16, 03.16
TEST_F(PortSets, WhoWaitsOnAPortThatJoinsIsToldAndSoIsWhoWaitsOnASetThatIsDestroyed) {
  const auto on_port = wait(a);
  join(a, set);
  EXPECT_EQ(ended(on_port), static_cast<int>(MACH_RCV_PORT_CHANGED));
  const auto on_set = wait(set);
  ASSERT_EQ(task.mod_refs(set, MACH_PORT_RIGHT_PORT_SET, -1), KERN_SUCCESS);
  EXPECT_EQ(ended(on_set), static_cast<int>(MACH_RCV_PORT_DIED));
}

// 01.17, 03.16
TEST_F(PortSets, WhoWaitsOnTheSetIsNotDisturbedByWhatLeaves) {
  const Name gone[] = {task.port(), task.port(), task.port_with_sends(1), task.port()};
  for (const Name port : gone) join(port, set);
  join(a, set);
  const auto waiting = wait(set);
  task.destroy(gone[0]);
  task.send({.remote = b, .remote_type = kMakeSend, .items = {rights(kMoveReceive, {gone[1]})}});
  task.mod_refs(gone[2], MACH_PORT_RIGHT_RECEIVE, -1);
  task.move_member(gone[3], MACH_PORT_NULL);
  EXPECT_FALSE(task.result(waiting).has_value());
  send(a, 5);
  EXPECT_EQ(ended(waiting), 5);
}

TEST_F(PortSets, APortThatLeavesTakesItsMessagesAndTheOthersKeepTheirOrder) {
  const Name c = task.port();
  for (const Name port : {a, b, c}) join(port, set);
  int id = 0;
  for (int round = 0; round < 2; ++round) {
    for (const Name port : {a, b, c}) send(port, ++id);
  }
  ASSERT_EQ(task.move_member(b, MACH_PORT_NULL), KERN_SUCCESS);
  EXPECT_EQ(ids(b), (Ids{2, 5}));
  EXPECT_EQ(ids(set), (Ids{1, 3, 4, 6}));
}

TEST_F(PortSets, MembersOfASetThatIsDestroyedKeepTheirMessages) {
  join(a, set);
  join(b, set);
  send(a, 1);
  send(b, 2);
  send(a, 3);
  ASSERT_EQ(task.destroy(set), KERN_SUCCESS);
  EXPECT_EQ(task.status(a).mps_pset, MACH_PORT_NULL);
  EXPECT_EQ(ids(a), (Ids{1, 3}));
  EXPECT_EQ(ids(b), Ids{2});
}

// 01.10
TEST_F(PortSets, AReceiveRightThatMovesIsInNoSetAndKeepsItsQueue) {
  Task& other = world.task("other");
  join(a, set);
  send(a, 1);
  const Name there = calls::extract_right(other.space(), task.space(), a, kMoveReceive).value().first;
  EXPECT_EQ(other.status(there).mps_pset, MACH_PORT_NULL);
  EXPECT_EQ(other.receive(there).header.msgh_id, 1);
  EXPECT_EQ(task.receive(set).code, MACH_RCV_TIMED_OUT);
}

// 03.15
TEST_F(PortSets, AMemberIsNotReceivedFromDirectly) {
  join(a, set);
  send(a, 1);
  EXPECT_EQ(task.receive(a).code, MACH_RCV_IN_SET);
  EXPECT_EQ(task.receive(set).header.msgh_id, 1);
  ASSERT_EQ(task.move_member(a, MACH_PORT_NULL), KERN_SUCCESS);
  EXPECT_EQ(task.receive(a).code, MACH_RCV_TIMED_OUT);
}

// 03.12
TEST_F(PortSets, AMessageLeftInASetStandsBeforeSmallerOnesOfOtherPorts) {
  join(a, set);
  join(b, set);
  send(a, 1, {1, 2, 3});
  send(b, 2);
  EXPECT_EQ(task.receive(set, MACH_RCV_LARGE, 0, 40).code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(task.receive(set, MACH_RCV_LARGE, 0, 40).code, MACH_RCV_TOO_LARGE);
  const Received got = task.receive(set, MACH_RCV_LARGE, 0, 100);
  EXPECT_EQ(got.header.msgh_id, 1);
  EXPECT_EQ(got.header.msgh_seqno, 0U);
  EXPECT_EQ(task.receive(set, MACH_RCV_LARGE, 0, 40).header.msgh_id, 2);
}

TEST_F(PortSets, AReceiptFromTheSetMakesRoomInItsPort) {
  join(a, set);
  task.make_send(a);
  task.set_qlimit(a, 1);
  send(a, 1);
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = a, .remote_type = kCopySend, .id = 2}.encode();
  const auto blocked = task.begin(args);
  EXPECT_EQ(task.receive(set).header.msgh_id, 1);
  EXPECT_EQ(task.result(blocked).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(task.receive(set).header.msgh_id, 2);
}

TEST_F(PortSets, AReceiverTimesOutOnAnEmptySet) {
  join(a, set);
  const auto waiting = wait(set, MACH_RCV_TIMEOUT, 1000, 20);
  world.advance(std::chrono::milliseconds(20));
  EXPECT_EQ(ended(waiting), static_cast<int>(MACH_RCV_TIMED_OUT));
  const auto cancelled = wait(set);
  task.cancel(cancelled);
  EXPECT_EQ(ended(cancelled), static_cast<int>(MACH_RCV_INTERRUPTED));
}

// 05.10
TEST_F(PortSets, MovingAMemberSaysWhyNot) {
  task.make_send(a);
  Task& other = world.task("other");
  const Name s = other.give_send(task, other.port());
  const Name dn = task.dead_name(1);
  for (const Name name : {Name{MACH_PORT_NULL}, Name{MACH_PORT_DEAD}, kUnused}) {
    EXPECT_EQ(task.move_member(name, kUnused), KERN_INVALID_NAME);
  }
  for (const Name name : {s, dn, set}) EXPECT_EQ(task.move_member(name, kUnused), KERN_INVALID_RIGHT);
  for (const Name name : {Name{MACH_PORT_DEAD}, kUnused}) {
    EXPECT_EQ(task.move_member(a, name), KERN_INVALID_NAME);
  }
  for (const Name name : {s, dn, b}) EXPECT_EQ(task.move_member(a, name), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.move_member(a, MACH_PORT_NULL), KERN_NOT_IN_SET);
}

// 05.10
TEST_F(PortSets, MovingToTheSameSetChangesNothingAndToAnotherOnePutsLast) {
  const Name second = task.port_set();
  const Name c = task.port();
  join(a, set);
  join(b, set);
  join(c, second);
  send(a, 1);
  send(b, 2);
  join(a, set);
  EXPECT_EQ(task.receive(set).header.msgh_id, 1);
  send(c, 3);
  join(b, second);
  EXPECT_EQ(task.status(b).mps_pset, second);
  EXPECT_EQ(ids(second), (Ids{3, 2}));
}

// 05.11
TEST_F(PortSets, TellTheirMembers) {
  EXPECT_EQ(calls::get_set_status(task.space(), set).value(), std::vector<Name>());
  EXPECT_EQ(calls::get_set_status(task.space(), a).code(), KERN_INVALID_RIGHT);
  EXPECT_EQ(calls::get_set_status(task.space(), kUnused).code(), KERN_INVALID_NAME);
  join(a, set);
  EXPECT_EQ(calls::get_set_status(task.space(), set).value(), std::vector<Name>{a});
  EXPECT_EQ(task.status(a).mps_pset, set);
}

// 05.11: with as many members, each with messages, none of the calls costs more than what it moves.
TEST_F(PortSets, FiveThousandMembersWithMessages) {
  constexpr unsigned kMembers = 5000;
  ipc::OpToken token = 1'000'000;  // calls that bypass the checks of everything after each step
  std::vector<Name> members;
  for (unsigned i = 0; i < kMembers; ++i) {
    members.push_back(calls::allocate(task.space(), MACH_PORT_RIGHT_RECEIVE).value());
    ASSERT_EQ(calls::move_member(task.space(), members.back(), set), KERN_SUCCESS);
  }
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < kMembers; ++i) {
      ipc::MsgArgs args{.option = MACH_SEND_MSG};
      args.message =
          Outgoing{.remote = members[i], .remote_type = kMakeSend, .id = static_cast<int>(i)}.encode();
      world.engine.mach_msg(task.space(), ++token, std::move(args));
    }
  }
  world.check();
  std::vector<Name> told = calls::get_set_status(task.space(), set).value();
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, members);
  for (unsigned i = 0; i < kMembers; i += 2) {
    ASSERT_EQ(calls::move_member(task.space(), members[i], MACH_PORT_NULL), KERN_SUCCESS);
  }
  world.check();
  EXPECT_EQ(task.receive(set).header.msgh_id, 1);
  EXPECT_EQ(task.receive(members[4998]).header.msgh_id, 4998);
  task.destroy(set);
  EXPECT_EQ(task.receive(members[3]).header.msgh_id, 3);
}

TEST_F(PortSets, DieWithTheirTask) {
  join(a, set);
  send(a, 1);
  wait(set);
  wait(b);
  Task& other = world.task("other");
  const Name x = task.give_send(other, a);
  task.die();
  EXPECT_EQ(other.state(x), "DN1");
}

}  // namespace
}  // namespace netmsg::test
