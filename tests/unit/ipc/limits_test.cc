// SPDX-License-Identifier: Apache-2.0
// What a full space, an exhausted account and the limits on a message answer: the resource codes of spec
// 05 and the special bits of 03 §8, with limits set low. (Of the bits only IPC_SPACE comes from the
// engine: it needs no memory of its own that could run out for a right alone.)
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

namespace calls = ipc::mach_port;
constexpr std::uint32_t kNames = 8;
constexpr Name kUnused = 4711;

// Both tasks may have kNames names.
class FullSpace : public testing::Test {
 protected:
  World world{ipc::Limits{.names_per_space = kNames}};
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();

  // Leaves room for `rest` names.
  static void fill(Task& task, std::size_t rest = 0) {
    while (calls::names(task.space()).names.size() + rest < kNames) task.dead_name(1);
  }
};

// 05.15: what needs a name is refused and changes nothing; what needs none goes on.
TEST_F(FullSpace, RefusesCallsThatNeedAName) {
  fill(client);
  const std::uint64_t digest = world.engine.digest();
  for (const mach_port_right_t right :
       {MACH_PORT_RIGHT_RECEIVE, MACH_PORT_RIGHT_PORT_SET, MACH_PORT_RIGHT_DEAD_NAME}) {
    EXPECT_EQ(calls::allocate(client.space(), right).code(), KERN_NO_SPACE);
    EXPECT_EQ(calls::allocate_name(client.space(), right, kUnused), KERN_NO_SPACE);
  }
  EXPECT_EQ(calls::reply_port(client.space()), MACH_PORT_NULL);
  EXPECT_EQ(world.engine.digest(), digest);
  EXPECT_EQ(calls::insert_right(client.space(), client.space(), q, q, kMakeSend), KERN_SUCCESS);
  EXPECT_EQ(calls::extract_right(client.space(), server.space(), r, kMakeSend).value().first, x);
  EXPECT_EQ(client.state(x), "S2") << "merged, where a new name had no room";
}

TEST_F(FullSpace, LosesARightThatACallHadTaken) {
  fill(client);
  EXPECT_EQ(calls::insert_right(client.space(), client.space(), kUnused, q, kMakeOnce), KERN_NO_SPACE);
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(calls::extract_right(client.space(), server.space(), r, kMakeOnce).code(), KERN_NO_SPACE);
  EXPECT_EQ(server.drain(r, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST_F(FullSpace, HasRoomAgainWhenANameIsFreed) {
  fill(client);
  ASSERT_EQ(calls::allocate(client.space(), MACH_PORT_RIGHT_RECEIVE).code(), KERN_NO_SPACE);
  client.deallocate(x);
  EXPECT_TRUE(calls::allocate(client.space(), MACH_PORT_RIGHT_RECEIVE).ok());
}

// 03.20: the header is refused as a whole; the body goes with it.
TEST_F(FullSpace, RefusesAHeaderWithANewReplyName) {
  const Name carried = client.port();
  const Name watched = client.give_send(server, carried);
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .local = q,
                         .local_type = kMakeOnce,
                         .id = 20,
                         .items = {rights(kMoveReceive, {carried})}}),
            MACH_MSG_SUCCESS);
  fill(server);
  const Received got = server.receive(r);
  EXPECT_EQ(got.code, MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(got.bytes.size(), sizeof(mach_msg_header_t));
  EXPECT_EQ(got.header.msgh_id, 20);
  EXPECT_EQ(got.header.msgh_local_port, r);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_NULL);
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.state(watched), "DN1");
}

// 03.20: what fits is there, what does not is NULL and destroyed.
TEST_F(FullSpace, GivesTheRightsOfABodyThatFit) {
  const Name second = client.port();
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .items = {rights(kMakeOnce, {q, q}), rights(kCopySend, {x}),
                                   rights(kMoveReceive, {second}), numbers({77})}}),
            MACH_MSG_SUCCESS);
  fill(server, 1);
  const Received got = server.receive(r);
  EXPECT_EQ(got.code, MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  ASSERT_EQ(got.values.size(), 5U);
  EXPECT_EQ(server.state(got.values[0]), "SO");
  EXPECT_EQ(got.values[1], MACH_PORT_NULL);
  EXPECT_EQ(got.values[2], r) << "merged";
  EXPECT_EQ(got.values[3], MACH_PORT_NULL);
  EXPECT_EQ(got.values[4], 77U);
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U) << "of the one that did not fit";
}

// 03.20: the reply takes the last name, so there is none for the body.
TEST_F(FullSpace, ServesTheReplyBeforeTheBody) {
  ASSERT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .local = q,
                         .local_type = kMakeOnce,
                         .items = {rights(kMakeOnce, {q})}}),
            MACH_MSG_SUCCESS);
  fill(server, 1);
  const Received got = server.receive(r);
  EXPECT_EQ(got.code, MACH_RCV_BODY_ERROR | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(server.state(got.header.msgh_remote_port), "SO");
  EXPECT_EQ(got.values.at(0), MACH_PORT_NULL);
}

// 03 §8: a message that comes back into a space that has meanwhile been filled.
TEST_F(FullSpace, GivesBackWhatFits) {
  struct Row {
    std::size_t room;
    mach_msg_return_t bits;
  };
  for (const Row& row : {Row{2, 0}, Row{1, MACH_MSG_IPC_SPACE}, Row{0, MACH_MSG_IPC_SPACE}}) {
    World fresh(ipc::Limits{.names_per_space = kNames});
    Task& sender = fresh.task("sender");
    Task& receiver = fresh.task("receiver");
    const Name port = receiver.port();
    receiver.set_qlimit(port, 0);
    const Name to = receiver.give_send(sender, port);
    const Name reply = sender.port();
    ipc::MsgArgs args{.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT, .timeout_ms = 5};
    args.message =
        Outgoing{.remote = to, .remote_type = kMoveSend, .local = reply, .local_type = kMakeOnce}.encode();
    const ipc::OpToken waiting = sender.begin(std::move(args));
    fill(sender, row.room);
    fresh.advance(std::chrono::milliseconds(5));
    const ipc::MsgResult back = sender.result(waiting).value();
    EXPECT_EQ(back.code, MACH_SEND_TIMED_OUT | row.bits);
    const mach_msg_header_t header = header_of(back.bytes);
    EXPECT_EQ(sender.state(header.msgh_remote_port), row.room > 0 ? "S1" : "free") << "first the destination";
    EXPECT_EQ(sender.state(header.msgh_local_port), row.room > 1 ? "SO" : "free");
    EXPECT_EQ(sender.drain(reply, MACH_NOTIFY_SEND_ONCE), row.room > 1 ? 0U : 1U);
  }
}

// The same bits come with any code that gives a message back.
TEST_F(FullSpace, TheBitsComeWithAnInterruptionToo) {
  server.set_qlimit(r, 0);
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = x, .remote_type = kMoveSend, .items = {rights(kMakeOnce, {q})}}.encode();
  const ipc::OpToken waiting = client.begin(std::move(args));
  fill(client, 1);
  client.cancel(waiting);
  const ipc::MsgResult back = client.result(waiting).value();
  EXPECT_EQ(back.code, MACH_SEND_INTERRUPTED | MACH_MSG_IPC_SPACE);
  EXPECT_EQ(values_of(back.bytes), std::vector<std::uint32_t>{MACH_PORT_NULL});
}

// ---------------------------------------------------------------- one message

class MessageLimits : public testing::Test {
 protected:
  World world{ipc::Limits{.inline_bytes = 1024, .rights_per_message = 3}};
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name q = client.port();

  ipc::MsgResult send_bytes(std::size_t size) {
    ipc::MsgArgs args{.option = MACH_SEND_MSG};
    args.message = Outgoing{.remote = x, .remote_type = kMoveSend}.encode();
    args.message.resize(size);
    return client.call(std::move(args));
  }
};

TEST_F(MessageLimits, AMessageHasSoManyBytesAndNoMore) {
  const std::uint64_t digest = world.engine.digest();
  EXPECT_EQ(send_bytes(1032).code, MACH_SEND_NO_BUFFER);
  EXPECT_EQ(world.engine.digest(), digest) << "nothing is consumed";
  EXPECT_EQ(send_bytes(1024).code, MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(r).bytes.size(), 1024U);
}

TEST_F(MessageLimits, AMessageHasSoManyRightsAndNoMore) {
  EXPECT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .items = {rights(kMakeOnce, {q}), rights(kMakeOnce, {q, q})}}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(r).values.size(), 3U);
  server.die();
  client.drain(q, MACH_NOTIFY_SEND_ONCE);
}

TEST_F(MessageLimits, OneRightTooManyDestroysTheOthers) {
  EXPECT_EQ(client.send({.remote = x,
                         .remote_type = kMoveSend,
                         .items = {rights(kMakeOnce, {q, q}), rights(kMakeOnce, {q, q})}}),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 3U) << "one for each that was taken";
  EXPECT_EQ(client.state(x), "free");
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
}

// ---------------------------------------------------------------- what a user may have queued

TEST(AccountLimits, QueuedMessagesEndInNoBufferAndGoOnWhenTheyAreRead) {
  World world;
  Task& server = world.task("server");
  const Name r = server.port();
  server.set_qlimit(r, 16);
  ipc::Account account(ipc::Account::Limits{.bytes = 8000, .ports = 4});
  ipc::Space& poor = world.engine.create_space("poor", account, server);
  const Name x = calls::extract_right(poor, server.space(), r, kMakeSend).value().first;
  const auto send = [&](ipc::OpToken token) {
    ipc::MsgArgs args{.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT};
    args.message = Outgoing{.remote = x, .remote_type = kCopySend}.encode();
    args.message.resize(1024);
    world.engine.mach_msg(poor, token, std::move(args));
    return server.result(token).value().code;
  };
  ipc::OpToken token = 1'000'000;
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  unsigned queued = 0;
  while ((code = send(++token)) == MACH_MSG_SUCCESS) ++queued;
  EXPECT_EQ(code, MACH_SEND_NO_BUFFER) << "before the queue of 16 is full";
  EXPECT_GT(queued, 2U);
  EXPECT_EQ(server.status(r).mps_msgcount, queued);
  EXPECT_EQ(server.receive(r).code, MACH_MSG_SUCCESS) << "who reads pays nothing";
  EXPECT_EQ(send(++token), MACH_MSG_SUCCESS);
  world.engine.destroy_space(poor);
  EXPECT_EQ(server.drain(r, 0), queued) << "they stay though their sender is gone";
  EXPECT_EQ(account.bytes_used(), 0U);
}

}  // namespace
}  // namespace netmsg::test
