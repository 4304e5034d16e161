// SPDX-License-Identifier: Apache-2.0
// Spec 03 §6 and 06 §5: messages forced into a full queue, and the notification that they have left it.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <chrono>
#include <cstring>
#include <functional>

#include "tests/support/dispositions.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;
constexpr Name kUnused = 4711;

class SendNotify : public testing::Test {
 protected:
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name r = server.port();
  Name x = server.give_send(client, r);
  Name notify = client.port();

  void SetUp() override { server.set_qlimit(r, 0); }

  mach_msg_return_t force(Task& task, Outgoing message, Name to) {
    return task.send(message, MACH_SEND_NOTIFY, to);
  }
  mach_msg_return_t force(int id = 1) {
    return force(client, {.remote = x, .remote_type = kCopySend, .id = id}, notify);
  }
  // What the msg-accepted notifications at a port carry, one after the other.
  static std::vector<Name> accepted(Task& task, Name at) {
    std::vector<Name> names;
    for (Received got = task.receive(at); got.code == MACH_MSG_SUCCESS; got = task.receive(at)) {
      EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_MSG_ACCEPTED);
      names.push_back(got.values.at(0));
    }
    return names;
  }
  std::vector<Name> accepted() { return accepted(client, notify); }
  using Names = std::vector<Name>;
};

// 03.7
TEST_F(SendNotify, LooksAtNotifyOnlyIfTheQueueIsFull) {
  server.set_qlimit(r, 1);
  EXPECT_EQ(force(client, {.remote = x, .remote_type = kCopySend}, kUnused), MACH_MSG_SUCCESS);
  for (const Name bad : {Name{MACH_PORT_NULL}, Name{MACH_PORT_DEAD}, kUnused, x, client.port_set()}) {
    EXPECT_EQ(force(client, {.remote = x, .remote_type = kCopySend}, bad), MACH_SEND_INVALID_NOTIFY);
  }
  EXPECT_EQ(client.state(x), "S6") << "each was given back";
}

// 03.8
TEST_F(SendNotify, IsOncePerDestinationUntilItIsAccepted) {
  EXPECT_EQ(force(1), MACH_SEND_WILL_NOTIFY);
  EXPECT_TRUE(client.has_forced(x));
  EXPECT_EQ(force(2), MACH_SEND_NOTIFY_IN_PROGRESS);
  EXPECT_EQ(force(client, {.remote = x, .remote_type = kCopySend}, kUnused), MACH_SEND_NOTIFY_IN_PROGRESS);
  EXPECT_EQ(client.state(x), "S3") << "two came back";
  EXPECT_EQ(accepted(), Names());
  EXPECT_EQ(server.receive(r).header.msgh_id, 1);
  EXPECT_FALSE(client.has_forced(x));
  EXPECT_EQ(accepted(), Names{x});
  EXPECT_EQ(force(3), MACH_SEND_WILL_NOTIFY);
}

// 03.9
TEST_F(SendNotify, WaitsForItsTimeoutFirst) {
  ipc::MsgArgs args{
      .option = MACH_SEND_MSG | MACH_SEND_NOTIFY | MACH_SEND_TIMEOUT, .timeout_ms = 50, .notify = notify};
  args.message = Outgoing{.remote = x, .remote_type = kCopySend}.encode();
  const auto forced = client.begin(args);
  world.advance(milliseconds(49));
  EXPECT_FALSE(client.result(forced).has_value());
  world.advance(milliseconds(1));
  const ipc::MsgResult result = client.result(forced).value();
  EXPECT_EQ(result.code, MACH_SEND_WILL_NOTIFY);
  EXPECT_TRUE(result.bytes.empty()) << "nothing is given back";

  server.receive(r);
  const auto room = client.begin(args);
  server.set_qlimit(r, 1);
  EXPECT_EQ(client.result(room).value().code, MACH_MSG_SUCCESS);

  const auto interrupted = client.begin(args);
  client.cancel(interrupted);
  EXPECT_EQ(client.result(interrupted).value().code, MACH_SEND_INTERRUPTED);
}

// 03.10
TEST_F(SendNotify, IsFollowedByNoReceive) {
  const Name reply = client.port();
  client.send({.remote = reply, .remote_type = kMakeSend});
  ipc::MsgArgs args{.option = MACH_SEND_MSG | MACH_SEND_NOTIFY | MACH_RCV_MSG | MACH_RCV_TIMEOUT,
                    .rcv_size = 1000,
                    .rcv_name = reply,
                    .notify = notify};
  args.message = Outgoing{.remote = x, .remote_type = kCopySend}.encode();
  const ipc::MsgResult result = client.call(args);
  EXPECT_EQ(result.code, MACH_SEND_WILL_NOTIFY);
  EXPECT_TRUE(result.bytes.empty());
  EXPECT_EQ(client.receive(reply).code, MACH_MSG_SUCCESS) << "still there";
}

// 06.1
TEST_F(SendNotify, MsgAcceptedByteForByte) {
  force();
  server.receive(r);
  const Received got = client.receive(notify);
  const auto word = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, got.bytes.data() + at, sizeof value);
    return value;
  };
  ASSERT_EQ(got.bytes.size(), 48U);
  EXPECT_EQ(got.header.msgh_bits, 0x1200U);
  EXPECT_EQ(got.header.msgh_id, 66);
  EXPECT_EQ(word(32), 0x000000012000200FULL);
  EXPECT_EQ(word(40), x);
}

// 06.7: it has left the queue although the receive fails. RCV_LARGE leaves it there.
TEST_F(SendNotify, AReceiveThatFailsHasAcceptedTheMessage) {
  force();
  EXPECT_EQ(server.receive(r, MACH_RCV_LARGE, 0, 8).code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(accepted(), Names());
  EXPECT_EQ(server.receive(r, 0, 0, 8).code, MACH_RCV_TOO_LARGE);
  EXPECT_EQ(accepted(), Names{x});
}

// 06.7
TEST_F(SendNotify, AWaitingReceiverHasAcceptedItAtOnce) {
  const auto waiting = server.begin({.option = MACH_RCV_MSG, .rcv_size = 100, .rcv_name = r});
  EXPECT_EQ(force(), MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(server.result(waiting).value().code, MACH_MSG_SUCCESS);
  EXPECT_EQ(accepted(), Names{x});
}

// 06.7: destroyed before the sender's name counts as dead.
TEST_F(SendNotify, ADestinationThatDiesIsNamed) {
  force();
  server.destroy(r);
  EXPECT_EQ(accepted(), Names{x});
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_FALSE(client.has_forced(x));
}

// 06.7, 05.6
TEST_F(SendNotify, ARenamedDestinationHasItsNewName) {
  force();
  ASSERT_EQ(client.rename(x, 900), KERN_SUCCESS);
  EXPECT_TRUE(client.has_forced(900));
  EXPECT_EQ(force(client, {.remote = 900, .remote_type = kCopySend}, notify), MACH_SEND_NOTIFY_IN_PROGRESS);
  server.receive(r);
  EXPECT_EQ(accepted(), Names{900});
}

// 06.7: each way in which the sender loses the name, or its claim to it.
TEST_F(SendNotify, ANameThatIsGoneIsNull) {
  const std::function<void(Name)> ways[] = {
      [&](Name name) { client.deallocate(name); },
      [&](Name name) { client.destroy(name); },
      [&](Name name) { client.mod_refs(name, MACH_PORT_RIGHT_SEND, -1); },
      [&](Name name) {
        client.send({.remote = notify, .remote_type = kMakeSend, .items = {rights(kMoveSend, {name})}});
        client.receive(notify);
      },
  };
  client.deallocate(x);
  for (const auto& way : ways) {
    const Name name = server.give_send(client, r);
    ASSERT_EQ(force(client, {.remote = name, .remote_type = kCopySend}, notify), MACH_SEND_WILL_NOTIFY);
    way(name);
    server.receive(r);
    EXPECT_EQ(accepted(), Names{MACH_PORT_NULL});
    if (client.state(name) != "free") client.deallocate(name);
  }
}

// 06.7: a name that was freed and came back is another one.
TEST_F(SendNotify, ANewNameForTheSamePortIsFreeForAnotherOne) {
  force(1);
  client.deallocate(x);
  x = server.give_send(client, r);
  EXPECT_FALSE(client.has_forced(x));
  EXPECT_EQ(force(2), MACH_SEND_WILL_NOTIFY);
  server.receive(r);
  EXPECT_TRUE(client.has_forced(x));
  server.receive(r);
  EXPECT_EQ(accepted(), (Names{MACH_PORT_NULL, x}));
}

// 06.7, 03 §6.4: MOVE_SEND of the last reference leaves no name, and without one there is no limit of one.
TEST_F(SendNotify, WithoutANameThereMayBeMany) {
  EXPECT_EQ(force(client, {.remote = x, .remote_type = kMoveSend}, kUnused), MACH_SEND_INVALID_NOTIFY);
  client.destroy(server.give_send(client, r));  // what came back
  for (int count = 0; count < 2; ++count) {
    const Name last = server.give_send(client, r);
    EXPECT_EQ(force(client, {.remote = last, .remote_type = kMoveSend}, notify), MACH_SEND_WILL_NOTIFY);
    EXPECT_EQ(client.state(last), "free");
  }
  server.receive(r);
  server.receive(r);
  EXPECT_EQ(accepted(), (Names{MACH_PORT_NULL, MACH_PORT_NULL}));
}

// 06.7: the sender's own receive right. What is destroyed with it has no name for it any more, though a send right
// is left; what only moves away leaves the name to the send right.
TEST_F(SendNotify, TheSendersOwnPort) {
  const auto full_port = [&](unsigned sends) {
    const Name own = client.port_with_sends(sends);
    client.set_qlimit(own, 0);
    return own;
  };
  const Name destroyed = full_port(1);
  force(client, {.remote = destroyed, .remote_type = kCopySend}, notify);
  client.mod_refs(destroyed, MACH_PORT_RIGHT_RECEIVE, -1);
  EXPECT_EQ(accepted(), Names{MACH_PORT_NULL});
  EXPECT_EQ(client.state(destroyed), "DN1");

  for (const unsigned sends : {0U, 1U}) {
    const Name moved = full_port(sends);
    force(client, {.remote = moved, .remote_type = kMakeSend}, notify);
    EXPECT_TRUE(client.has_forced(moved));
    const Name there =
        ipc::mach_port::extract_right(server.space(), client.space(), moved, kMoveReceive).value().first;
    server.receive(there);
    EXPECT_EQ(accepted(), Names{sends == 0 ? Name{MACH_PORT_NULL} : moved});
  }

  const Name receives = full_port(1);
  force(client, {.remote = receives, .remote_type = kCopySend}, notify);
  client.deallocate(receives);
  EXPECT_TRUE(client.has_forced(receives)) << "the receive right keeps the name";
  client.receive(receives);
  EXPECT_EQ(accepted(), Names{receives});
}

// 06.7: somebody else has the notify port by then.
TEST_F(SendNotify, OfASenderThatDiedTheNameIsNull) {
  force();
  const Name there =
      ipc::mach_port::extract_right(server.space(), client.space(), notify, kMoveReceive).value().first;
  client.die();
  EXPECT_EQ(accepted(server, there), Names());
  server.receive(r);
  EXPECT_EQ(accepted(server, there), Names{MACH_PORT_NULL});
}

// 01 §14: what a dying task destroys on its way out finds it dead already, though that entry's turn has not come.
TEST_F(SendNotify, ADyingSenderHasNoNamesAnyMore) {
  Task& other = world.task("other");
  const Name first = client.port();  // dies before any name behind it
  const Name full = other.port();
  other.set_qlimit(full, 0);
  const Name later = other.give_send(client, full);
  ASSERT_LT(first, later);
  const Name kept = client.port();
  ASSERT_EQ(force(client, {.remote = later, .remote_type = kCopySend}, kept), MACH_SEND_WILL_NOTIFY);
  const Name log =
      ipc::mach_port::extract_right(server.space(), client.space(), kept, kMoveReceive).value().first;
  // The receive right of the full port waits in the queue of the client's first one.
  const Name way = client.give_send(other, first);
  ASSERT_EQ(other.send({.remote = way, .remote_type = kCopySend, .items = {rights(kMoveReceive, {full})}}),
            MACH_MSG_SUCCESS);
  client.die();
  EXPECT_EQ(accepted(server, log), Names{MACH_PORT_NULL});
}

// 01 §12: the request is told first, then what the message carried is given up.
TEST_F(SendNotify, ADestroyedMessageIsAcceptedBeforeItsRightsGo) {
  force(client, {.remote = x, .remote_type = kCopySend, .local = notify, .local_type = kMakeOnce}, notify);
  server.destroy(r);
  EXPECT_EQ(client.receive(notify).header.msgh_id, MACH_NOTIFY_MSG_ACCEPTED);
  EXPECT_EQ(client.receive(notify).header.msgh_id, MACH_NOTIFY_SEND_ONCE);
}

// 03 §6.5, 03.19: circular, and forced all the same.
TEST_F(SendNotify, ACircularMessageIsAcceptedAsItIsDestroyed) {
  const Name own = client.port_with_sends(1);
  client.set_qlimit(own, 0);
  EXPECT_EQ(force(client, {.remote = own, .remote_type = kCopySend, .items = {rights(kMoveReceive, {own})}},
                  notify),
            MACH_SEND_WILL_NOTIFY);
  EXPECT_EQ(accepted(), Names{own});
  EXPECT_EQ(client.state(own), "DN1");
}

TEST_F(SendNotify, AnOverdrawnAccountForcesNothing) {
  World poor;
  ipc::Account account(ipc::Account::Limits{.bytes = 2000, .ports = 10});
  Task& unused = poor.task();
  Task& rich = poor.task();
  ipc::Space& space = poor.engine.create_space("poor", account, unused);
  const Name full = rich.port();
  rich.set_qlimit(full, 0);
  const auto to = ipc::mach_port::extract_right(space, rich.space(), full, kMakeSend).value().first;
  const Name own = ipc::mach_port::allocate(space, MACH_PORT_RIGHT_RECEIVE).value();
  ipc::MsgArgs args{
      .option = MACH_SEND_MSG | MACH_SEND_NOTIFY | MACH_SEND_TIMEOUT, .timeout_ms = 10, .notify = own};
  args.message = Outgoing{.remote = to, .remote_type = kCopySend}.encode();
  poor.engine.mach_msg(space, 1, args);
  // While it waits, notifications that the poor task has to pay for overdraw its account.
  for (int i = 0; i < 10; ++i) {
    const auto once = ipc::mach_port::extract_right(rich.space(), space, own, kMakeOnce).value().first;
    rich.deallocate(once);
  }
  ASSERT_TRUE(account.overdrawn());
  poor.advance(milliseconds(10));
  EXPECT_EQ(unused.result(1).value().code, MACH_SEND_NO_NOTIFY);
  poor.engine.destroy_space(space);
}

}  // namespace
}  // namespace netmsg::test
