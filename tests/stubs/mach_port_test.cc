// SPDX-License-Identifier: Apache-2.0
// Stubs of <mach/mach_port.defs> against the engine's message interface (spec 05 §8, case 07.9): on this task, and on a
// port server's task, here and on another host.
#include <gtest/gtest.h>
#include <mach.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/stubs/mach_port_user.h"
#include "tests/stubs/sample_place.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

class PortCallStubs : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    hosts();
    task_ = mach_task_self();
    if (GetParam() == Place::kSameTask) return;
    const Host& host = GetParam() == Place::kSameHost ? hosts().a : hosts().b;
    server_ = std::make_unique<PortServerClient>(hosts().a, host, "port server of stubs");
    task_ = server_->task_port();
  }
  void TearDown() override {
    if (task_ != mach_task_self()) mach_port_destroy(mach_task_self(), task_);
  }
  mach_port_t allocate(mach_port_right_t right = MACH_PORT_RIGHT_RECEIVE) {
    mach_port_t name = MACH_PORT_NULL;
    EXPECT_EQ(stub_mach_port_allocate(task_, right, &name), KERN_SUCCESS);
    return name;
  }
  mach_port_type_t type_of(mach_port_t name) {
    mach_port_type_t type = 0;
    return stub_mach_port_type(task_, name, &type) == KERN_SUCCESS ? type : MACH_PORT_TYPE_NONE;
  }
  mach_port_status_t status_of(mach_port_t name) {
    mach_port_status_t status{};
    EXPECT_EQ(stub_mach_port_get_receive_status(task_, name, &status), KERN_SUCCESS);
    return status;
  }

  std::unique_ptr<PortServerClient> server_;
  mach_port_t task_ = MACH_PORT_NULL;
};

INSTANTIATE_TEST_SUITE_P(Task, PortCallStubs,
                         testing::Values(Place::kSameTask, Place::kSameHost, Place::kOtherHost),
                         testing::PrintToStringParamName());

// 07.9
TEST_P(PortCallStubs, AllocateAndDestroy) {
  const mach_port_t port = allocate();
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_RECEIVE);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_NONE);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_INVALID_NAME);
  mach_port_t name = 4711;
  EXPECT_EQ(stub_mach_port_allocate(task_, 9, &name), KERN_INVALID_VALUE);
  EXPECT_EQ(name, 4711U);
}

// 07.9
TEST_P(PortCallStubs, CountReferences) {
  const mach_port_t name = allocate(MACH_PORT_RIGHT_DEAD_NAME);
  EXPECT_EQ(stub_mach_port_mod_refs(task_, name, MACH_PORT_RIGHT_DEAD_NAME, 5), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_mod_refs(task_, name, MACH_PORT_RIGHT_DEAD_NAME, -2), KERN_SUCCESS);
  mach_port_urefs_t refs = 0;
  EXPECT_EQ(stub_mach_port_get_refs(task_, name, MACH_PORT_RIGHT_DEAD_NAME, &refs), KERN_SUCCESS);
  EXPECT_EQ(refs, 4U);
  EXPECT_EQ(stub_mach_port_deallocate(task_, name), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_get_refs(task_, name, MACH_PORT_RIGHT_DEAD_NAME, &refs), KERN_SUCCESS);
  EXPECT_EQ(refs, 3U);
  EXPECT_EQ(stub_mach_port_destroy(task_, name), KERN_SUCCESS);
}

// 07.9: A right of this task's, seen through the other's names; and rights of the other's.
TEST_P(PortCallStubs, InsertAndExtractRights) {
  const mach_port_t own = new_port();
  const mach_port_t name = task_ == mach_task_self() ? own : 0x77'7700;
  EXPECT_EQ(stub_mach_port_insert_right(task_, name, own, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  EXPECT_NE(type_of(name) & MACH_PORT_TYPE_SEND, 0U);
  mach_port_t back = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_EQ(stub_mach_port_extract_right(task_, name, MACH_MSG_TYPE_MOVE_SEND, &back, &type), KERN_SUCCESS);
  EXPECT_EQ(back, own);
  EXPECT_EQ(type, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND));
  EXPECT_EQ(state_of(own), "R+S1");
  mach_port_destroy(mach_task_self(), own);

  const mach_port_t port = allocate();
  mach_port_t once = MACH_PORT_NULL;
  EXPECT_EQ(stub_mach_port_extract_right(task_, port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &type),
            KERN_SUCCESS);
  EXPECT_EQ(type, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND_ONCE));
  EXPECT_EQ(state_of(once), "SO");
  EXPECT_EQ(status_of(port).mps_sorights, 1U);
  EXPECT_EQ(mach_port_deallocate(mach_task_self(), once), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
}

// 07.9
TEST_P(PortCallStubs, TellTheStatusOfAReceiveRight) {
  const mach_port_t port = allocate();
  const mach_port_status_t status = status_of(port);
  EXPECT_EQ(status.mps_qlimit, MACH_PORT_QLIMIT_DEFAULT);
  EXPECT_EQ(status.mps_msgcount, 0U);
  EXPECT_FALSE(status.mps_srights);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
}

// 07.9
TEST_P(PortCallStubs, MoveMembersOfSets) {
  const mach_port_t port = allocate(), set = allocate(MACH_PORT_RIGHT_PORT_SET);
  EXPECT_EQ(stub_mach_port_move_member(task_, port, set), KERN_SUCCESS);
  EXPECT_EQ(status_of(port).mps_pset, set);
  EXPECT_EQ(stub_mach_port_move_member(task_, port, MACH_PORT_NULL), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_move_member(task_, port, MACH_PORT_NULL), KERN_NOT_IN_SET);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_destroy(task_, set), KERN_SUCCESS);
}

// 07.9
TEST_P(PortCallStubs, AskForNotifications) {
  const mach_port_t notify = new_port();
  const mach_port_t port = allocate();
  mach_port_t previous = 4711;
  EXPECT_EQ(stub_mach_port_request_notification(task_, port, MACH_NOTIFY_NO_SENDERS, 7, notify,
                                                MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
            KERN_SUCCESS);
  EXPECT_EQ(previous, mach_port_t{MACH_PORT_NULL});
  EXPECT_TRUE(status_of(port).mps_nsrequest);
  EXPECT_EQ(stub_mach_port_request_notification(task_, port, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL,
                                                MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
            KERN_SUCCESS);
  EXPECT_EQ(state_of(previous), "SO") << "the earlier request comes back";
  mach_port_deallocate(mach_task_self(), previous);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
  mach_port_destroy(mach_task_self(), notify);
}

// 07.9
TEST_P(PortCallStubs, SetAPayload) {
  const mach_port_t port = allocate();
  EXPECT_EQ(stub_mach_port_set_protected_payload(task_, port, 0x1234'5678'9abcU), KERN_SUCCESS);
  EXPECT_EQ(stub_mach_port_set_protected_payload(task_, port + 1, 1), KERN_INVALID_NAME);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
}

// 07.9
TEST_P(PortCallStubs, ListNames) {
  const mach_port_t port = allocate();
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t name_count = 0, type_count = 0;
  ASSERT_EQ(stub_mach_port_names(task_, &names, &name_count, &types, &type_count), KERN_SUCCESS);
  ASSERT_EQ(name_count, type_count);
  const auto* const found = std::find(names, names + name_count, port);
  ASSERT_NE(found, names + name_count);
  EXPECT_EQ(types[found - names], MACH_PORT_TYPE_RECEIVE);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(names), name_count * sizeof *names);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(types), type_count * sizeof *types);
  EXPECT_EQ(stub_mach_port_destroy(task_, port), KERN_SUCCESS);
}

}  // namespace
}  // namespace netmsg::test
