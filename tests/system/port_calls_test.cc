// SPDX-License-Identifier: Apache-2.0
// The tables of spec 05 §2 to §5 through a real client: each call on each kind of name, its code, and what the
// name is afterwards. Each row twice, in both forms of a call (05 §1): without a message, which the library
// chooses where the task's own port has its usual name, and by message (05 §8), which it chooses otherwise.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "tests/system/rights_scene.h"

namespace netmsg::test {
namespace {

constexpr unsigned kMoveReceive = MACH_MSG_TYPE_MOVE_RECEIVE;
constexpr unsigned kMoveSend = MACH_MSG_TYPE_MOVE_SEND;
constexpr unsigned kMoveOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE;
constexpr unsigned kCopySend = MACH_MSG_TYPE_COPY_SEND;
constexpr unsigned kMakeSend = MACH_MSG_TYPE_MAKE_SEND;
constexpr unsigned kMakeOnce = MACH_MSG_TYPE_MAKE_SEND_ONCE;

Host& host() {
  static Host only("here", 0, {});
  return only;
}

PortServerClient& server() {
  static PortServerClient only(host(), host());
  return only;
}

// What a name can be.
constexpr std::array<const char*, 9> kKinds = {"NULL", "DEAD", "free", "R", "R+S2", "S2", "SO", "DN2", "PS"};

// One name of some kind, a fresh port beside it, and a port that hears of the rights made for it.
struct Names {
  explicit Names(const std::string& kind)
      : scene(server(), kind == "NULL" || kind == "DEAD" ? "free" : kind) {
    if (kind == "NULL") x = MACH_PORT_NULL;
    if (kind == "DEAD") x = MACH_PORT_DEAD;
  }
  ~Names() { mach_port_destroy(mach_task_self(), port); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  RightsScene scene;
  mach_port_t task = mach_task_self();  // what the row's call is made on
  mach_port_t x = scene.x;
  mach_port_t port = new_port();
};

// A row of a table: a letter for the code on each kind of name, and what the name is afterwards ("": as before).
struct Row {
  const char* what;
  std::function<kern_return_t(Names&)> call;
  const char* codes;
  std::array<const char*, 9> after = {"", "", "", "", "", "", "", "", ""};
  bool hands_over = false;  // a right of the caller, before anything else is looked at
};

kern_return_t code_of(char letter) {
  switch (letter) {
    case 'o':
      return KERN_SUCCESS;
    case 'n':
      return KERN_INVALID_NAME;
    case 'r':
      return KERN_INVALID_RIGHT;
    case 'v':
      return KERN_INVALID_VALUE;
    case 'u':
      return KERN_UREFS_OVERFLOW;
    case 'a':
      return KERN_INVALID_ARGUMENT;
    case 'c':
      return KERN_INVALID_CAPABILITY;
    case 'e':
      return KERN_NAME_EXISTS;
    case 'x':
      return KERN_RIGHT_EXISTS;
    case 's':
      return KERN_NOT_IN_SET;
    default:
      return -1;
  }
}

// The same call, with the task's port under another name for that long.
kern_return_t call_by_message(const Row& row, Names& names) {
  constexpr mach_port_t kOtherName = 0x00C0FFEE;
  names.task = kOtherName;
  EXPECT_EQ(mach_port_rename(mach_task_self(), mach_task_self(), kOtherName), KERN_SUCCESS);
  const kern_return_t code = row.call(names);
  EXPECT_EQ(mach_port_rename(kOtherName, kOtherName, mach_task_self()), KERN_SUCCESS);
  return code;
}

// A right that the caller lacks is missing for the message, before there is a call (05 §5).
kern_return_t code_by_message(const Row& row, char letter) {
  const bool lacks = row.hands_over && (letter == 'n' || letter == 'r');
  return lacks ? MACH_SEND_INVALID_RIGHT : code_of(letter);
}

void check(const Row& row, std::size_t column, bool by_message) {
  SCOPED_TRACE(std::string(row.what) + " on " + kKinds[column] + (by_message ? " by message" : ""));
  Names names(kKinds[column]);
  const std::string before = state_of(names.x);
  const kern_return_t code = by_message ? call_by_message(row, names) : row.call(names);
  const char letter = row.codes[column];
  EXPECT_EQ(code, by_message ? code_by_message(row, letter) : code_of(letter)) << mach_error_string(code);
  const std::string after = row.after[column];
  EXPECT_EQ(state_of(names.x), after.empty() ? before : after);
}

template <std::size_t N>
void check_all(const Row (&rows)[N]) {
  for (const Row& row : rows) {
    ASSERT_EQ(std::string(row.codes).size(), kKinds.size()) << row.what;
    for (std::size_t column = 0; column < kKinds.size(); ++column) {
      check(row, column, false);
      check(row, column, true);
    }
  }
}

class PortCallTables : public testing::Test {
 protected:
  static void SetUpTestSuite() { server(); }
  void TearDown() override { EXPECT_EQ(balanced({&host()}), ""); }
};

std::function<kern_return_t(Names&)> mod_refs(mach_port_right_t right, mach_port_delta_t delta) {
  return [=](Names& n) { return mach_port_mod_refs(n.task, n.x, right, delta); };
}

std::function<kern_return_t(Names&)> get_refs(mach_port_right_t right) {
  return [=](Names& n) {
    mach_port_urefs_t refs = 0;
    return mach_port_get_refs(n.task, n.x, right, &refs);
  };
}

// 05.1, 05.3, 05.5: 05 §2 without mod_refs. The order of kinds: NULL DEAD free R R+S2 S2 SO DN2 PS.
TEST_F(PortCallTables, CreatingAndDestroying) {
  // clang-format off
  const Row rows[] = {
      {"destroy", [](Names& n) { return mach_port_destroy(n.task, n.x); }, "nnnoooooo",
       {"", "", "", "free", "free", "free", "free", "free", "free"}},
      {"deallocate", [](Names& n) { return mach_port_deallocate(n.task, n.x); }, "nnnroooor",
       {"", "", "", "", "R+S1", "S1", "free", "DN1", ""}},
      {"get_refs of SEND", get_refs(MACH_PORT_RIGHT_SEND), "nnnoooooo"},
      {"get_refs of 4", get_refs(MACH_PORT_RIGHT_DEAD_NAME), "nnnoooooo"},
      {"get_refs of 5", get_refs(5), "vvvvvvvvv"},
      {"type", [](Names& n) {
         mach_port_type_t type = 0;
         return mach_port_type(n.task, n.x, &type);
       }, "nnnoooooo"},
  };
  // clang-format on
  check_all(rows);
}

// 05.1, 05.4: the table of mod_refs.
TEST_F(PortCallTables, ModRefs) {
  // clang-format off
  const Row rows[] = {
      {"RECEIVE 0", mod_refs(MACH_PORT_RIGHT_RECEIVE, 0), "nnnoorrrr"},
      {"RECEIVE -1", mod_refs(MACH_PORT_RIGHT_RECEIVE, -1), "nnnoorrrr",
       {"", "", "", "free", "DN2", "", "", "", ""}},
      {"RECEIVE +1", mod_refs(MACH_PORT_RIGHT_RECEIVE, 1), "nnnvvrrrr"},
      {"RECEIVE -2", mod_refs(MACH_PORT_RIGHT_RECEIVE, -2), "nnnvvrrrr"},
      {"PORT_SET 0", mod_refs(MACH_PORT_RIGHT_PORT_SET, 0), "nnnrrrrro"},
      {"PORT_SET -1", mod_refs(MACH_PORT_RIGHT_PORT_SET, -1), "nnnrrrrro",
       {"", "", "", "", "", "", "", "", "free"}},
      {"PORT_SET +1", mod_refs(MACH_PORT_RIGHT_PORT_SET, 1), "nnnrrrrrv"},
      {"SEND_ONCE 0", mod_refs(MACH_PORT_RIGHT_SEND_ONCE, 0), "nnnrrrorr"},
      {"SEND_ONCE -1", mod_refs(MACH_PORT_RIGHT_SEND_ONCE, -1), "nnnrrrorr",
       {"", "", "", "", "", "", "free", "", ""}},
      {"SEND_ONCE +1", mod_refs(MACH_PORT_RIGHT_SEND_ONCE, 1), "nnnrrrvrr"},
      {"SEND_ONCE -2", mod_refs(MACH_PORT_RIGHT_SEND_ONCE, -2), "nnnrrrvrr"},
      {"SEND 0", mod_refs(MACH_PORT_RIGHT_SEND, 0), "nnnroorrr"},
      {"SEND +1", mod_refs(MACH_PORT_RIGHT_SEND, 1), "nnnroorrr",
       {"", "", "", "", "R+S3", "S3", "", "", ""}},
      {"SEND -1", mod_refs(MACH_PORT_RIGHT_SEND, -1), "nnnroorrr",
       {"", "", "", "", "R+S1", "S1", "", "", ""}},
      {"SEND -2", mod_refs(MACH_PORT_RIGHT_SEND, -2), "nnnroorrr",
       {"", "", "", "", "R", "free", "", "", ""}},
      {"SEND -3", mod_refs(MACH_PORT_RIGHT_SEND, -3), "nnnrvvrrr"},
      {"SEND to 65534", mod_refs(MACH_PORT_RIGHT_SEND, 65532), "nnnroorrr",
       {"", "", "", "", "R+S65534", "S65534", "", "", ""}},
      {"SEND to 65535", mod_refs(MACH_PORT_RIGHT_SEND, 65533), "nnnruurrr"},
      {"SEND INT_MIN", mod_refs(MACH_PORT_RIGHT_SEND, INT32_MIN), "nnnrvvrrr"},
      {"DEAD_NAME 0", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, 0), "nnnrrrror"},
      {"DEAD_NAME +1", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, 1), "nnnrrrror",
       {"", "", "", "", "", "", "", "DN3", ""}},
      {"DEAD_NAME -2", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, -2), "nnnrrrror",
       {"", "", "", "", "", "", "", "free", ""}},
      {"DEAD_NAME -3", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, -3), "nnnrrrrvr"},
      {"DEAD_NAME to 65535", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, 65533), "nnnrrrror",
       {"", "", "", "", "", "", "", "DN65535", ""}},
      {"DEAD_NAME to 65536", mod_refs(MACH_PORT_RIGHT_DEAD_NAME, 65534), "nnnrrrrur"},
      {"right 5", mod_refs(5, 0), "vvvvvvvvv"},
  };
  // clang-format on
  check_all(rows);
}

// 05.1: the references that get_refs tells.
TEST_F(PortCallTables, ReferencesOfEachRight) {
  struct Refs {
    const char* kind;
    std::array<mach_port_urefs_t, 5> of;  // SEND, RECEIVE, SEND_ONCE, PORT_SET, DEAD_NAME
  };
  const Refs rows[] = {{"R", {0, 1, 0, 0, 0}},  {"R+S2", {2, 1, 0, 0, 0}}, {"S2", {2, 0, 0, 0, 0}},
                       {"SO", {0, 0, 1, 0, 0}}, {"DN2", {0, 0, 0, 0, 2}},  {"PS", {0, 0, 0, 1, 0}}};
  for (const Refs& row : rows) {
    Names names(row.kind);
    for (mach_port_right_t right = 0; right < 5; ++right) {
      mach_port_urefs_t refs = 99;
      EXPECT_EQ(mach_port_get_refs(mach_task_self(), names.x, right, &refs), KERN_SUCCESS);
      EXPECT_EQ(refs, row.of[right]) << row.kind << " as " << right;
    }
  }
}

// 05.1: what can be allocated.
TEST_F(PortCallTables, Allocate) {
  const std::array<const char*, 7> made = {"", "R", "", "PS", "DN1", "", ""};
  for (mach_port_right_t right = 0; right < made.size(); ++right) {
    mach_port_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), right, &name);
    EXPECT_EQ(code, *made[right] != '\0' ? KERN_SUCCESS : KERN_INVALID_VALUE) << right;
    if (code != KERN_SUCCESS) continue;
    EXPECT_EQ(state_of(name), made[right]);
    mach_port_destroy(mach_task_self(), name);
  }
}

std::function<kern_return_t(Names&)> set_qlimit(mach_port_msgcount_t limit) {
  return [=](Names& n) { return mach_port_set_qlimit(n.task, n.x, limit); };
}

// 05.1, 05.3: 05 §4.
TEST_F(PortCallTables, ReceiveRights) {
  // clang-format off
  const Row rows[] = {
      {"get_receive_status", [](Names& n) {
         mach_port_status_t status;
         return mach_port_get_receive_status(n.task, n.x, &status);
       }, "nnnoorrrr"},
      {"set_qlimit 0", set_qlimit(0), "nnnoorrrr"},
      {"set_qlimit 16", set_qlimit(16), "nnnoorrrr"},
      {"set_qlimit 17", set_qlimit(17), "vvvvvvvvv"},
      {"set_mscount", [](Names& n) { return mach_port_set_mscount(n.task, n.x, 4711); }, "nnnoorrrr"},
      {"set_seqno", [](Names& n) { return mach_port_set_seqno(n.task, n.x, ~0U); }, "nnnoorrrr"},
      {"set_protected_payload", [](Names& n) {
         return mach_port_set_protected_payload(n.task, n.x, ~rpc_uintptr_t{0});
       }, "nnnoorrrr"},
      {"clear_protected_payload", [](Names& n) {
         return mach_port_clear_protected_payload(n.task, n.x);
       }, "nnnoorrrr"},
  };
  // clang-format on
  check_all(rows);
}

constexpr mach_port_t kFree = 0x00B00000;  // a name that nobody uses

kern_return_t rename_and_drop(Names& n) {
  const kern_return_t code = mach_port_rename(n.task, n.x, kFree);
  mach_port_destroy(n.task, kFree);
  return code;
}

std::function<kern_return_t(Names&)> allocate_name(mach_port_right_t right) {
  return [=](Names& n) { return mach_port_allocate_name(n.task, right, n.x); };
}

// 05.1, 05.3: 05 §3, and names that the caller chooses.
TEST_F(PortCallTables, ChosenNames) {
  // clang-format off
  const Row rows[] = {
      {"rename", rename_and_drop, "nnnoooooo",
       {"", "", "", "free", "free", "free", "free", "free", "free"}},
      {"rename to itself", [](Names& n) { return mach_port_rename(n.task, n.x, n.x); }, "vvneeeeee"},
      {"rename to NULL", [](Names& n) { return mach_port_rename(n.task, n.x, MACH_PORT_NULL); }, "vvvvvvvvv"},
      {"rename nothing to it", [](Names& n) { return mach_port_rename(n.task, kFree, n.x); }, "vvneeeeee"},
      {"allocate_name RECEIVE", allocate_name(MACH_PORT_RIGHT_RECEIVE), "vvoeeeeee",
       {"", "", "R", "", "", "", "", "", ""}},
      {"allocate_name PORT_SET", allocate_name(MACH_PORT_RIGHT_PORT_SET), "vvoeeeeee",
       {"", "", "PS", "", "", "", "", "", ""}},
      {"allocate_name DEAD_NAME", allocate_name(MACH_PORT_RIGHT_DEAD_NAME), "vvoeeeeee",
       {"", "", "DN1", "", "", "", "", "", ""}},
      {"allocate_name SEND", allocate_name(MACH_PORT_RIGHT_SEND), "vvvvvvvvv"},
      {"allocate_name of 5", allocate_name(5), "vvvvvvvvv"},
  };
  // clang-format on
  check_all(rows);
}

kern_return_t set_status(Names& n) {
  mach_port_name_array_t members = nullptr;
  mach_msg_type_number_t count = 0;
  return mach_port_get_set_status(n.task, n.x, &members, &count);
}

// 05.1, 05.10: 05 §4, sets.
TEST_F(PortCallTables, PortSets) {
  // clang-format off
  const Row rows[] = {
      {"move_member out", [](Names& n) { return mach_port_move_member(n.task, n.x, MACH_PORT_NULL); }, "nnnssrrrr"},
      {"move_member into it", [](Names& n) { return mach_port_move_member(n.task, n.port, n.x); }, "snnrrrrro"},
      {"get_set_status", set_status, "nnnrrrrro"},
  };
  // clang-format on
  check_all(rows);
}

std::function<kern_return_t(Names&)> insert_itself(mach_msg_type_name_t disposition) {
  return [=](Names& n) { return mach_port_insert_right(n.task, n.x, n.x, disposition); };
}

// A right for another port of the task under the name.
std::function<kern_return_t(Names&)> insert_port(mach_msg_type_name_t disposition) {
  return [=](Names& n) { return mach_port_insert_right(n.task, n.x, n.port, disposition); };
}

std::function<kern_return_t(Names&)> insert_instead(mach_port_t poly, mach_msg_type_name_t disposition) {
  return [=](Names& n) { return mach_port_insert_right(n.task, n.x, poly, disposition); };
}

// 05.1, 05.7: insert_right into the own task.
TEST_F(PortCallTables, InsertRight) {
  // clang-format off
  Row rows[] = {
      {"of a bad type", insert_port(15), "vvvvvvvvv"},
      {"of a bad type", insert_port(22), "vvvvvvvvv"},
      {"a made send-once right", insert_port(kMakeOnce), "vvoeeeeee",
       {"", "", "SO", "", "", "", "", "", ""}},
      {"a send right, which has a name", insert_port(kMakeSend), "vvxxxxxxx"},
      {"the receive right, which moves", insert_port(kMoveReceive), "vvoeeeeee",
       {"", "", "R", "", "", "", "", "", ""}},
      {"a right that is not there", insert_port(kCopySend), "rrrrrrrrr"},
      {"NULL", insert_instead(MACH_PORT_NULL, kMakeSend), "vvccccccc"},
      {"DEAD", insert_instead(MACH_PORT_DEAD, kCopySend), "vvccccccc"},
      {"its own made send right", insert_itself(kMakeSend), "vvnoorrrr",
       {"", "", "", "R+S1", "R+S3", "", "", "", ""}},
      {"its own copied send right", insert_itself(kCopySend), "vvnroorcr",
       {"", "", "", "", "R+S3", "S3", "", "", ""}},
      {"its own moved send right", insert_itself(kMoveSend), "vvnroorcr",
       {"", "", "", "", "", "", "", "DN1", ""}},
  };
  // clang-format on
  for (Row& row : rows) row.hands_over = true;
  check_all(rows);
}

std::function<kern_return_t(Names&)> extract(mach_msg_type_name_t disposition) {
  return [=](Names& n) {
    mach_port_t name = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    const kern_return_t code = mach_port_extract_right(n.task, n.x, disposition, &name, &type);
    if (code == KERN_SUCCESS && name != n.x && name != MACH_PORT_DEAD) mach_port_destroy(n.task, name);
    return code;
  };
}

// 05.1, 05.8: extract_right out of the own task into it.
TEST_F(PortCallTables, ExtractRight) {
  // clang-format off
  const Row rows[] = {
      {"of a bad type", extract(15), "vvvvvvvvv"},
      {"of a bad type", extract(22), "vvvvvvvvv"},
      {"MOVE_RECEIVE", extract(kMoveReceive), "nnnoorrrr",
       {"", "", "", "free", "R+S2", "", "", "", ""}},
      {"MOVE_SEND", extract(kMoveSend), "nnnrooror",
       {"", "", "", "", "R+S2", "S2", "", "DN1", ""}},
      {"MOVE_SEND_ONCE", extract(kMoveOnce), "nnnrrroor",
       {"", "", "", "", "", "", "free", "DN1", ""}},
      {"COPY_SEND", extract(kCopySend), "nnnrooror",
       {"", "", "", "", "R+S3", "S3", "", "", ""}},
      {"MAKE_SEND", extract(kMakeSend), "nnnoorrrr",
       {"", "", "", "R+S1", "R+S3", "", "", "", ""}},
      {"MAKE_SEND_ONCE", extract(kMakeOnce), "nnnoorrrr"},
  };
  // clang-format on
  check_all(rows);
}

// Makes the right for `port`, and expects it back as a notification if the call fails.
std::function<kern_return_t(Names&)> request(mach_msg_id_t id, mach_port_mscount_t sync) {
  return [=](Names& n) {
    mach_port_t previous = MACH_PORT_NULL;
    const kern_return_t code =
        mach_port_request_notification(n.task, n.x, id, sync, n.port, kMakeOnce, &previous);
    EXPECT_EQ(drain(n.port, MACH_NOTIFY_SEND_ONCE), code == KERN_SUCCESS ? 0U : 1U);
    return code;
  };
}

std::function<kern_return_t(Names&)> request_for(mach_msg_id_t id, mach_port_t notify) {
  return [=](Names& n) {
    mach_port_t previous = MACH_PORT_NULL;
    return mach_port_request_notification(n.task, n.x, id, 0, notify, kMakeOnce, &previous);
  };
}

// 05.1, 05.9
TEST_F(PortCallTables, RequestNotification) {
  // clang-format off
  const Row rows[] = {
      {"dead-name", request(MACH_NOTIFY_DEAD_NAME, 0), "nnnooooar"},
      {"dead-name, at once if dead", request(MACH_NOTIFY_DEAD_NAME, 1), "nnnooooor",
       {"", "", "", "", "", "", "", "DN3", ""}},
      {"dead-name, cancelled", request_for(MACH_NOTIFY_DEAD_NAME, MACH_PORT_NULL), "nnnooooar"},
      {"no-senders", request(MACH_NOTIFY_NO_SENDERS, 9), "nnnoorrrr"},
      {"no-senders, cancelled", request_for(MACH_NOTIFY_NO_SENDERS, MACH_PORT_NULL), "nnnoorrrr"},
      {"port-destroyed", request(MACH_NOTIFY_PORT_DESTROYED, 0), "nnnoorrrr"},
      {"port-destroyed with a sync", request(MACH_NOTIFY_PORT_DESTROYED, 1), "vvvvvvvvv"},
      {"what cannot be asked for", request(MACH_NOTIFY_PORT_DELETED, 0), "vvvvvvvvv"},
      {"for a dead port", request_for(MACH_NOTIFY_DEAD_NAME, MACH_PORT_DEAD), "ccccccccc"},
  };
  // clang-format on
  check_all(rows);
}

}  // namespace
}  // namespace netmsg::test
