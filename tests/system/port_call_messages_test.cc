// SPDX-License-Identifier: Apache-2.0
// The table of spec 05 §8 through a real client: requests to the own task port and to another process's, made
// by hand, and the sizes and ids of their replies.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/dispositions.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr unsigned kPatienceMs = 5000;

Item name(mach_port_t value) {
  Item item = numbers({value});
  item.descriptor.msgt_name = MACH_MSG_TYPE_PORT_NAME;
  return item;
}

Item payload(std::uint32_t value) {
  Item item = numbers({value});
  item.descriptor.msgt_name = MACH_MSG_TYPE_INTEGER_64;
  item.descriptor.msgt_size = 64;
  return item;
}

struct Row {
  mach_msg_id_t id;
  std::vector<Item> arguments;
  std::size_t request_size;
  std::uint32_t reply_size;
  bool complex_reply;
};

// Names in a task for one row: a port with a send right, a set, and a dead name.
struct Names {
  explicit Names(mach_port_t whose) : task(whose) {
    EXPECT_EQ(mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &r), KERN_SUCCESS);
    EXPECT_EQ(mach_port_allocate(task, MACH_PORT_RIGHT_PORT_SET, &set), KERN_SUCCESS);
    EXPECT_EQ(mach_port_allocate(task, MACH_PORT_RIGHT_DEAD_NAME, &dead), KERN_SUCCESS);
  }
  ~Names() {
    for (const mach_port_t each : {r, set, dead, kFresh}) mach_port_destroy(task, each);
    for (const mach_port_t each : {own, reply}) mach_port_destroy(mach_task_self(), each);
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  static constexpr mach_port_t kFresh = 90000;

  std::vector<Row> rows() const {
    return {
        {3200, {}, 32, 80, true},
        {3201, {name(r)}, 48, 64, false},
        {3202, {name(dead), name(kFresh)}, 64, 48, false},
        {3203, {numbers({MACH_PORT_RIGHT_RECEIVE}), name(kFresh)}, 64, 48, false},
        {3204, {numbers({MACH_PORT_RIGHT_DEAD_NAME})}, 48, 64, false},
        {3205, {name(dead)}, 48, 48, false},
        {3206, {name(dead)}, 48, 48, false},
        {3207, {name(r), numbers({MACH_PORT_RIGHT_RECEIVE})}, 64, 64, false},
        {3208, {name(dead), numbers({MACH_PORT_RIGHT_DEAD_NAME}), numbers({1})}, 80, 48, false},
        {3210, {name(r), numbers({7})}, 64, 48, false},
        {3211, {name(r), numbers({7})}, 64, 48, false},
        {3212, {name(set)}, 48, 64, true},
        {3213, {name(r), name(set)}, 64, 48, false},
        {3214,
         {name(r), numbers({MACH_NOTIFY_DEAD_NAME}), numbers({0}), rights(kMakeOnce, {own})},
         96,
         64,
         true},
        {3215, {name(kFresh), rights(kMakeOnce, {own})}, 64, 48, false},
        {3216, {name(r), numbers({kMakeOnce})}, 64, 64, true},
        {3217, {name(r)}, 48, 96, false},
        {3218, {name(r), numbers({7})}, 64, 48, false},
        {3221, {name(r), payload(1)}, 64, 48, false},
        {3222, {name(r)}, 48, 48, false},
    };
  }
  Outgoing request(const Row& row) const {
    return {.remote = task,
            .remote_type = kCopySend,
            .local = reply,
            .local_type = kMakeOnce,
            .id = row.id,
            .items = row.arguments};
  }

  mach_port_t task;
  mach_port_t r = MACH_PORT_NULL;
  mach_port_t set = MACH_PORT_NULL;
  mach_port_t dead = MACH_PORT_NULL;
  mach_port_t own = new_port();
  mach_port_t reply = new_port();
};

class PortCallMessages : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PortServerClient>(here_and_there().a, here_and_there().a, "messages");
  }
  static void TearDownTestSuite() { server_.reset(); }

  // Each row on fresh names, in this task and in the port_server's.
  template <typename Check>
  static void for_each_row(Check check) {
    for (const mach_port_t task : {mach_task_self(), server_->task_port()}) {
      const std::size_t count = Names(task).rows().size();
      for (std::size_t at = 0; at < count; ++at) {
        const Names names(task);
        const Row row = names.rows()[at];
        SCOPED_TRACE(row.id);
        check(names, row);
      }
    }
  }

 private:
  static std::unique_ptr<PortServerClient> server_;
};
std::unique_ptr<PortServerClient> PortCallMessages::server_;

void expect_reply(const Names& names, const Row& row, kern_return_t code, std::uint32_t size, bool complex) {
  const ReceivedMessage got = receive_message(names.reply, kPatienceMs);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_id, row.id + 100);
  EXPECT_EQ(got.header.msgh_size, size);
  EXPECT_EQ((got.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0, complex);
  EXPECT_EQ(got.header.msgh_remote_port, static_cast<mach_port_t>(MACH_PORT_NULL));
  EXPECT_EQ(static_cast<kern_return_t>(got.values.at(0)), code);
}

// 05.16
TEST_F(PortCallMessages, HaveTheirSizesAndIds) {
  for_each_row([](const Names& names, const Row& row) {
    const Outgoing request = names.request(row);
    EXPECT_EQ(request.encode().size(), row.request_size);
    ASSERT_EQ(send_message(request), MACH_MSG_SUCCESS);
    expect_reply(names, row, KERN_SUCCESS, row.reply_size, row.complex_reply);
  });
}

// 05.16: an argument too many.
TEST_F(PortCallMessages, OfAnotherSizeAreBadArguments) {
  for_each_row([](const Names& names, const Row& row) {
    Row longer = row;
    longer.arguments.push_back(numbers({0}));
    ASSERT_EQ(send_message(names.request(longer)), MACH_MSG_SUCCESS);
    expect_reply(names, row, MIG_BAD_ARGUMENTS, sizeof(mig_reply_header_t), false);
  });
}

// 05.16
TEST_F(PortCallMessages, OfNoCallAreBadIds) {
  const Names names(mach_task_self());
  for (const mach_msg_id_t id : {3199, 3209, 3219, 3220, 4711}) {
    const Row row{id, {name(names.r)}, 48, sizeof(mig_reply_header_t), false};
    ASSERT_EQ(send_message(names.request(row)), MACH_MSG_SUCCESS);
    expect_reply(names, row, MIG_BAD_ID, row.reply_size, false);
  }
}

}  // namespace
}  // namespace netmsg::test
