// SPDX-License-Identifier: Apache-2.0
// Spec 05 §2-§5: each call on each kind of name, its codes and their order.
#include "daemon/ipc/mach_port.h"

#include <gtest/gtest.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include <climits>

#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr Name kUnused = 4711;

class MachPort : public testing::Test {
 protected:
  World world;
  Task& task = world.task("task");
  Task& server = world.task("server");
  Name home = server.port();
  Name r = task.port();
  Name rs = task.port_with_sends(2);
  Name s = server.give_send(task, home);
  Name so = server.give_send_once(task, home);
  Name dn = task.dead_name(1);
  Name ps = task.port_set();
};

// 01.1
TEST_F(MachPort, ANewReceiveRight) {
  EXPECT_EQ(task.state(r), "R");
  const mach_port_status_t status = task.status(r);
  EXPECT_EQ(status.mps_qlimit, 5U);
  EXPECT_EQ(status.mps_mscount + status.mps_seqno + status.mps_msgcount + status.mps_sorights, 0U);
  EXPECT_FALSE(status.mps_srights || status.mps_nsrequest || status.mps_pdrequest);
}

TEST_F(MachPort, AllocateRefusesWhatCannotBeMade) {
  for (const mach_port_right_t right : {0U, 2U, 5U, 99U}) {
    EXPECT_EQ(calls::allocate(task.space(), right).code(), KERN_INVALID_VALUE) << right;
  }
}

// 05.15
TEST_F(MachPort, AFullSpaceRefusesNewNames) {
  World small(ipc::Limits{.names_per_space = 2});
  Task& full = small.task();
  full.port();
  EXPECT_EQ(calls::allocate(full.space(), MACH_PORT_RIGHT_RECEIVE).code(), KERN_NO_SPACE);
  EXPECT_EQ(calls::reply_port(full.space()), MACH_PORT_NULL);
}

TEST_F(MachPort, AnAccountBearsOnlySoManyPorts) {
  World poor;
  ipc::Account account(ipc::Account::Limits{.bytes = 1000, .ports = 1});
  Task& unused = poor.task();
  ipc::Space& space = poor.engine.create_space("poor", account, unused);
  EXPECT_TRUE(calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).ok());
  EXPECT_EQ(calls::allocate(space, MACH_PORT_RIGHT_RECEIVE).code(), KERN_RESOURCE_SHORTAGE);
  poor.engine.destroy_space(space);
  EXPECT_EQ(account.ports_used(), 0U);
}

// 05.1
TEST_F(MachPort, NamesThatDenoteNothing) {
  for (const Name name : {Name{MACH_PORT_NULL}, Name{MACH_PORT_DEAD}, kUnused}) {
    EXPECT_EQ(calls::destroy(task.space(), name), KERN_INVALID_NAME);
    EXPECT_EQ(calls::deallocate(task.space(), name), KERN_INVALID_NAME);
    EXPECT_EQ(calls::get_refs(task.space(), name, MACH_PORT_RIGHT_SEND).code(), KERN_INVALID_NAME);
    EXPECT_EQ(calls::mod_refs(task.space(), name, MACH_PORT_RIGHT_SEND, 1), KERN_INVALID_NAME);
    EXPECT_EQ(calls::type(task.space(), name).code(), KERN_INVALID_NAME);
    EXPECT_EQ(calls::get_receive_status(task.space(), name).code(), KERN_INVALID_NAME);
    EXPECT_EQ(calls::set_qlimit(task.space(), name, 1), KERN_INVALID_NAME);
    EXPECT_EQ(calls::extract_right(task.space(), task.space(), name, MACH_MSG_TYPE_MAKE_SEND).code(),
              KERN_INVALID_NAME);
    EXPECT_EQ(task.request(name, MACH_NOTIFY_DEAD_NAME, r), KERN_INVALID_NAME);
    EXPECT_EQ(task.request(name, MACH_NOTIFY_NO_SENDERS, r), KERN_INVALID_NAME);
  }
}

// 01.20
TEST_F(MachPort, AStaleNameDenotesNothingAndCanBeAskedFor) {
  const Name stale = task.port();
  task.destroy(stale);
  for (int frees = 1; frees < 1024; ++frees) {
    const Name other = task.dead_name(1);
    ASSERT_NE(other, stale);
    task.deallocate(other);
  }
  EXPECT_EQ(task.deallocate(stale), KERN_INVALID_NAME);
  EXPECT_EQ(task.send({.remote = stale, .remote_type = MACH_MSG_TYPE_COPY_SEND}), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(calls::allocate_name(task.space(), MACH_PORT_RIGHT_RECEIVE, stale), KERN_SUCCESS);
  EXPECT_EQ(task.state(stale), "R");
}

// 05.5
TEST_F(MachPort, Deallocate) {
  EXPECT_EQ(task.deallocate(r), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.deallocate(ps), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.deallocate(rs), KERN_SUCCESS);
  EXPECT_EQ(task.state(rs), "R+S1");
  EXPECT_EQ(task.deallocate(rs), KERN_SUCCESS);
  EXPECT_EQ(task.state(rs), "R");
  for (const Name name : {s, so, dn}) {
    EXPECT_EQ(task.deallocate(name), KERN_SUCCESS);
    EXPECT_EQ(task.state(name), "free");
  }
}

// 05.3
TEST_F(MachPort, GetRefs) {
  const auto refs = [&](Name name, mach_port_right_t right) {
    return calls::get_refs(task.space(), name, right).value();
  };
  EXPECT_EQ(refs(rs, MACH_PORT_RIGHT_SEND), 2U);
  EXPECT_EQ(refs(rs, MACH_PORT_RIGHT_RECEIVE), 1U);
  EXPECT_EQ(refs(rs, MACH_PORT_RIGHT_DEAD_NAME), 0U);
  EXPECT_EQ(refs(so, MACH_PORT_RIGHT_SEND_ONCE), 1U);
  EXPECT_EQ(refs(ps, MACH_PORT_RIGHT_PORT_SET), 1U);
  EXPECT_EQ(refs(dn, MACH_PORT_RIGHT_DEAD_NAME), 1U);
  EXPECT_EQ(calls::get_refs(task.space(), kUnused, 9).code(), KERN_INVALID_VALUE)
      << "before the name is looked at";
}

// 05.4
TEST_F(MachPort, ModRefsOfRightsWithOneReference) {
  const std::pair<Name, mach_port_right_t> singles[] = {
      {r, MACH_PORT_RIGHT_RECEIVE}, {so, MACH_PORT_RIGHT_SEND_ONCE}, {ps, MACH_PORT_RIGHT_PORT_SET}};
  for (const auto& [name, right] : singles) {
    EXPECT_EQ(task.mod_refs(name, right, 0), KERN_SUCCESS);
    EXPECT_EQ(task.mod_refs(name, right, 1), KERN_INVALID_VALUE);
    EXPECT_EQ(task.mod_refs(name, right, -2), KERN_INVALID_VALUE);
    EXPECT_EQ(task.mod_refs(name, right, INT_MIN), KERN_INVALID_VALUE);
    EXPECT_EQ(task.mod_refs(name, right, -1), KERN_SUCCESS);
    EXPECT_EQ(task.state(name), "free");
  }
}

// 05.4
TEST_F(MachPort, ModRefsOfSendRightsAtTheBorders) {
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, 65533), KERN_SUCCESS);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, 1), KERN_UREFS_OVERFLOW);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, INT_MAX), KERN_UREFS_OVERFLOW);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, INT_MIN), KERN_INVALID_VALUE);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, -65535), KERN_INVALID_VALUE);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, -65534), KERN_SUCCESS);
  EXPECT_EQ(task.state(s), "free");
}

// 05.4
TEST_F(MachPort, ModRefsOfDeadNamesAtTheBorders) {
  EXPECT_EQ(task.mod_refs(dn, MACH_PORT_RIGHT_DEAD_NAME, 65534), KERN_SUCCESS);
  EXPECT_EQ(task.state(dn), "DN65535");
  EXPECT_EQ(task.mod_refs(dn, MACH_PORT_RIGHT_DEAD_NAME, 1), KERN_UREFS_OVERFLOW);
  EXPECT_EQ(task.mod_refs(dn, MACH_PORT_RIGHT_DEAD_NAME, -65536), KERN_INVALID_VALUE);
  EXPECT_EQ(task.mod_refs(dn, MACH_PORT_RIGHT_DEAD_NAME, -65535), KERN_SUCCESS);
  EXPECT_EQ(task.state(dn), "free");
}

// 05.4
TEST_F(MachPort, ModRefsOfTheWrongRight) {
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_RECEIVE, -1), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.mod_refs(dn, MACH_PORT_RIGHT_SEND, -1), KERN_INVALID_RIGHT);
  server.destroy(home);
  EXPECT_EQ(task.mod_refs(s, MACH_PORT_RIGHT_SEND, -1), KERN_INVALID_RIGHT) << "its port has died";
  EXPECT_EQ(task.mod_refs(so, MACH_PORT_RIGHT_DEAD_NAME, -1), KERN_SUCCESS);
}

// 05.3
TEST_F(MachPort, SetQlimit) {
  EXPECT_EQ(calls::set_qlimit(task.space(), kUnused, 17), KERN_INVALID_VALUE)
      << "before the name is looked at";
  EXPECT_EQ(task.set_qlimit(s, 1), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.set_qlimit(r, 16), KERN_SUCCESS);
  EXPECT_EQ(task.status(r).mps_qlimit, 16U);
  EXPECT_EQ(task.set_qlimit(r, 0), KERN_SUCCESS);
}

// 05.7
TEST_F(MachPort, InsertRight) {
  const auto insert = [&](Name name, Name poly, unsigned disposition) {
    return calls::insert_right(task.space(), task.space(), name, poly, disposition);
  };
  EXPECT_EQ(insert(r, r, 15), KERN_INVALID_VALUE);
  EXPECT_EQ(insert(kUnused, 9999, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_NAME);
  EXPECT_EQ(insert(kUnused, s, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_RIGHT);
  EXPECT_EQ(insert(0, r, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_VALUE);
  EXPECT_EQ(insert(kUnused, 0, MACH_MSG_TYPE_MAKE_SEND), KERN_INVALID_CAPABILITY);
  EXPECT_EQ(insert(kUnused, dn, MACH_MSG_TYPE_COPY_SEND), KERN_INVALID_CAPABILITY);
  EXPECT_EQ(insert(kUnused, s, MACH_MSG_TYPE_COPY_SEND), KERN_RIGHT_EXISTS);
  EXPECT_EQ(insert(s, r, MACH_MSG_TYPE_MAKE_SEND_ONCE), KERN_NAME_EXISTS);
  EXPECT_EQ(task.drain(r, MACH_NOTIFY_SEND_ONCE), 1U) << "the right of the failed call";
  EXPECT_EQ(insert(kUnused, r, MACH_MSG_TYPE_MAKE_SEND_ONCE), KERN_SUCCESS);
  EXPECT_EQ(task.state(kUnused), "SO");
  EXPECT_EQ(insert(r, r, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  EXPECT_EQ(task.state(r), "R+S1");
  EXPECT_EQ(task.mod_refs(r, MACH_PORT_RIGHT_SEND, 65533), KERN_SUCCESS);
  EXPECT_EQ(insert(r, r, MACH_MSG_TYPE_MAKE_SEND), KERN_UREFS_OVERFLOW);
  EXPECT_EQ(task.status(r).mps_mscount, 3U) << "counted, also when it failed";
  world.check();
}

// 05.8
TEST_F(MachPort, ExtractRight) {
  const auto extract = [&](Name name, unsigned disposition) {
    return calls::extract_right(task.space(), task.space(), name, disposition);
  };
  EXPECT_EQ(extract(r, 15).code(), KERN_INVALID_VALUE);
  EXPECT_EQ(extract(r, MACH_MSG_TYPE_COPY_SEND).code(), KERN_INVALID_RIGHT);
  EXPECT_EQ(extract(r, MACH_MSG_TYPE_MAKE_SEND).value(), std::pair(r, 17U));
  EXPECT_EQ(task.state(extract(r, MACH_MSG_TYPE_MAKE_SEND_ONCE).value().first), "SO");
  EXPECT_EQ(extract(dn, MACH_MSG_TYPE_COPY_SEND).value().first, MACH_PORT_DEAD);
  EXPECT_EQ(task.state(dn), "DN1");
  EXPECT_EQ(extract(dn, MACH_MSG_TYPE_MOVE_SEND).value().first, MACH_PORT_DEAD);
  EXPECT_EQ(task.state(dn), "free");
  world.check();
}

// 05.9
TEST_F(MachPort, RequestNotificationCodes) {
  const auto request = [&](Name name, int id, Name notify, unsigned disposition) {
    return calls::request_notification(task.space(), task.space(), name, id, 0, notify, disposition).code();
  };
  EXPECT_EQ(request(kUnused, 999, MACH_PORT_DEAD, 21), KERN_INVALID_CAPABILITY) << "before id and name";
  EXPECT_EQ(request(s, 72, dn, 18), KERN_INVALID_CAPABILITY) << "a dead name, which that uses up";
  EXPECT_EQ(task.state(dn), "free");
  EXPECT_EQ(request(s, 72, r, 20), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(request(s, 72, s, 21), MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(request(s, 99, r, 21), KERN_INVALID_VALUE);
  EXPECT_EQ(request(ps, 72, r, 21), KERN_INVALID_RIGHT);
  EXPECT_EQ(request(s, 70, r, 21), KERN_INVALID_RIGHT);
  EXPECT_EQ(task.drain(r, MACH_NOTIFY_SEND_ONCE), 3U) << "one for each right that failed with its call";
  EXPECT_EQ(request(s, 72, 0, 21), KERN_SUCCESS) << "cancelling nothing";
}

// 05.9, 06.2
TEST_F(MachPort, ARequestGivesBackTheOneBefore) {
  const auto request = [&](Name notify) {
    return calls::request_notification(task.space(), task.space(), s, 72, 0, notify,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE)
        .value();
  };
  EXPECT_EQ(request(r), MACH_PORT_NULL);
  const Name previous = request(rs);
  EXPECT_EQ(task.state(previous), "SO");
  EXPECT_EQ(task.state(request(MACH_PORT_NULL)), "SO");
  EXPECT_FALSE(task.has_request(s));
  world.check();
}

}  // namespace
}  // namespace netmsg::test
