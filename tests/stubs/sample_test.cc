// SPDX-License-Identifier: Apache-2.0
// Stubs of the form that current stub generators give them, user's side against server's side (spec 07 §5, case
// 07.3): in one task, between two tasks of a host, and between two hosts.
#include "tests/stubs/sample.h"

#include <gtest/gtest.h>
#include <mach/mig_support.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "tests/stubs/sample_place.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr natural_t kPatienceMs = 20'000;

class Stubs : public testing::TestWithParam<Place> {
 protected:
  mach_port_t server() const { return server_.port(); }

  // All rights of both hosts add up when everything has come to rest.
  static void TearDownTestSuite() { EXPECT_EQ(balanced({&hosts().a, &hosts().b}), ""); }

  SampleServer server_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Sample, Stubs,
                         testing::Values(Place::kSameTask, Place::kSameHost, Place::kOtherHost),
                         testing::PrintToStringParamName());

// 07.3
TEST_P(Stubs, CallWithoutArguments) {
  EXPECT_EQ(sample_nothing(server()), KERN_SUCCESS);
}

// 07.3
TEST_P(Stubs, CarryNumbersInAndOut) {
  int b = 40;
  int64_t c = 0;
  EXPECT_EQ(sample_numbers(server(), 2, &b, &c), KERN_SUCCESS);
  EXPECT_EQ(b, 42);
  EXPECT_EQ(c, int64_t{42} << 32);
}

// 07.3
TEST_P(Stubs, CarryStringsOfFixedSize) {
  label_t answer;
  EXPECT_EQ(sample_label(server(), "a label", answer), KERN_SUCCESS);
  EXPECT_STREQ(answer, "a label");
  EXPECT_EQ(sample_label(server(), std::string(40, 'x').c_str(), answer), KERN_SUCCESS);
  EXPECT_EQ(answer, std::string(31, 'x')) << "cut, with its terminator";
}

// 07.8
TEST_P(Stubs, CarryStringsOfAnyLength) {
  for (const std::size_t length : {0U, 1U, 7U, 8U, 15U, 16U, 126U, 127U, 128U, 200U}) {
    const std::string text(length, 't');
    text_t answer;
    ASSERT_EQ(sample_text(server(), text.c_str(), answer), KERN_SUCCESS) << length;
    EXPECT_EQ(answer, text.substr(0, 127)) << length;
  }
}

// 07.3
TEST_P(Stubs, CarryArraysOfFixedSize) {
  const row_t row = {1, 2, 3, 4, 5};
  row_t back;
  EXPECT_EQ(sample_row(server(), row, back), KERN_SUCCESS);
  EXPECT_TRUE(std::equal(row, row + 5, back));
}

// 07.3
TEST_P(Stubs, CarryArraysOfAnyLength) {
  int list[17];
  std::iota(list, list + 17, 100);
  for (const mach_msg_type_number_t count : {0U, 1U, 2U, 15U, 16U}) {
    int back[16];
    mach_msg_type_number_t back_count = 16;
    ASSERT_EQ(sample_list(server(), list, count, back, &back_count), KERN_SUCCESS) << count;
    EXPECT_EQ(back_count, count);
    EXPECT_TRUE(std::equal(list, list + count, back)) << count;
  }
  mach_msg_type_number_t none = 0;
  EXPECT_EQ(sample_list(server(), list, 17, list, &none), MIG_ARRAY_TOO_LARGE) << "nothing is sent";
}

// 07.3
TEST_P(Stubs, TellHowLongAnArrayIsThatDoesNotFit) {
  const int list[3] = {7, 8, 9};
  int back[3] = {0, 0, 0};
  mach_msg_type_number_t back_count = 2;
  EXPECT_EQ(sample_list(server(), list, 3, back, &back_count), MIG_ARRAY_TOO_LARGE);
  EXPECT_EQ(back_count, 3U);
  EXPECT_EQ(std::vector<int>(back, back + 3), (std::vector<int>{7, 8, 0}));
}

// 07.3
TEST_P(Stubs, CarryStructures) {
  point_t point = {1, 2, 3};
  EXPECT_EQ(sample_point(server(), &point), KERN_SUCCESS);
  EXPECT_EQ(std::vector<int>({point.x, point.y, point.z}), (std::vector<int>{3, 1, 2}));
}

// 07.3: 12,345 bytes from the middle of a page on.
TEST_P(Stubs, CarryMemoryAndLeaveItToTheSender) {
  std::vector<char> data(12'345, 'a');
  vm_offset_t back = 0;
  mach_msg_type_number_t count = 0;
  ASSERT_EQ(sample_memory(server(), reinterpret_cast<vm_offset_t>(data.data()),
                          static_cast<mach_msg_type_number_t>(data.size()), &back, &count),
            KERN_SUCCESS);
  ASSERT_EQ(count, data.size());
  EXPECT_EQ(std::string(reinterpret_cast<char*>(back), count), std::string(data.size(), 'b'));
  EXPECT_EQ(data, std::vector<char>(data.size(), 'a'));
  EXPECT_EQ(vm_deallocate(mach_task_self(), back, count), KERN_SUCCESS);
}

bool is_mapped(vm_address_t address) {
  vm_offset_t copy = 0;
  mach_msg_type_number_t count = 0;
  if (vm_read(mach_task_self(), address, 1, &copy, &count) != KERN_SUCCESS) return false;
  vm_deallocate(mach_task_self(), copy, count);
  return true;
}

// 07.3
TEST_P(Stubs, GiveMemoryAway) {
  constexpr mach_msg_type_number_t kSize = 3 * 4096;
  vm_address_t data = 0;
  ASSERT_EQ(vm_allocate(mach_task_self(), &data, kSize, TRUE), KERN_SUCCESS);
  std::fill_n(reinterpret_cast<char*>(data), kSize, 'x');
  vm_offset_t back = 0;
  mach_msg_type_number_t count = 0;
  ASSERT_EQ(sample_give_memory(server(), data, kSize, &back, &count), KERN_SUCCESS);
  ASSERT_EQ(count, kSize);
  const bool reused = trunc_page(back) <= data && data < back + count;  // what came may have its addresses
  EXPECT_TRUE(reused || !is_mapped(data));
  EXPECT_EQ(std::string(reinterpret_cast<char*>(back), count), std::string(kSize, 'y'));
  EXPECT_EQ(vm_deallocate(mach_task_self(), back, count), KERN_SUCCESS);
}

// 07.3
TEST_P(Stubs, GiveRightsInEveryWay) {
  const mach_port_t port = new_port();
  for (int i = 0; i < 2; ++i) mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  ASSERT_EQ(sample_take(server(), port, port, port, port, once_right(port)), KERN_SUCCESS);
  EXPECT_EQ(state_of(port), "R+S1") << "one was copied, one moved";
  for (mach_msg_id_t id = 1; id <= 5; ++id) {
    const ReceivedMessage got = receive_message(port, kPatienceMs);
    ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_id, id);
    EXPECT_EQ(MACH_MSGH_BITS_LOCAL(got.header.msgh_bits),
              static_cast<unsigned>(id <= 3 ? MACH_MSG_TYPE_PORT_SEND : MACH_MSG_TYPE_PORT_SEND_ONCE));
  }
  mach_port_destroy(mach_task_self(), port);
}

unsigned send_refs(mach_port_t name) {
  mach_port_urefs_t refs = 0;
  EXPECT_EQ(mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, &refs), KERN_SUCCESS);
  return refs;
}

// Calls sample_nothing through a send-once right, which no stub can do.
kern_return_t call_once(mach_port_t once) {
  union {
    mach_msg_header_t head;
    mig_reply_header_t reply;
  } message{};
  const mach_port_t answers = new_port();
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.head.msgh_remote_port = once;
  message.head.msgh_local_port = answers;
  message.head.msgh_id = kNothing;
  const mach_msg_return_t code =
      mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof message.head,
               sizeof message, answers, kPatienceMs, MACH_PORT_NULL);
  mach_port_destroy(mach_task_self(), answers);
  return code == MACH_MSG_SUCCESS ? message.reply.RetCode : code;
}

// 07.3
TEST_P(Stubs, BringRightsGivenInEveryWay) {
  const unsigned before = send_refs(server());
  mach_port_t copied = 0, made = 0, moved = 0, once_made = 0, once_moved = 0;
  ASSERT_EQ(sample_give(server(), &copied, &made, &moved, &once_made, &once_moved), KERN_SUCCESS);
  EXPECT_EQ(copied, server());
  EXPECT_EQ(made, server());
  EXPECT_EQ(moved, server());
  EXPECT_EQ(send_refs(server()), before + 3);
  EXPECT_NE(once_made, once_moved);
  EXPECT_EQ(call_once(once_made), KERN_SUCCESS);
  EXPECT_EQ(call_once(once_moved), KERN_SUCCESS);
}

// 07.3
TEST_P(Stubs, CarryReceiveRights) {
  const mach_port_t port = new_port();
  mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
  mach_port_t back = MACH_PORT_NULL;
  ASSERT_EQ(sample_receive(server(), port, &back), KERN_SUCCESS);
  EXPECT_EQ(back, port) << "the send right here kept its name";
  EXPECT_EQ(state_of(port), "R+S1");
  mach_port_destroy(mach_task_self(), port);
}

// 07.3
TEST_P(Stubs, CarryArraysOfRights) {
  mach_port_t ports[] = {new_port(), MACH_PORT_NULL, new_port(), MACH_PORT_DEAD};
  for (const int i : {0, 2})
    mach_port_insert_right(mach_task_self(), ports[i], ports[i], MACH_MSG_TYPE_MAKE_SEND);
  mach_port_array_t back = nullptr;
  mach_msg_type_number_t count = 0;
  ASSERT_EQ(sample_ports(server(), ports, 4, &back, &count), KERN_SUCCESS);
  ASSERT_EQ(count, 4U);
  EXPECT_TRUE(std::equal(ports, ports + 4, back));
  EXPECT_EQ(state_of(ports[0]), "R+S2");
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(back), count * sizeof *back);
  for (const int i : {0, 2}) mach_port_destroy(mach_task_self(), ports[i]);
}

// 07.3
TEST_P(Stubs, CarryNoRightsAtAllInAnArray) {
  mach_port_array_t back = nullptr;
  mach_msg_type_number_t count = 7;
  ASSERT_EQ(sample_ports(server(), nullptr, 0, &back, &count), KERN_SUCCESS);
  EXPECT_EQ(count, 0U);
}

// 07.3
TEST_P(Stubs, CarryRightsWhoseKindTheCallerSays) {
  const struct {
    mach_msg_type_name_t given;
    mach_msg_type_name_t arrives;
    const char* state;  // of the name that came back
  } kinds[] = {
      {MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_PORT_SEND, "R+S1"},
      {MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_PORT_SEND, "R+S2"},
      {MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_PORT_SEND, "R+S2"},
      {MACH_MSG_TYPE_MAKE_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND_ONCE, "SO"},
      {MACH_MSG_TYPE_PORT_NAME, MACH_MSG_TYPE_PORT_NAME, "R+S2"},
  };
  const mach_port_t port = new_port();
  for (const auto& kind : kinds) {
    mach_port_t back = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    ASSERT_EQ(sample_any(server(), port, kind.given, &back, &type), KERN_SUCCESS) << kind.given;
    EXPECT_EQ(type, kind.arrives) << kind.given;
    EXPECT_EQ(state_of(back), kind.state) << kind.given;
    if (back != port) mach_port_deallocate(mach_task_self(), back);
  }
  mach_port_destroy(mach_task_self(), port);
}

// 07.3
TEST_P(Stubs, GiveTheServersErrorBack) {
  EXPECT_EQ(sample_fail(server(), KERN_INVALID_VALUE), KERN_INVALID_VALUE);
  EXPECT_EQ(sample_fail(server(), -4711), -4711);
}

// 07.3
TEST_P(Stubs, TellSomethingWithoutAnAnswer) {
  int before = 0, after = 0;
  ASSERT_EQ(sample_noted(server(), &before), KERN_SUCCESS);
  EXPECT_EQ(sample_note(server(), 5), KERN_SUCCESS);
  EXPECT_EQ(sample_post(server(), MACH_MSG_OPTION_NONE, "seven__"), KERN_SUCCESS);
  EXPECT_EQ(sample_try(server(), MACH_SEND_TIMEOUT, 30), KERN_SUCCESS);
  ASSERT_EQ(sample_noted(server(), &after), KERN_SUCCESS);
  EXPECT_EQ(after - before, 42);
}

// 07.3
TEST_P(Stubs, WaitNoLongerThanTheyWereTold) {
  EXPECT_EQ(sample_later(server(), 30), MACH_RCV_TIMED_OUT);
  EXPECT_EQ(sample_note(server(), 3), KERN_SUCCESS) << "answers nobody";
  EXPECT_EQ(sample_nothing(server()), KERN_SUCCESS) << "no late answer is taken for this one's";
}

// 07.3: The server answers after another call, with that call's number as code.
TEST_P(Stubs, GetAnAnswerThatIsGivenLater) {
  kern_return_t code = -1;
  std::thread caller([&] { code = sample_later(server(), kPatienceMs); });
  // A note that comes before the request is only added up.
  std::atomic<bool> answered{false};
  std::thread noter([&] {
    while (!answered) {
      ASSERT_EQ(sample_note(server(), 17), KERN_SUCCESS);
      ASSERT_EQ(sample_nothing(server()), KERN_SUCCESS);
    }
  });
  caller.join();
  answered = true;
  noter.join();
  EXPECT_EQ(code, 17);
}

// 07.6: the reply right goes without a reply.
TEST_P(Stubs, SayThatTheServerDiedIfItGivesTheReplyRightUp) {
  std::atomic<bool> over{false};
  std::thread noter([&] {
    while (!over) {
      ASSERT_EQ(sample_note(server(), 0), KERN_SUCCESS);
      ASSERT_EQ(sample_nothing(server()), KERN_SUCCESS);
    }
  });
  const mach_port_t reply = mig_get_reply_port();
  EXPECT_EQ(sample_later(server(), kPatienceMs), MIG_SERVER_DIED);
  over = true;
  noter.join();
  EXPECT_EQ(mig_get_reply_port(), reply) << "is still of use";
  EXPECT_EQ(sample_nothing(server()), KERN_SUCCESS);
}

// 07.6
TEST_P(Stubs, SayThatTheServerDied) {
  if (server_.process() == nullptr) GTEST_SKIP() << "the server is this process";
  const mach_port_t reply = mig_get_reply_port();
  EXPECT_EQ(sample_quit(server()), MIG_SERVER_DIED);
  EXPECT_EQ(mig_get_reply_port(), reply);
  EXPECT_EQ(sample_nothing(server()), MACH_SEND_INVALID_DEST) << "a dead name";
  SampleServer next(GetParam());
  EXPECT_EQ(sample_nothing(next.port()), KERN_SUCCESS);
}

// What a call brought and was given back, and what it took and gave up, is gone.
TEST_P(Stubs, LeaveNothingBehind) {
  const mach_port_t port = new_port();
  sample_nothing(server());  // a reply port stays
  const unsigned before = names_held();
  for (int i = 0; i < 20; ++i) {
    mach_port_t back = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    ASSERT_EQ(sample_any(server(), port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &back, &type), KERN_SUCCESS);
    mach_port_deallocate(mach_task_self(), back);
    ASSERT_EQ(sample_take(server(), MACH_PORT_NULL, port, MACH_PORT_NULL, port, MACH_PORT_NULL),
              KERN_SUCCESS);
    for (const mach_msg_id_t id : {MACH_NOTIFY_SEND_ONCE, 2, 4})
      ASSERT_EQ(receive_message(port, kPatienceMs).header.msgh_id, id);
    ASSERT_EQ(sample_fail(server(), KERN_FAILURE), KERN_FAILURE);
  }
  EXPECT_EQ(names_held(), before);
  mach_port_destroy(mach_task_self(), port);
}

// Adds up in steps, which go wrong if answers are mixed up.
void count_to(mach_port_t server, int start, int steps) {
  for (int i = 0, b = start; i < steps; ++i) {
    int64_t c = 0;
    ASSERT_EQ(sample_numbers(server, 1, &b, &c), KERN_SUCCESS);
    ASSERT_EQ(b, start + i + 1);
    ASSERT_EQ(c >> 32, b);
  }
}

// 07.7
TEST_P(Stubs, CallFromTwoThreadsAtOnce) {
  std::thread other([&] { count_to(server(), 1'000'000, 200); });
  count_to(server(), 0, 200);
  other.join();
}

// 07.7: the thread that forks has a reply port, whose name means nothing in the child.
TEST_P(Stubs, CallFromAForkedChild) {
  ASSERT_EQ(sample_nothing(server()), KERN_SUCCESS);
  EXPECT_TRUE(in_child([] {
    const mach_port_t server = SampleServer::look_up();
    count_to(server, 5, 20);
    std::thread([&] { count_to(server, 7, 20); }).join();
  }));
  count_to(server(), 0, 5);
}

}  // namespace
}  // namespace netmsg::test
