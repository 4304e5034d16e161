// SPDX-License-Identifier: Apache-2.0
// Calls on tasks through the library (spec 05 §§1, 3 to 6): the two forms on the own task, and other tasks, each
// a process of its own.
#include <mach/mach_param.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>
#include <utility>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr mach_port_t kChosen = 0x00B00001;

// Another task: a forked process that attaches, and lives until it is told to end. This process holds a send
// right for its task port.
class OtherTask {
 public:
  // What it does at its end decides whether it ended well.
  explicit OtherTask(std::function<bool()> last_look = [] { return true; }) {
    int attached[2];
    int until[2];
    EXPECT_EQ(::pipe(attached), 0);
    EXPECT_EQ(::pipe(until), 0);
    pid_ = ::fork();
    if (pid_ == 0) be_the_task(attached[1], until, last_look);
    char byte = 0;
    EXPECT_EQ(::read(attached[0], &byte, 1), 1);
    for (const int fd : {attached[0], attached[1], until[0]}) ::close(fd);
    until_ = until[1];
    port = get_port();
  }
  ~OtherTask() { end(); }
  OtherTask(const OtherTask&) = delete;
  OtherTask& operator=(const OtherTask&) = delete;

  // True: it has ended, and its last look was good.
  bool end() {
    if (until_ < 0) return false;
    ::close(std::exchange(until_, -1));
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(daemon().tasks_become([this](const auto& rows) {
      return std::none_of(rows.begin(), rows.end(), [this](const auto& row) { return row.pid == pid_; });
    }));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  mach_port_t port = MACH_PORT_NULL;

 private:
  [[noreturn]] static void be_the_task(int attached, const int (&until)[2],
                                       const std::function<bool()>& last_look) {
    ::close(until[1]);
    mach_port_destroy(mach_task_self(), mach_reply_port());
    char byte = 1;
    if (::write(attached, &byte, 1) != 1) ::_exit(2);
    const bool told = ::read(until[0], &byte, 1) == 0;
    ::_exit(told && last_look() ? 0 : 1);
  }

  static std::uint64_t space_of(pid_t pid) {
    const auto rows = daemon().tasks();
    const auto row = std::find_if(rows.begin(), rows.end(), [pid](const auto& at) { return at.pid == pid; });
    return row != rows.end() ? row->space : 0;
  }

  mach_port_t get_port() const {
    const std::uint64_t theirs = space_of(pid_);
    const std::uint64_t ours = space_of(::getpid());
    return daemon().on_owner([&] {
      ipc::Engine& engine = daemon().engine();
      auto right = engine.copy_send(*engine.find_space(theirs), ipc::kTaskSelfName);
      return engine.insert_send(*engine.find_space(ours), std::move(right.value())).value();
    });
  }

  pid_t pid_ = -1;
  int until_ = -1;
};

template <typename T>
std::vector<T> take_array(T* memory, mach_msg_type_number_t count) {
  std::vector<T> taken(memory, memory + count);
  if (memory != nullptr) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 4096, 0U);
    ::munmap(memory, count * sizeof(T));
  }
  return taken;
}

struct NameList {
  std::vector<mach_port_name_t> names;
  std::vector<mach_port_type_t> types;
};

NameList names_of(mach_port_t task) {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t name_count = 0;
  mach_msg_type_number_t type_count = 0;
  EXPECT_EQ(mach_port_names(task, &names, &name_count, &types, &type_count), KERN_SUCCESS);
  EXPECT_EQ(name_count, type_count);
  return {take_array(names, name_count), take_array(types, type_count)};
}

std::vector<mach_port_t> registered_ports() {
  mach_port_array_t ports = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_EQ(mach_ports_lookup(mach_task_self(), &ports, &count), KERN_SUCCESS);
  return take_array(ports, count);
}

// ---------------------------------------------------------------- arrays

// 05.12
TEST(OwnTask, NamesAreWhatTypeSays) {
  const mach_port_t port = new_port_with_send();
  const NameList list = names_of(mach_task_self());
  EXPECT_EQ(std::count(list.names.begin(), list.names.end(), port), 1);
  for (std::size_t at = 0; at < list.names.size(); ++at) EXPECT_EQ(list.types[at], type_of(list.names[at]));
  mach_port_destroy(mach_task_self(), port);
}

// 05.12
TEST(OwnTask, NamesAreOneSnapshotWhileOthersChangeThem) {
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    while (!stop) {
      const mach_port_t port = new_port();
      mach_port_rename(mach_task_self(), port, kChosen);  // one of the two names, never both
      mach_port_destroy(mach_task_self(), kChosen);
    }
  });
  for (int round = 0; round < scaled(2000); ++round) {
    NameList list = names_of(mach_task_self());
    std::sort(list.names.begin(), list.names.end());
    EXPECT_EQ(std::adjacent_find(list.names.begin(), list.names.end()), list.names.end());
    EXPECT_EQ(std::count(list.types.begin(), list.types.end(), 0U), 0);
  }
  stop = true;
  changer.join();
}

// 05.11
TEST(OwnTask, TheMembersOfASet) {
  mach_port_t set = MACH_PORT_NULL;
  ASSERT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set), KERN_SUCCESS);
  mach_port_name_array_t members = nullptr;
  mach_msg_type_number_t count = 77;
  EXPECT_EQ(mach_port_get_set_status(mach_task_self(), set, &members, &count), KERN_SUCCESS);
  EXPECT_EQ(count, 0U);
  EXPECT_EQ(members, nullptr);
  std::vector<mach_port_t> ports(5000);
  for (mach_port_t& port : ports) {
    port = new_port();
    ASSERT_EQ(mach_port_move_member(mach_task_self(), port, set), KERN_SUCCESS);
  }
  ASSERT_EQ(mach_port_get_set_status(mach_task_self(), set, &members, &count), KERN_SUCCESS);
  std::vector<mach_port_name_t> found = take_array(members, count);
  std::sort(found.begin(), found.end());
  std::sort(ports.begin(), ports.end());
  EXPECT_EQ(found, ports);
  for (const mach_port_t port : ports) mach_port_destroy(mach_task_self(), port);
  mach_port_destroy(mach_task_self(), set);
}

// 05.17
TEST(OwnTask, RegistersItsPorts) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    using Ports = std::vector<mach_port_t>;
    const mach_port_t port = new_port_with_send();
    EXPECT_EQ(registered_ports(), (Ports{0, 0, 0, 0})) << "this daemon has no name service";
    const mach_port_t some[] = {MACH_PORT_NULL, port, MACH_PORT_DEAD};
    EXPECT_EQ(mach_ports_register(mach_task_self(), some, 3), KERN_SUCCESS);
    EXPECT_EQ(registered_ports(), (Ports{0, port, MACH_PORT_DEAD, 0}));
    EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 2U) << "COPY_SEND, and one that lookup gave";
    const mach_port_t many[] = {port, port, port, port, port};
    static_assert(std::size(many) == TASK_PORT_REGISTER_MAX + 1);
    EXPECT_EQ(mach_ports_register(mach_task_self(), many, 5), KERN_INVALID_ARGUMENT);
    const mach_port_t wrong[] = {4711};
    EXPECT_EQ(mach_ports_register(mach_task_self(), wrong, 1), MACH_SEND_INVALID_RIGHT);
    EXPECT_EQ(registered_ports()[1], port) << "nothing has changed";
    EXPECT_EQ(mach_ports_register(mach_task_self(), nullptr, 0), KERN_SUCCESS);
    EXPECT_EQ(registered_ports(), (Ports{0, 0, 0, 0}));
  }));
}

// ---------------------------------------------------------------- task, thread, host

TEST(OwnTask, HasSpecialPorts) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t port = new_port_with_send();
    mach_port_t got = 77;
    EXPECT_EQ(task_get_special_port(mach_task_self(), TASK_KERNEL_PORT, &got), KERN_SUCCESS);
    EXPECT_EQ(got, mach_task_self());
    EXPECT_EQ(task_get_bootstrap_port(mach_task_self(), &got), KERN_SUCCESS);
    EXPECT_EQ(got, mach_port_t{MACH_PORT_NULL});
    EXPECT_EQ(task_set_bootstrap_port(mach_task_self(), port), KERN_SUCCESS);
    EXPECT_EQ(task_get_bootstrap_port(mach_task_self(), &got), KERN_SUCCESS);
    EXPECT_EQ(got, port);
    got = 77;
    EXPECT_EQ(task_get_special_port(mach_task_self(), 2, &got), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(task_set_special_port(mach_task_self(), -1, port), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(got, 77U) << "out-parameters are left alone";
  }));
}

TEST(OwnTask, TheTrapsTakeAReferenceAndTheMacrosNone) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    EXPECT_EQ(refs_of(mach_task_self(), MACH_PORT_RIGHT_SEND), 1U);
    EXPECT_EQ((mach_task_self)(), mach_task_self());
    EXPECT_EQ(refs_of(mach_task_self(), MACH_PORT_RIGHT_SEND), 2U);
    EXPECT_EQ(refs_of(mach_host_self(), MACH_PORT_RIGHT_SEND), 1U);
    EXPECT_EQ((mach_host_self)(), mach_host_self());
    EXPECT_EQ(refs_of(mach_host_self(), MACH_PORT_RIGHT_SEND), 2U);
  }));
}

TEST(OwnTask, AThreadsPortDiesWithTheThread) {
  const mach_port_t mine = mach_thread_self();
  EXPECT_EQ(mach_thread_self(), mine);
  EXPECT_EQ(refs_of(mine, MACH_PORT_RIGHT_SEND), 2U);
  mach_port_t other = MACH_PORT_NULL;
  std::thread([&] { other = mach_thread_self(); }).join();
  EXPECT_NE(other, mine);
  while (type_of(other) == MACH_PORT_TYPE_SEND) std::this_thread::yield();  // its lane is being given back
  EXPECT_EQ(type_of(other), MACH_PORT_TYPE_DEAD_NAME);
  EXPECT_EQ(type_of(mine), MACH_PORT_TYPE_SEND);
  mach_port_destroy(mach_task_self(), other);
  mach_port_destroy(mach_task_self(), mine);
}

// ---------------------------------------------------------------- which task

// 05.2
TEST(TaskArgument, SaysWhoIsAsked) {
  const mach_port_t receive = new_port();
  mach_port_t dead = MACH_PORT_NULL;
  ASSERT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &dead), KERN_SUCCESS);
  const mach_port_t thread = mach_thread_self();
  const std::pair<mach_port_t, kern_return_t> rows[] = {{MACH_PORT_NULL, MACH_SEND_INVALID_DEST},
                                                        {MACH_PORT_DEAD, MACH_SEND_INVALID_DEST},
                                                        {4711, MACH_SEND_INVALID_DEST},
                                                        {receive, MACH_SEND_INVALID_DEST},
                                                        {dead, MACH_SEND_INVALID_DEST},
                                                        {mach_host_self(), KERN_INVALID_TASK},
                                                        {thread, KERN_INVALID_TASK},
                                                        {mach_task_self(), KERN_SUCCESS}};
  for (const auto& [task, code] : rows) {
    SCOPED_TRACE(task);
    mach_port_type_t type = 0;
    mach_port_t got = MACH_PORT_NULL;
    EXPECT_EQ(mach_port_type(task, receive, &type), code);
    EXPECT_EQ(mach_port_set_qlimit(task, receive, 5), code);
    EXPECT_EQ(task_get_special_port(task, TASK_BOOTSTRAP_PORT, &got), code);
  }
  EXPECT_EQ(mach_port_set_ktype(mach_host_self(), mach_task_self(), receive, MACH_PORT_RIGHT_RECEIVE, 28),
            KERN_INVALID_HOST);
  for (const mach_port_t name : {receive, dead, thread}) mach_port_destroy(mach_task_self(), name);
}

// The task's own port is known by what it is, not by its number.
TEST(TaskArgument, FollowsTheRenamedTaskPort) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t port = new_port();
    mach_port_type_t type = 0;
    EXPECT_EQ(mach_port_rename(mach_task_self(), mach_task_self(), kChosen), KERN_SUCCESS);
    EXPECT_EQ(mach_port_type(mach_task_self(), port, &type), MACH_SEND_INVALID_DEST);
    EXPECT_EQ(mach_port_type(kChosen, port, &type), KERN_SUCCESS);
    EXPECT_EQ(type, MACH_PORT_TYPE_RECEIVE);
    EXPECT_EQ(mach_port_deallocate(kChosen, kChosen), KERN_SUCCESS);
    EXPECT_EQ(mach_port_type(kChosen, port, &type), MACH_SEND_INVALID_DEST);
    EXPECT_NE(mach_reply_port(), mach_port_t{MACH_PORT_NULL}) << "takes no task";
  }));
}

// 05.7
TEST(OtherTasks, GetAndGiveRightsThroughTheirPort) {
  OtherTask other([] { return type_of(kChosen) == MACH_PORT_TYPE_SEND && type_of(kChosen + 1) == 0; });
  const mach_port_t port = new_port();
  EXPECT_EQ(mach_port_insert_right(other.port, kChosen, port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  EXPECT_EQ(mach_port_insert_right(other.port, kChosen + 1, port, MACH_MSG_TYPE_MAKE_SEND),
            KERN_RIGHT_EXISTS);
  EXPECT_EQ(mach_port_insert_right(other.port, kChosen, 4711, MACH_MSG_TYPE_MAKE_SEND),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(mach_port_insert_right(other.port, kChosen, port, 99), KERN_INVALID_VALUE);
  mach_port_t got = MACH_PORT_NULL;
  mach_msg_type_name_t kind = 0;
  EXPECT_EQ(mach_port_extract_right(other.port, kChosen, MACH_MSG_TYPE_COPY_SEND, &got, &kind), KERN_SUCCESS);
  EXPECT_EQ(got, port);
  EXPECT_EQ(kind, static_cast<mach_msg_type_name_t>(MACH_MSG_TYPE_PORT_SEND));
  EXPECT_EQ(type_of(port), MACH_PORT_TYPE_SEND_RECEIVE);
  const NameList theirs = names_of(other.port);
  EXPECT_EQ(std::count(theirs.names.begin(), theirs.names.end(), kChosen), 1);
  EXPECT_TRUE(other.end());
  EXPECT_EQ(mach_port_destroy(other.port, kChosen), MACH_SEND_INVALID_DEST) << "it is dead";
  EXPECT_EQ(type_of(other.port), MACH_PORT_TYPE_DEAD_NAME);
  mach_port_destroy(mach_task_self(), port);
}

// 05.9, on another task: the notification about its name comes here.
TEST(OtherTasks, CanBeWatched) {
  OtherTask other;
  const mach_port_t notify = new_port();
  ASSERT_EQ(mach_port_allocate_name(other.port, MACH_PORT_RIGHT_RECEIVE, kChosen), KERN_SUCCESS);
  const auto request = [&](mach_port_t previous_notify, mach_port_t* previous) {
    return mach_port_request_notification(other.port, kChosen, MACH_NOTIFY_DEAD_NAME, 0, previous_notify,
                                          MACH_MSG_TYPE_MAKE_SEND_ONCE, previous);
  };
  mach_port_t previous = 77;
  EXPECT_EQ(request(notify, &previous), KERN_SUCCESS);
  EXPECT_EQ(previous, mach_port_t{MACH_PORT_NULL});
  EXPECT_EQ(request(notify, &previous), KERN_SUCCESS);
  EXPECT_EQ(type_of(previous), MACH_PORT_TYPE_SEND_ONCE);
  EXPECT_EQ(mach_port_mod_refs(other.port, kChosen, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  SmallMessage message{};
  EXPECT_EQ(receive_from(notify, &message, MACH_RCV_TIMEOUT, 0), MACH_MSG_SUCCESS);
  EXPECT_EQ(message.head.msgh_id, MACH_NOTIFY_PORT_DELETED);
  for (const mach_port_t name : {notify, previous}) mach_port_destroy(mach_task_self(), name);
}

// ---------------------------------------------------------------- wrong answers

// A port that a program serves is asked like a task's port, and answers what it likes (05 §1).
class FalseTask : public testing::Test {
 protected:
  ~FalseTask() override { mach_port_destroy(mach_task_self(), port_); }

  // What a call returns if `answer` deals with its request.
  template <typename Answer>
  kern_return_t ask(Answer answer) {
    std::thread server([&] {
      SmallMessage request{};
      EXPECT_EQ(receive_from(port_, &request), MACH_MSG_SUCCESS);
      EXPECT_EQ(request.head.msgh_id, 3201);
      answer(request.head);
    });
    mach_port_type_t type = 0;
    const kern_return_t code = mach_port_type(port_, 5, &type);
    server.join();
    return code;
  }

  // A reply of `size` bytes with the code.
  static void reply(const mach_msg_header_t& request, mach_msg_id_t id, kern_return_t code,
                    mach_msg_size_t size) {
    union {
      mig_reply_header_t reply;
      char bytes[128];
    } message{};
    message.reply.Head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    message.reply.Head.msgh_remote_port = request.msgh_remote_port;
    message.reply.Head.msgh_id = id;
    message.reply.RetCodeType.msgt_name = MACH_MSG_TYPE_INTEGER_32;
    message.reply.RetCodeType.msgt_size = 32;
    message.reply.RetCodeType.msgt_inline = 1;
    message.reply.RetCodeType.msgt_number = 1;
    message.reply.RetCode = code;
    EXPECT_EQ(mach_msg(&message.reply.Head, MACH_SEND_MSG, size, 0, 0, 0, 0), MACH_MSG_SUCCESS);
  }

  mach_port_t port_ = new_port_with_send();
};

TEST_F(FalseTask, GivesItsCode) {
  EXPECT_EQ(ask([](const mach_msg_header_t& request) { reply(request, 3301, 4711, 48); }), 4711);
}

TEST_F(FalseTask, ThatDropsTheRequestHasDied) {
  EXPECT_EQ(ask([](mach_msg_header_t& request) { mach_msg_destroy(&request); }), MIG_SERVER_DIED);
}

TEST_F(FalseTask, WithAnotherIdDoesNotMatch) {
  EXPECT_EQ(ask([](const mach_msg_header_t& request) { reply(request, 3302, 0, 48); }), MIG_REPLY_MISMATCH);
}

TEST_F(FalseTask, WithAnotherFormHasTheWrongTypes) {
  const auto wrong = [&](kern_return_t code, mach_msg_size_t size) {
    return ask([&](const mach_msg_header_t& request) { reply(request, 3301, code, size); });
  };
  EXPECT_EQ(wrong(KERN_SUCCESS, 48), MIG_TYPE_ERROR) << "a success without its result";
  EXPECT_EQ(wrong(KERN_SUCCESS, 64), MIG_TYPE_ERROR) << "a result without a descriptor";
  EXPECT_EQ(wrong(KERN_FAILURE, 64), MIG_TYPE_ERROR) << "a failure with a result";
  EXPECT_EQ(wrong(KERN_SUCCESS, 32), MIG_TYPE_ERROR) << "no code at all";
}

// A right, and memory for which there will be no room.
struct HalfAnswer {
  mig_reply_header_t head;
  mach_msg_type_t right_type;
  mach_port_name_inlined_t right;
  mach_msg_type_t region_type;
  const char* region;
};

// 03 §8: the code is told, and what came all the same is given up.
TEST(HalfAnAnswer, IsGivenUp) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer needs address space for itself while a thread runs";
#endif
  EXPECT_TRUE(in_process(daemon().path(), [] {
    const mach_port_t service = new_port_with_send();
    const mach_port_t carried = new_port();
    rlimit room{};
    ASSERT_EQ(::getrlimit(RLIMIT_AS, &room), 0);
    const rlimit none{4096, room.rlim_max};
    const auto send = [](HalfAnswer& answer) {
      return mach_msg(&answer.head.Head, MACH_SEND_MSG, sizeof answer, 0, 0, 0, 0);
    };
    std::latch room_is_back(1);
    std::thread server([&] {
      SmallMessage request{};
      EXPECT_EQ(receive_from(service, &request), MACH_MSG_SUCCESS);
      HalfAnswer answer{};
      answer.head.Head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
      answer.head.Head.msgh_remote_port = request.head.msgh_remote_port;
      answer.head.Head.msgh_id = request.head.msgh_id + 100;
      answer.head.RetCodeType = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1};
      answer.right_type = {MACH_MSG_TYPE_MAKE_SEND, 64, 0, 1, 0, 0, 1};
      answer.right.name = carried;
      answer.region_type = {MACH_MSG_TYPE_BYTE, 8, 0, 0, 0, 0, 5};
      answer.region = "data";
      HalfAnswer before = answer;
      before.head.Head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
      before.head.Head.msgh_remote_port = new_port();
      EXPECT_EQ(send(before), MACH_MSG_SUCCESS) << "the allocator has from here on what a send needs";
      EXPECT_EQ(::setrlimit(RLIMIT_AS, &none), 0);
      EXPECT_EQ(send(answer), MACH_MSG_SUCCESS);
      room_is_back.wait();
    });
    mach_port_type_t type = 0;
    const kern_return_t code = mach_port_type(service, 5, &type);
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &room), 0);
    room_is_back.count_down();
    server.join();
    EXPECT_EQ(code, MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE);
    EXPECT_EQ(refs_of(carried, MACH_PORT_RIGHT_SEND), 0U);
  }));
}

}  // namespace
}  // namespace netmsg::test
