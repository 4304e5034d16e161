// SPDX-License-Identifier: Apache-2.0
// A task port whose holder is on another host: its requests are answered like any other (spec 05 §8).
#include <gtest/gtest.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <mach/task_special_ports.h>

#include "daemon/ipc/task_ports.h"
#include "tests/support/dispositions.h"
#include "tests/support/task_request.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

constexpr Name kChosen = 4711;

class FarTask : public TwoHosts {
 protected:
  Reply ask(const Request& request) {
    const Bytes bytes = request.encode(port, reply);
    EXPECT_EQ(client.call({.option = MACH_SEND_MSG, .message = bytes, .memory = request.memory()}).code,
              MACH_MSG_SUCCESS);
    run();
    return take_reply(client, reply);
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name reply = client.port();
  const Name mine = client.port();
  const Name port = give_across(b, server, ipc::kTaskSelfName, kCopySend, a, client);
};

TEST_F(FarTask, AnswersPlainCalls) {
  const Reply made = ask({3204, {number_item(MACH_PORT_RIGHT_RECEIVE)}});
  EXPECT_EQ(made.code, KERN_SUCCESS);
  EXPECT_EQ(made.header.msgh_bits, 0x00001200U);
  EXPECT_EQ(server.state(made.word(56)), "R");
  EXPECT_EQ(ask({3202, {name_item(made.word(56)), name_item(kChosen)}}).code, KERN_SUCCESS);
  EXPECT_EQ(ask({3201, {name_item(kChosen)}}).word(56), MACH_PORT_TYPE_RECEIVE);
  EXPECT_EQ(ask({3217, {name_item(kChosen)}}).word(52), 9U);
  EXPECT_EQ(ask({3205, {name_item(kChosen)}}).code, KERN_SUCCESS);
  EXPECT_EQ(server.state(kChosen), "free");
}

TEST_F(FarTask, RefusesAsItDoesAtHome) {
  EXPECT_EQ(ask({3201, {name_item(kChosen)}}).code, KERN_INVALID_NAME);
  EXPECT_EQ(ask({3201, {number_item(kChosen)}}).code, MIG_BAD_ARGUMENTS);
  EXPECT_EQ(ask({3209, {}}).code, MIG_BAD_ID);
  EXPECT_EQ(ask({3299, {right_item(kMakeOnce, mine)}}).code, MIG_BAD_ID);
  EXPECT_EQ(client.drain(mine, MACH_NOTIFY_SEND_ONCE), 1U) << "what came with the request is destroyed";
}

TEST_F(FarTask, TakesAndGivesRights) {
  EXPECT_EQ(ask({3215, {name_item(kChosen), right_item(kMakeSend, mine)}}).code, KERN_SUCCESS);
  EXPECT_EQ(server.state(kChosen), "S1");
  EXPECT_EQ(server.send({.remote = kChosen, .remote_type = kCopySend, .id = 9}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.receive(mine).header.msgh_id, 9);
  const Reply back = ask({3216, {name_item(kChosen), number_item(kMoveSend)}});
  EXPECT_EQ(back.word(56), mine) << "a right that comes home";
  EXPECT_EQ(server.state(kChosen), "free");

  const Name theirs = server.port();
  const Name far = ask({3216, {name_item(theirs), number_item(kMakeSend)}}).word(56);
  EXPECT_EQ(client.state(far), "S1");
  EXPECT_EQ(client.send({.remote = far, .remote_type = kMoveSend, .id = 10}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(server.receive(theirs).header.msgh_id, 10);
}

TEST_F(FarTask, TellsItsWatcherWhereItIs) {
  const Name theirs = server.port_with_sends(1);
  const Request request{
      3214,
      {name_item(theirs), number_item(MACH_NOTIFY_DEAD_NAME), number_item(0), right_item(kMakeOnce, mine)}};
  EXPECT_EQ(ask(request).word(56), MACH_PORT_NULL);
  EXPECT_EQ(client.state(ask(request).word(56)), "SO") << "the request before";
  EXPECT_EQ(server.mod_refs(theirs, MACH_PORT_RIGHT_RECEIVE, -1), KERN_SUCCESS);
  run();
  const Received got = client.receive(mine);
  EXPECT_EQ(got.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(got.values.at(0), theirs);
}

TEST_F(FarTask, KeepsASpecialPortFromElsewhere) {
  EXPECT_EQ(ask({2059, {number_item(TASK_BOOTSTRAP_PORT), right_item(kMakeSend, mine)}}).code, KERN_SUCCESS);
  EXPECT_EQ(ask({2058, {number_item(TASK_BOOTSTRAP_PORT)}}).word(56), mine);
  EXPECT_EQ(client.state(mine), "R+S1");
}

TEST_F(FarTask, GivesArrays) {
  const Name theirs = server.port();
  const Reply names = ask({3200, {}});
  EXPECT_EQ(names.code, KERN_SUCCESS);
  ASSERT_EQ(names.arrays.size(), 2U);
  EXPECT_EQ(names.arrays[0], (std::vector<std::uint32_t>{ipc::kTaskSelfName, theirs}));
  EXPECT_EQ(ask({2033, {rights_item(kMakeSend, {mine})}}).code, KERN_SUCCESS);
  const Reply ports = ask({2034, {}});
  EXPECT_EQ(ports.code, KERN_SUCCESS);
  EXPECT_EQ(ports.arrays.at(0).at(0), mine) << "a right that comes home";
}

TEST_F(FarTask, GivesAReceiveRight) {
  const Name theirs = server.port();
  const Name moved = ask({3216, {name_item(theirs), number_item(kMoveReceive)}}).word(56);
  EXPECT_EQ(server.state(theirs), "free");
  EXPECT_EQ(client.state(moved), "R");
}

// Of the four ports one more than the ceiling on what a peer knows.
TEST(FarTaskPort, GivesNoMoreRightsAtOnceThanAPeerMayKnow) {
  MemoryNetwork network;
  proxy::PeerLimits limits;
  limits.exports = 5;  // the name service's and the task's are two of them
  Host b{network, {.name = "b", .node = 2, .dials = {}, .expects = {"a"}, .limits = limits}};
  Host a{network, {.name = "a", .node = 1, .dials = {"b"}, .expects = {}}};
  network.run();
  const Outgoing own{
      .remote = b.peer_names, .remote_type = kCopySend, .items = {rights(kCopySend, {ipc::kTaskSelfName})}};
  ASSERT_EQ(b.names.send(own), MACH_MSG_SUCCESS);
  network.run();
  const Name port = a.names.receive(a.names_port).values.at(0);
  const auto look_up_four = [&](std::vector<Name> four) {
    const Name answers = b.names.port();
    const Request request{2033, {rights_item(kMakeSend, std::move(four))}};
    EXPECT_EQ(ask(b.names, answers, ipc::kTaskSelfName, request).code, KERN_SUCCESS);
    const Name reply = a.names.port();
    a.names.call({.option = MACH_SEND_MSG, .message = Request{2034, {}}.encode(port, reply)});
    network.run();
    return take_reply(a.names, reply).code;
  };
  const Name one = b.names.port();
  EXPECT_EQ(look_up_four({one, b.names.port(), b.names.port(), b.names.port()}), KERN_RESOURCE_SHORTAGE);
  EXPECT_LE(b.row().exports, limits.exports);
  EXPECT_EQ(look_up_four({one, b.names.port(), b.names.port()}), KERN_SUCCESS);
}

TEST_F(FarTask, IsADeadNameWhenItEnds) {
  server.die();
  run();
  EXPECT_EQ(client.state(port), "DN1");
  EXPECT_EQ(
      client.call({.option = MACH_SEND_MSG, .message = Request{3201, {name_item(1)}}.encode(port, reply)})
          .code,
      MACH_SEND_INVALID_DEST);
}

TEST_F(FarTask, IsNoThreadAndNoHost) {
  for (const Name name : {ipc::task::host_self(server.space()), ipc::task::thread_self(server.space(), 1)}) {
    const Name far = give_across(b, server, name, kCopySend, a, client);
    client.call({.option = MACH_SEND_MSG, .message = Request{3201, {name_item(1)}}.encode(far, reply)});
    run();
    EXPECT_EQ(take_reply(client, reply).code, KERN_INVALID_TASK);
  }
}

}  // namespace
}  // namespace netmsg::test
