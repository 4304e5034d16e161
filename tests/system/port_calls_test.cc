// SPDX-License-Identifier: Apache-2.0
// The tables of spec 05 §2 to §5 through a real client: each call on each kind of name, its code, and what
// the name is afterwards. Each row on names of this task, in both forms of a call (05 §1): without a
// message, which the library chooses where the task's own port has its usual name, and by message (05 §8),
// which it chooses otherwise; and on names of another process, through its task port.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <utility>

#include "tests/support/dispositions.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

PortServerClient& server() {
  static PortServerClient only(here_and_there().a, here_and_there().a);
  return only;
}

PortServerClient& far_server() {
  static PortServerClient only(here_and_there().a, here_and_there().b, "far port server");
  return only;
}

// What a name can be.
constexpr std::array<const char*, 9> kKinds = {"NULL", "DEAD", "free", "R", "R+S2", "S2", "SO", "DN2", "PS"};

// Where the name is, and how the calls are made: in this task; in this task, by message; in the
// port_server's, by message through its task port; the same on another host.
enum class Whose { kOwn, kOwnByMessage, kOther, kFar };

bool is_other(Whose whose) {
  return whose == Whose::kOther || whose == Whose::kFar;
}

mach_port_t task_of(Whose whose) {
  static const mach_port_t other = server().task_port();
  static const mach_port_t far = far_server().task_port();
  return whose == Whose::kOther ? other : whose == Whose::kFar ? far : mach_task_self();
}

constexpr mach_port_t kFresh = 90000;   // names nothing in either task
constexpr mach_port_t kFresh2 = 90001;  // likewise

// One name of some kind in a task. What the send and send-once rights are for is the port_server's P where
// the task is ours, and our `home` where it is the port_server's.
class Names {
 public:
  Names(Whose whose, const std::string& kind) : task(task_of(whose)) {
    const auto count = static_cast<mach_port_delta_t>(kind.back() - '0');
    if (kind == "NULL") x = MACH_PORT_NULL;
    if (kind == "DEAD") x = MACH_PORT_DEAD;
    if (kind[0] == 'R') make(MACH_PORT_RIGHT_RECEIVE);
    if (kind == "R+S2") add_sends(2);
    if (kind == "DN2") make(MACH_PORT_RIGHT_DEAD_NAME);
    if (kind == "DN2") mach_port_mod_refs(task, x, MACH_PORT_RIGHT_DEAD_NAME, count - 1);
    if (kind == "PS") make(MACH_PORT_RIGHT_PORT_SET);
    if (kind == "S2" || kind == "SO") is_other(whose) ? give_right(kind) : take_right(kind);
  }
  ~Names() {
    mach_port_destroy(mach_task_self(), port);
    for (const mach_port_t name : {x, kFresh, kFresh2}) mach_port_destroy(task, name);
    for (const mach_port_t name : {home, got}) mach_port_destroy(mach_task_self(), name);
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  mach_port_t task;
  mach_port_t x = kFresh;         // the name
  mach_port_t port = new_port();  // another port of ours
  mach_port_t home = new_port();
  mach_port_t got = MACH_PORT_NULL;  // what a call brought

 private:
  void make(mach_port_right_t right) { EXPECT_EQ(mach_port_allocate(task, right, &x), KERN_SUCCESS); }
  void add_sends(int count) {
    mach_port_t send = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    EXPECT_EQ(mach_port_extract_right(task, x, kMakeSend, &send, &type), KERN_SUCCESS);
    EXPECT_EQ(mach_port_insert_right(task, x, send, kCopySend), KERN_SUCCESS);
    if (task != mach_task_self()) mach_port_deallocate(mach_task_self(), send);
    mach_port_mod_refs(task, x, MACH_PORT_RIGHT_SEND, count - static_cast<int>(sends()));
  }
  mach_port_urefs_t sends() const {
    mach_port_urefs_t refs = 0;
    EXPECT_EQ(mach_port_get_refs(task, x, MACH_PORT_RIGHT_SEND, &refs), KERN_SUCCESS);
    return refs;
  }
  void take_right(const std::string& kind) {
    x = server().new_port();
    if (kind == "S2") server().send_right();
    if (kind == "SO") mach_port_deallocate(mach_task_self(), std::exchange(x, server().send_once_right()));
  }
  void give_right(const std::string& kind) {
    EXPECT_EQ(mach_port_insert_right(task, x, home, kind == "SO" ? kMakeOnce : kMakeSend), KERN_SUCCESS);
    if (kind == "S2") mach_port_mod_refs(task, x, MACH_PORT_RIGHT_SEND, 1);
  }
};

// A row of a table: a letter for the code on each kind of name, and what the name is afterwards ("": as
// before).
struct Row {
  const char* what;
  std::function<kern_return_t(Names&)> call;
  const char* codes;
  std::array<const char*, 9> after = {"", "", "", "", "", "", "", "", ""};
  bool hands_over = false;  // a right of the caller, which is looked at before anything else
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
    case 'i':
      return MACH_SEND_INVALID_RIGHT;
    case 's':
      return KERN_NOT_IN_SET;
    default:
      return -1;
  }
}

// What calls are made on. Our task's port has another name as long as it exists, if they are to go by
// message.
class Target {
 public:
  explicit Target(Whose whose) : task_(task_of(whose)), renamed_(whose == Whose::kOwnByMessage) {
    if (renamed_) rename(std::exchange(task_, kOtherName), kOtherName);
  }
  ~Target() {
    if (renamed_) rename(kOtherName, mach_task_self());
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  mach_port_t task() const { return task_; }

 private:
  static constexpr mach_port_t kOtherName = 0x00C0FFEE;
  static void rename(mach_port_t from, mach_port_t to) {
    EXPECT_EQ(mach_port_rename(from, from, to), KERN_SUCCESS);
  }

  mach_port_t task_;
  bool renamed_;
};

// A right that the caller lacks is missing for the message, before there is a call (05 §5).
kern_return_t expected_code(Whose whose, const Row& row, std::size_t column) {
  const char letter = row.codes[column];
  const bool lacks = row.hands_over && whose != Whose::kOwn && (letter == 'n' || letter == 'r');
  return lacks ? MACH_SEND_INVALID_RIGHT : code_of(letter);
}

kern_return_t call(Whose whose, const Row& row, Names& names) {
  const Target target(whose);
  const mach_port_t usual = std::exchange(names.task, target.task());
  const kern_return_t code = row.call(names);
  names.task = usual;
  return code;
}

void check(Whose whose, const Row& row, std::size_t column) {
  SCOPED_TRACE(std::string(row.what) + " on " + kKinds[column]);
  Names names(whose, kKinds[column]);
  const std::string before = state_of(names.x, names.task);
  const kern_return_t code = call(whose, row, names);
  EXPECT_EQ(code, expected_code(whose, row, column)) << mach_error_string(code);
  const std::string after = row.after[column];
  EXPECT_EQ(state_of(names.x, names.task), after.empty() ? before : after);
}

template <std::size_t N>
void check_all(Whose whose, const Row (&rows)[N]) {
  for (const Row& row : rows) {
    ASSERT_EQ(std::string(row.codes).size(), kKinds.size()) << row.what;
    for (std::size_t column = 0; column < kKinds.size(); ++column) check(whose, row, column);
  }
}

class PortCallTest : public testing::Test {
 protected:
  void SetUp() override { server(); }
  void TearDown() override { EXPECT_EQ(balanced({&here_and_there().a, &here_and_there().b}), ""); }
};

// The same answers wherever the name is.
class PortCallTables : public PortCallTest, public testing::WithParamInterface<Whose> {
 protected:
  static Whose whose() { return GetParam(); }
};

// The rest depends on where the rights are.
class PortCallsHere : public PortCallTables {};
class PortCallsThere : public PortCallTables {};

std::string name_of(const testing::TestParamInfo<Whose>& made) {
  switch (made.param) {
    case Whose::kOwn:
      return "Own";
    case Whose::kOwnByMessage:
      return "OwnByMessage";
    case Whose::kOther:
      return "Other";
    default:
      return "OtherHost";
  }
}

INSTANTIATE_TEST_SUITE_P(Task, PortCallTables,
                         testing::Values(Whose::kOwn, Whose::kOwnByMessage, Whose::kOther, Whose::kFar),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Task, PortCallsHere, testing::Values(Whose::kOwn, Whose::kOwnByMessage), name_of);
INSTANTIATE_TEST_SUITE_P(Task, PortCallsThere, testing::Values(Whose::kOther, Whose::kFar), name_of);

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
TEST_P(PortCallTables, CreatingAndDestroying) {
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
  check_all(whose(), rows);
}

// 05.1, 05.4: the table of mod_refs.
TEST_P(PortCallTables, ModRefs) {
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
  check_all(whose(), rows);
}

// 05.1: the references that get_refs tells.
TEST_P(PortCallTables, ReferencesOfEachRight) {
  struct Refs {
    const char* kind;
    std::array<mach_port_urefs_t, 5> of;  // SEND, RECEIVE, SEND_ONCE, PORT_SET, DEAD_NAME
  };
  const Refs rows[] = {{"R", {0, 1, 0, 0, 0}},  {"R+S2", {2, 1, 0, 0, 0}}, {"S2", {2, 0, 0, 0, 0}},
                       {"SO", {0, 0, 1, 0, 0}}, {"DN2", {0, 0, 0, 0, 2}},  {"PS", {0, 0, 0, 1, 0}}};
  for (const Refs& row : rows) {
    const Names names(whose(), row.kind);
    const Target target(whose());
    for (mach_port_right_t right = 0; right < 5; ++right) {
      mach_port_urefs_t refs = 99;
      EXPECT_EQ(mach_port_get_refs(target.task(), names.x, right, &refs), KERN_SUCCESS);
      EXPECT_EQ(refs, row.of[right]) << row.kind << " as " << right;
    }
  }
}

// 05.1: what can be allocated.
TEST_P(PortCallTables, Allocate) {
  const Target target(whose());
  const std::array<const char*, 7> made = {"", "R", "", "PS", "DN1", "", ""};
  for (mach_port_right_t right = 0; right < made.size(); ++right) {
    mach_port_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(target.task(), right, &name);
    EXPECT_EQ(code, *made[right] != '\0' ? KERN_SUCCESS : KERN_INVALID_VALUE) << right;
    if (code != KERN_SUCCESS) continue;
    EXPECT_EQ(state_of(name, target.task()), made[right]);
    mach_port_destroy(target.task(), name);
  }
}

std::function<kern_return_t(Names&)> set_qlimit(mach_port_msgcount_t limit) {
  return [=](Names& n) { return mach_port_set_qlimit(n.task, n.x, limit); };
}

// A set in the task of the name, gone again.
kern_return_t with_set(Names& n, const std::function<kern_return_t(mach_port_t)>& call) {
  mach_port_t set = MACH_PORT_NULL;
  EXPECT_EQ(mach_port_allocate(n.task, MACH_PORT_RIGHT_PORT_SET, &set), KERN_SUCCESS);
  const kern_return_t code = call(set);
  mach_port_destroy(n.task, set);
  return code;
}

kern_return_t member_into(Names& n) {
  EXPECT_EQ(mach_port_allocate_name(n.task, MACH_PORT_RIGHT_RECEIVE, kFresh2), KERN_SUCCESS);
  return mach_port_move_member(n.task, kFresh2, n.x);
}

std::function<kern_return_t(Names&)> status_of_set() {
  return [](Names& n) {
    mach_port_name_array_t members = nullptr;
    mach_msg_type_number_t count = 99;
    const kern_return_t code = mach_port_get_set_status(n.task, n.x, &members, &count);
    EXPECT_EQ(count, code == KERN_SUCCESS ? 0U : 99U);
    return code;
  };
}

// 05.1, 05.3, 05.10: 05 §4.
TEST_P(PortCallTables, ReceiveRightsAndSets) {
  // clang-format off
  const Row rows[] = {
      {"get_receive_status", [](Names& n) {
         mach_port_status_t status;
         return mach_port_get_receive_status(n.task, n.x, &status);
       }, "nnnoorrrr"},
      {"set_qlimit 0", set_qlimit(0), "nnnoorrrr"},
      {"set_qlimit 16", set_qlimit(16), "nnnoorrrr"},
      {"set_qlimit 17", set_qlimit(17), "vvvvvvvvv"},
      {"set_mscount", [](Names& n) { return mach_port_set_mscount(n.task, n.x, ~0U); }, "nnnoorrrr"},
      {"set_seqno", [](Names& n) { return mach_port_set_seqno(n.task, n.x, ~0U); }, "nnnoorrrr"},
      {"set_protected_payload",
       [](Names& n) { return mach_port_set_protected_payload(n.task, n.x, ~0UL); }, "nnnoorrrr"},
      {"clear_protected_payload",
       [](Names& n) { return mach_port_clear_protected_payload(n.task, n.x); }, "nnnoorrrr"},
      {"move_member into a set", [](Names& n) {
         return with_set(n, [&](mach_port_t set) { return mach_port_move_member(n.task, n.x, set); });
       }, "nnnoorrrr"},
      {"move_member out of none",
       [](Names& n) { return mach_port_move_member(n.task, n.x, MACH_PORT_NULL); }, "nnnssrrrr"},
      {"move_member into what is no set",
       [](Names& n) { return mach_port_move_member(n.task, n.x, n.x); }, "nnnrrrrrr"},
      {"move_member of another port into it", member_into, "snnrrrrro"},
      {"get_set_status", status_of_set(), "nnnrrrrro"},
  };
  // clang-format on
  check_all(whose(), rows);
}

std::function<kern_return_t(Names&)> rename_to(mach_port_t name) {
  return [=](Names& n) { return mach_port_rename(n.task, n.x, name); };
}

std::function<kern_return_t(Names&)> allocate_there(mach_port_right_t right) {
  return [=](Names& n) { return mach_port_allocate_name(n.task, right, n.x); };
}

// 05.1, 05.3: names that the caller chooses (05 §2, §3).
TEST_P(PortCallTables, ChosenNames) {
  // clang-format off
  const Row rows[] = {
      {"allocate_name of a receive right", allocate_there(MACH_PORT_RIGHT_RECEIVE), "vvoeeeeee",
       {"", "", "R", "", "", "", "", "", ""}},
      {"allocate_name of a set", allocate_there(MACH_PORT_RIGHT_PORT_SET), "vvoeeeeee",
       {"", "", "PS", "", "", "", "", "", ""}},
      {"allocate_name of a dead name", allocate_there(MACH_PORT_RIGHT_DEAD_NAME), "vvoeeeeee",
       {"", "", "DN1", "", "", "", "", "", ""}},
      {"allocate_name of a send right", allocate_there(MACH_PORT_RIGHT_SEND), "vvvvvvvvv"},
      {"allocate_name of 5", allocate_there(5), "vvvvvvvvv"},
      {"rename", rename_to(kFresh2), "nnnoooooo",
       {"", "", "", "free", "free", "free", "free", "free", "free"}},
      {"rename to NULL", rename_to(MACH_PORT_NULL), "vvvvvvvvv"},
      {"rename to DEAD", rename_to(MACH_PORT_DEAD), "vvvvvvvvv"},
      {"rename nothing to it",
       [](Names& n) { return mach_port_rename(n.task, kFresh2, n.x); }, "vvneeeeee"},
      {"rename to itself", [](Names& n) { return mach_port_rename(n.task, n.x, n.x); }, "vvneeeeee"},
      {"rename to a name in use", [](Names& n) {
         return with_set(n, [&](mach_port_t used) { return mach_port_rename(n.task, n.x, used); });
       }, "eeeeeeeee"},
  };
  // clang-format on
  check_all(whose(), rows);
}

// The right `poly` of ours, under the name `x` in its task.
std::function<kern_return_t(Names&)> insert(mach_port_t Names::*poly, mach_msg_type_name_t disposition) {
  return [=](Names& n) { return mach_port_insert_right(n.task, n.x, n.*poly, disposition); };
}

std::function<kern_return_t(Names&)> insert_value(mach_port_t poly, mach_msg_type_name_t disposition) {
  return [=](Names& n) { return mach_port_insert_right(n.task, n.x, poly, disposition); };
}

// 05.1, 05.7: what goes wrong, and what does not, wherever the name is.
TEST_P(PortCallTables, InsertRight) {
  // clang-format off
  const Row rows[] = {
      {"of a bad type", insert(&Names::port, 15), "vvvvvvvvv"},
      {"of a bad type", insert(&Names::port, 22), "vvvvvvvvv"},
      {"a made send-once right", insert(&Names::port, kMakeOnce), "vvoeeeeee",
       {"", "", "SO", "", "", "", "", "", ""}},
      {"the receive right, which moves", insert(&Names::port, kMoveReceive), "vvoeeeeee",
       {"", "", "R", "", "", "", "", "", ""}},
      {"NULL", insert_value(MACH_PORT_NULL, kMakeSend), "vvccccccc"},
      {"DEAD", insert_value(MACH_PORT_DEAD, kCopySend), "vvccccccc"},
  };
  // clang-format on
  check_all(whose(), rows);
}

// 05.7: names of one task on both sides.
TEST_P(PortCallsHere, InsertRight) {
  // clang-format off
  Row rows[] = {
      {"a send right, which has a name", insert(&Names::port, kMakeSend), "vvxxxxxxx"},
      {"a right that is not there", insert(&Names::port, kCopySend), "rrrrrrrrr"},
      {"its own made send right", insert(&Names::x, kMakeSend), "vvnoorrrr",
       {"", "", "", "R+S1", "R+S3", "", "", "", ""}},
      {"its own copied send right", insert(&Names::x, kCopySend), "vvnroorcr",
       {"", "", "", "", "R+S3", "S3", "", "", ""}},
      {"its own moved send right", insert(&Names::x, kMoveSend), "vvnroorcr",
       {"", "", "", "", "", "", "", "DN1", ""}},
  };
  // clang-format on
  for (Row& row : rows) row.hands_over = true;
  check_all(whose(), rows);
}

// 05.7: our right into another task. One that we do not have is found out by the send of the request.
TEST_P(PortCallsThere, InsertRight) {
  // clang-format off
  const Row rows[] = {
      {"a send right", insert(&Names::port, kMakeSend), "vvoeeeeee",
       {"", "", "S1", "", "", "", "", "", ""}},
      {"a send right that merges", insert(&Names::home, kMakeSend), "vvoeeoeee",
       {"", "", "S1", "", "", "S3", "", "", ""}},
      {"a receive right that merges", insert(&Names::home, kMoveReceive), "vvoeeoeee",
       {"", "", "R", "", "", "R+S2", "DN1", "", ""}},
      {"a right that is not there", insert(&Names::port, kCopySend), "iiiiiiiii"},
      {"under another name than it has", [](Names& n) {
         return mach_port_insert_right(n.task, kFresh2, n.home, kMakeSend);
       }, "oooooxooo"},
  };
  // clang-format on
  check_all(whose(), rows);
}

std::function<kern_return_t(Names&)> extract(mach_msg_type_name_t disposition) {
  return [=](Names& n) {
    mach_msg_type_name_t type = 0;
    return mach_port_extract_right(n.task, n.x, disposition, &n.got, &type);
  };
}

// 05.8: out of our task into it: a right for the same port joins the name again.
TEST_P(PortCallsHere, ExtractRight) {
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
  check_all(whose(), rows);
}

// 05.8: out of another task into ours.
TEST_P(PortCallsThere, ExtractRight) {
  // clang-format off
  const Row rows[] = {
      {"of a bad type", extract(15), "vvvvvvvvv"},
      {"of a bad type", extract(22), "vvvvvvvvv"},
      {"MOVE_RECEIVE", extract(kMoveReceive), "nnnoorrrr",
       {"", "", "", "free", "S2", "", "", "", ""}},
      {"MOVE_SEND", extract(kMoveSend), "nnnrooror",
       {"", "", "", "", "R+S1", "S1", "", "DN1", ""}},
      {"MOVE_SEND_ONCE", extract(kMoveOnce), "nnnrrroor",
       {"", "", "", "", "", "", "free", "DN1", ""}},
      {"COPY_SEND", extract(kCopySend), "nnnrooror"},
      {"MAKE_SEND", extract(kMakeSend), "nnnoorrrr"},
      {"MAKE_SEND_ONCE", extract(kMakeOnce), "nnnoorrrr"},
  };
  // clang-format on
  check_all(whose(), rows);
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
TEST_P(PortCallTables, RequestNotification) {
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
  check_all(whose(), rows);
}

}  // namespace
}  // namespace netmsg::test
