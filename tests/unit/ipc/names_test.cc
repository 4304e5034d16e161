// SPDX-License-Identifier: Apache-2.0
// Spec 05 §3 and §4: chosen names, rename with all that hangs on a name, snapshots, counts and payloads.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <algorithm>
#include <chrono>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr Name kUnused = 4711;
constexpr Name kNew = 9000;

class Names : public testing::Test {
 protected:
  World world;
  Task& task = world.task("task");
  Task& other = world.task("other");
};

// ---------------------------------------------------------------- allocate_name

// 05.1, 05.3
TEST_F(Names, AllocateNameSaysWhyNot) {
  const auto allocate = [&](mach_port_right_t right, Name name) {
    return calls::allocate_name(task.space(), right, name);
  };
  const Name used = task.port();
  for (const Name name : {Name{MACH_PORT_NULL}, Name{MACH_PORT_DEAD}}) {
    EXPECT_EQ(allocate(MACH_PORT_RIGHT_RECEIVE, name), KERN_INVALID_VALUE);
  }
  for (const mach_port_right_t right : {0U, 2U, 5U}) {
    EXPECT_EQ(allocate(right, used), KERN_INVALID_VALUE) << "before the name is looked at";
  }
  EXPECT_EQ(allocate(MACH_PORT_RIGHT_RECEIVE, used), KERN_NAME_EXISTS);
}

// 01.20: a name that rests can be chosen at once.
TEST_F(Names, AllocateNameMakesEachRightUnderTheNameGiven) {
  const std::pair<mach_port_right_t, const char*> made[] = {
      {MACH_PORT_RIGHT_RECEIVE, "R"}, {MACH_PORT_RIGHT_PORT_SET, "PS"}, {MACH_PORT_RIGHT_DEAD_NAME, "DN1"}};
  const Name resting = task.port();
  task.destroy(resting);
  for (const auto& [right, state] : made) {
    EXPECT_EQ(calls::allocate_name(task.space(), right, resting), KERN_SUCCESS);
    EXPECT_EQ(task.state(resting), state);
    EXPECT_EQ(task.destroy(resting), KERN_SUCCESS);
  }
  EXPECT_EQ(calls::allocate_name(task.space(), MACH_PORT_RIGHT_RECEIVE, 0xFFFFFFFE), KERN_SUCCESS);
}

TEST(NamesAtTheLimit, ChosenOnesAreRefusedToo) {
  World world(ipc::Limits{.names_per_space = 2});
  Task& full = world.task();
  const Name used = full.port();
  EXPECT_EQ(calls::allocate_name(full.space(), MACH_PORT_RIGHT_PORT_SET, used), KERN_NAME_EXISTS);
  EXPECT_EQ(calls::allocate_name(full.space(), MACH_PORT_RIGHT_PORT_SET, kUnused), KERN_NO_SPACE);
  EXPECT_EQ(full.rename(used, kUnused), KERN_SUCCESS) << "needs no room";
}

// ---------------------------------------------------------------- rename

// 05.3
TEST_F(Names, RenameLooksAtTheNewNameFirst) {
  const Name used = task.port();
  EXPECT_EQ(task.rename(kUnused, MACH_PORT_NULL), KERN_INVALID_VALUE);
  EXPECT_EQ(task.rename(kUnused, MACH_PORT_DEAD), KERN_INVALID_VALUE);
  EXPECT_EQ(task.rename(kUnused, used), KERN_NAME_EXISTS);
  EXPECT_EQ(task.rename(used, used), KERN_NAME_EXISTS);
  EXPECT_EQ(task.rename(kUnused, kNew), KERN_INVALID_NAME);
  EXPECT_EQ(task.rename(kUnused, kUnused), KERN_INVALID_NAME);
}

// 05.6
TEST_F(Names, RenameMovesEveryKindOfRight) {
  const Name home = other.port();
  const Name s = other.give_send(task, home);
  const Name names[] = {task.port(), task.port_with_sends(2), other.give_send_once(task, home),
                        s,           task.dead_name(3),       task.port_set()};
  Name next = kNew;
  for (const Name name : names) {
    const std::string state = task.state(name);
    ASSERT_EQ(task.rename(name, ++next), KERN_SUCCESS);
    EXPECT_EQ(task.state(next), state);
    EXPECT_EQ(task.state(name), "free");
  }
  EXPECT_EQ(other.give_send(task, home), kNew + 4) << "one name for the send rights of a port";
  EXPECT_EQ(task.state(kNew + 4), "S2");
  other.destroy(home);
  EXPECT_EQ(task.state(kNew + 3), "DN1") << "noticed under the new name";
  EXPECT_EQ(task.rename(kNew + 4, kNew), KERN_SUCCESS);
  EXPECT_EQ(task.state(kNew), "DN2");
}

// 05.6, 06.4: renames are followed.
TEST_F(Names, ARequestTellsTheNewName) {
  const Name notify = task.port();
  for (const bool dies : {true, false}) {
    const Name home = other.port();
    const Name s = other.give_send(task, home);
    const Name renamed = dies ? kNew : kNew + 1;
    ASSERT_EQ(task.request(s, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
    ASSERT_EQ(task.rename(s, renamed), KERN_SUCCESS);
    EXPECT_TRUE(task.has_request(renamed));
    dies ? other.destroy(home) : task.deallocate(renamed);
    const Received got = task.receive(notify);
    EXPECT_EQ(got.header.msgh_id, dies ? MACH_NOTIFY_DEAD_NAME : MACH_NOTIFY_PORT_DELETED);
    EXPECT_EQ(got.values.at(0), renamed);
  }
}

// 05.6: also by the time they look once more.
TEST_F(Names, ReceiversGoOnWaiting) {
  const Name set = task.port_set();
  const Name member = task.port();
  ASSERT_EQ(task.move_member(member, set), KERN_SUCCESS);
  const Name alone = task.port();
  const auto wait = [&](Name name) {
    return task.begin(
        {.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT, .rcv_size = 100, .rcv_name = name, .timeout_ms = 10});
  };
  const ipc::OpToken waiting[] = {wait(alone), wait(alone), wait(set), wait(set)};
  ASSERT_EQ(task.rename(alone, kNew), KERN_SUCCESS);
  ASSERT_EQ(task.rename(set, kNew + 1), KERN_SUCCESS);
  ASSERT_EQ(task.rename(member, kNew + 2), KERN_SUCCESS);
  task.send({.remote = kNew, .remote_type = kMakeSend});
  task.send({.remote = kNew + 2, .remote_type = kMakeSend});
  for (const int served : {1, 3}) {
    const ipc::MsgResult result = task.result(waiting[served]).value();
    EXPECT_EQ(result.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(header_of(result.bytes).msgh_local_port, served == 1 ? kNew : kNew + 2);
  }
  world.advance(std::chrono::milliseconds(10));
  for (const int late : {0, 2}) EXPECT_EQ(task.result(waiting[late]).value().code, MACH_RCV_TIMED_OUT);
}

// 05.6
TEST_F(Names, MembersAndSetsKnowEachOtherByTheirNewNames) {
  const Name set = task.port_set();
  const Name member = task.port();
  ASSERT_EQ(task.move_member(member, set), KERN_SUCCESS);
  task.send({.remote = member, .remote_type = kMakeSend});
  ASSERT_EQ(task.rename(set, kNew), KERN_SUCCESS);
  ASSERT_EQ(task.rename(member, kNew + 1), KERN_SUCCESS);
  EXPECT_EQ(task.status(kNew + 1).mps_pset, kNew);
  EXPECT_EQ(calls::get_set_status(task.space(), kNew).value(), std::vector<Name>{kNew + 1});
  EXPECT_EQ(task.receive(kNew).header.msgh_local_port, kNew + 1) << "though sent before";
}

// ---------------------------------------------------------------- names, status, counts

// 05.12
TEST_F(Names, AreToldAllAtOnceWithTheirTypes) {
  const Name home = other.port();
  other.give_send(task, home);
  other.give_send_once(task, home);
  const Name r = task.port_with_sends(1);
  task.request(r, MACH_NOTIFY_DEAD_NAME, r);
  task.port_set();
  calls::allocate_name(task.space(), MACH_PORT_RIGHT_DEAD_NAME, 0x12345678);
  other.destroy(home);
  const calls::NameList list = calls::names(task.space());
  ASSERT_EQ(list.names.size(), 5U + 1) << "and the task's own port";
  ASSERT_EQ(list.types.size(), list.names.size());
  for (std::size_t at = 0; at < list.names.size(); ++at) {
    EXPECT_EQ(calls::type(task.space(), list.names[at]).value(), list.types[at]);
  }
  EXPECT_TRUE(std::is_sorted(list.names.begin(), list.names.end()));
}

// 05.13
TEST_F(Names, AllNineFieldsOfAStatus) {
  const Name set = task.port_set();
  const Name r = task.port_with_sends(2);
  ASSERT_EQ(task.move_member(r, set), KERN_SUCCESS);
  task.set_qlimit(r, 7);
  task.give_send_once(other, r);
  for (int i = 0; i < 3; ++i) task.send({.remote = r, .remote_type = kCopySend});
  task.receive(set);
  ASSERT_EQ(task.request(r, MACH_NOTIFY_NO_SENDERS, task.port()), KERN_SUCCESS);
  ASSERT_EQ(task.request(r, MACH_NOTIFY_PORT_DESTROYED, task.port()), KERN_SUCCESS);
  const mach_port_status_t status = task.status(r);
  EXPECT_EQ(status.mps_pset, set);
  EXPECT_EQ(status.mps_seqno, 1U);
  EXPECT_EQ(status.mps_mscount, 2U);
  EXPECT_EQ(status.mps_qlimit, 7U);
  EXPECT_EQ(status.mps_msgcount, 2U);
  EXPECT_EQ(status.mps_sorights, 1U);
  EXPECT_TRUE(status.mps_srights);
  EXPECT_TRUE(status.mps_pdrequest);
  EXPECT_TRUE(status.mps_nsrequest);
}

// 05.1
TEST_F(Names, CountsCanBeSetOnReceiveRightsOnly) {
  const Name r = task.port();
  const Name s = other.give_send(task, other.port());
  for (const auto& [name, code] : {std::pair(kUnused, KERN_INVALID_NAME), std::pair(s, KERN_INVALID_RIGHT)}) {
    EXPECT_EQ(calls::set_mscount(task.space(), name, 1), code);
    EXPECT_EQ(calls::set_seqno(task.space(), name, 1), code);
    EXPECT_EQ(calls::set_protected_payload(task.space(), name, 1), code);
    EXPECT_EQ(calls::clear_protected_payload(task.space(), name), code);
  }
  EXPECT_EQ(calls::set_mscount(task.space(), r, 0xFFFFFFFF), KERN_SUCCESS);
  EXPECT_EQ(calls::set_seqno(task.space(), r, 0xFFFFFFFF), KERN_SUCCESS);
  task.send({.remote = r, .remote_type = kMakeSend});
  EXPECT_EQ(task.status(r).mps_mscount, 0U) << "wraps";
  EXPECT_EQ(task.receive(r).header.msgh_seqno, 0xFFFFFFFF);
  EXPECT_EQ(task.status(r).mps_seqno, 0U);
}

// ---------------------------------------------------------------- payloads

class Payloads : public Names {
 protected:
  Name r = task.port();

  void send() { task.send({.remote = r, .remote_type = kMakeSend}); }
  // The payload that comes instead of a name.
  std::uint64_t payload() {
    const Received got = task.receive(r);
    EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits), unsigned{MACH_MSG_TYPE_PROTECTED_PAYLOAD});
    return got.header.msgh_protected_payload;
  }
  void set(std::uint64_t value) {
    ASSERT_EQ(calls::set_protected_payload(task.space(), r, value), KERN_SUCCESS);
  }
};

// 05.14
TEST_F(Payloads, CountForMessagesThatAreQueuedAlready) {
  for (int i = 0; i < 3; ++i) send();
  set(0x1122334455667788);
  EXPECT_EQ(payload(), 0x1122334455667788U);
  set(0);
  EXPECT_EQ(payload(), 0U) << "as good as any other";
  ASSERT_EQ(calls::clear_protected_payload(task.space(), r), KERN_SUCCESS);
  const Received got = task.receive(r);
  EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits), unsigned{MACH_MSG_TYPE_PORT_SEND});
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(calls::clear_protected_payload(task.space(), r), KERN_SUCCESS) << "there is none";
}

// 05.14
TEST_F(Payloads, AreGoneWhenTheReceiveRightMoves) {
  set(5);
  send();
  const Name there = calls::extract_right(other.space(), task.space(), r, kMoveReceive).value().first;
  const Received got = other.receive(there);
  EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits), unsigned{MACH_MSG_TYPE_PORT_SEND});
  EXPECT_EQ(got.header.msgh_local_port, there);
}

// 06.15
TEST_F(Payloads, ComeWithNotificationsToo) {
  set(77);
  const Name home = other.port();
  ASSERT_EQ(task.request(other.give_send(task, home), MACH_NOTIFY_DEAD_NAME, r), KERN_SUCCESS);
  other.destroy(home);
  EXPECT_EQ(payload(), 77U);
}

// 06.16: whoever holds the notify port's receive right by then.
TEST_F(Names, ANotifyPortThatMovedTellsItsNewHolder) {
  const Name notify = task.port();
  const Name home = other.port();
  const Name s = other.give_send(task, home);
  ASSERT_EQ(task.request(s, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  Task& third = world.task("third");
  const Name there = calls::extract_right(third.space(), task.space(), notify, kMoveReceive).value().first;
  other.destroy(home);
  EXPECT_EQ(third.receive(there).values.at(0), s);
}

// 06.16: and if it is on its way, the notification waits in its queue.
TEST_F(Names, ANotifyPortInTransitTakesItsNotificationAlong) {
  const Name notify = task.port();
  const Name home = other.port();
  const Name s = other.give_send(task, home);
  ASSERT_EQ(task.request(s, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  Task& third = world.task("third");
  const Name door = third.port();
  const Name way = third.give_send(task, door);
  task.send({.remote = way, .remote_type = kCopySend, .items = {rights(kMoveReceive, {notify})}});
  other.destroy(home);
  const Name there = third.receive(door).values.at(0);
  EXPECT_EQ(third.receive(there).values.at(0), s);
}

// 06.17: of each kind, right after the call that caused it.
TEST_F(Names, NotificationsAreThereWhenTheCallReturns) {
  const Name notify = task.port();
  const auto told = [&] { return task.receive(notify).header.msgh_id; };
  const Name home = task.port();
  ASSERT_EQ(task.request(home, MACH_NOTIFY_NO_SENDERS, notify, 1), KERN_SUCCESS);
  const Name s = task.give_send(other, home);
  other.deallocate(s);
  EXPECT_EQ(told(), MACH_NOTIFY_NO_SENDERS);

  other.deallocate(task.give_send_once(other, notify));
  EXPECT_EQ(told(), MACH_NOTIFY_SEND_ONCE);

  ASSERT_EQ(task.request(home, MACH_NOTIFY_PORT_DESTROYED, notify), KERN_SUCCESS);
  task.destroy(home);
  EXPECT_EQ(told(), MACH_NOTIFY_PORT_DESTROYED);

  const Name full = other.port();
  const Name x = other.give_send(task, full);
  ASSERT_EQ(task.request(x, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  other.set_qlimit(full, 0);
  ASSERT_EQ(task.send({.remote = x, .remote_type = kCopySend}, MACH_SEND_NOTIFY, notify),
            MACH_SEND_WILL_NOTIFY);
  other.receive(full);
  EXPECT_EQ(told(), MACH_NOTIFY_MSG_ACCEPTED);
  other.destroy(full);
  EXPECT_EQ(told(), MACH_NOTIFY_DEAD_NAME);

  const Name freed = other.give_send(task, other.port());
  ASSERT_EQ(task.request(freed, MACH_NOTIFY_DEAD_NAME, notify), KERN_SUCCESS);
  task.deallocate(freed);
  EXPECT_EQ(told(), MACH_NOTIFY_PORT_DELETED);
}

}  // namespace
}  // namespace netmsg::test
