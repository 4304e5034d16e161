// SPDX-License-Identifier: Apache-2.0
// Spec 04 §1, every cell, as destination, as reply and as body right; 04 §2, the order of the checks; 02 §3.
#include <gtest/gtest.h>

#include "tests/support/copyin_table.h"
#include "tests/support/engine_world.h"
#include "tests/support/same_name_table.h"

namespace netmsg::test {
namespace {

struct Scene {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name q = server.port();  // a good destination, or reply
  Name to_q = server.give_send(client, q);
  Name x = 0;

  explicit Scene(const std::string& state) {
    const auto count = static_cast<unsigned>(state.back() - '0');
    if (state[0] == 'R') x = client.port_with_sends(state == "R" ? 0 : count);
    if (state == "S1" || state == "S2") {
      const Name home = server.port();
      for (unsigned i = 0; i < count; ++i) x = server.give_send(client, home);
    }
    if (state == "SO") x = server.give_send_once(client, server.port());
    if (state == "PS") x = client.port_set();
    if (state == "free") x = 4711;
    if (state[0] == 'D') x = client.dead_name(count);
  }
};

// 04.1
TEST(CopyinRules, EveryCellAsReply) {
  for (unsigned disposition = MACH_MSG_TYPE_MOVE_SEND; disposition <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
       ++disposition) {
    for (const std::string before : kCopyinStates) {
      SCOPED_TRACE(std::string(disposition_name(disposition)) + " on " + before);
      Scene scene(before);
      const std::string after = after_copyin(disposition, before);
      const auto code = scene.client.send({.remote = scene.to_q,
                                           .remote_type = MACH_MSG_TYPE_COPY_SEND,
                                           .local = scene.x,
                                           .local_type = disposition});
      EXPECT_EQ(code, after.empty() ? MACH_SEND_INVALID_REPLY : MACH_MSG_SUCCESS);
      EXPECT_EQ(scene.client.state(scene.x), after.empty() ? before : after);
    }
  }
}

// 04.1
TEST(CopyinRules, EveryCellAsDestination) {
  for (unsigned disposition = MACH_MSG_TYPE_MOVE_SEND; disposition <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
       ++disposition) {
    for (const std::string before : kCopyinStates) {
      SCOPED_TRACE(std::string(disposition_name(disposition)) + " on " + before);
      Scene scene(before);
      const std::string after = after_copyin_as_destination(disposition, before);
      const auto code = scene.client.send({.remote = scene.x, .remote_type = disposition});
      EXPECT_EQ(code, after.empty() ? MACH_SEND_INVALID_DEST : MACH_MSG_SUCCESS);
      EXPECT_EQ(scene.client.state(scene.x), after.empty() ? before : after);
    }
  }
}

// 04.1
TEST(CopyinRules, EveryCellInABody) {
  for (unsigned disposition = MACH_MSG_TYPE_MOVE_RECEIVE; disposition <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
       ++disposition) {
    for (const std::string before : kCopyinStates) {
      SCOPED_TRACE(std::string(disposition_name(disposition)) + " on " + before);
      Scene scene(before);
      const std::string after = after_copyin(disposition, before);
      const auto code = scene.client.send({.remote = scene.to_q,
                                           .remote_type = MACH_MSG_TYPE_COPY_SEND,
                                           .items = {rights(disposition, {scene.x})}});
      EXPECT_EQ(code, after.empty() ? MACH_SEND_INVALID_RIGHT : MACH_MSG_SUCCESS);
      EXPECT_EQ(scene.client.state(scene.x), after.empty() ? before : after);
    }
  }
}

// 04.9
TEST(CopyinRules, ADeadNameTravelsAsDeadWithTheTypeOfItsDisposition) {
  Scene scene("DN2");
  ASSERT_EQ(scene.client.send({.remote = scene.to_q,
                               .remote_type = MACH_MSG_TYPE_COPY_SEND,
                               .local = scene.x,
                               .local_type = MACH_MSG_TYPE_MOVE_SEND_ONCE}),
            MACH_MSG_SUCCESS);
  const Received got = scene.server.receive(scene.q);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(MACH_MSGH_BITS_PORTS(got.header.msgh_bits), 0x1112U);
  EXPECT_EQ(scene.client.state(scene.x), "DN1");
}

// 03.4, 04.9: note 1 of 04 §1, once the port is dead, the kind of right no longer matters.
TEST(CopyinRules, ARightWhosePortHasDiedFollowsTheColumnOfDeadNames) {
  for (const unsigned disposition : {MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                     MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND}) {
    for (const bool once : {false, true}) {
      SCOPED_TRACE(std::string(disposition_name(disposition)) + (once ? " on SO" : " on S1"));
      Scene scene("R");
      const Name home = scene.server.port();
      const Name x =
          once ? scene.server.give_send_once(scene.client, home) : scene.server.give_send(scene.client, home);
      scene.server.destroy(home);
      const std::string after = after_copyin(disposition, "DN1");
      EXPECT_EQ(scene.client.send({.remote = x, .remote_type = disposition}), MACH_SEND_INVALID_DEST);
      EXPECT_EQ(scene.client.send({.remote = scene.to_q,
                                   .remote_type = MACH_MSG_TYPE_COPY_SEND,
                                   .local = x,
                                   .local_type = disposition}),
                after.empty() ? MACH_SEND_INVALID_REPLY : MACH_MSG_SUCCESS);
      EXPECT_EQ(scene.client.state(x), after.empty() ? "DN1" : after);
      if (!after.empty()) {
        EXPECT_EQ(scene.server.receive(scene.q).header.msgh_remote_port, MACH_PORT_DEAD);
      }
    }
  }
}

// 04.7
TEST(CopyinRules, NullAndDeadAsReplyTravelAsTheyAre) {
  for (const Name name : {Name{MACH_PORT_NULL}, Name{MACH_PORT_DEAD}}) {
    for (unsigned type = MACH_MSG_TYPE_MOVE_SEND; type <= MACH_MSG_TYPE_MAKE_SEND_ONCE; ++type) {
      Scene scene("R");
      ASSERT_EQ(scene.client.send({.remote = scene.to_q,
                                   .remote_type = MACH_MSG_TYPE_COPY_SEND,
                                   .local = name,
                                   .local_type = type}),
                MACH_MSG_SUCCESS);
      const Received got = scene.server.receive(scene.q);
      EXPECT_EQ(got.header.msgh_remote_port, name);
      const bool once = type == MACH_MSG_TYPE_MOVE_SEND_ONCE || type == MACH_MSG_TYPE_MAKE_SEND_ONCE;
      EXPECT_EQ(MACH_MSGH_BITS_REMOTE(got.header.msgh_bits), once ? 18U : 17U);
    }
  }
}

struct BadHeader {
  const char* what;
  unsigned remote_type;
  unsigned local_type;
  bool local_name;
};

// 02.5
TEST(HeaderChecks, TypesThatNoHeaderCanHave) {
  const BadHeader cases[] = {
      {"remote 0", 0, 0, false},   {"remote 15", 15, 0, false}, {"remote 16", 16, 0, false},
      {"remote 22", 22, 0, false}, {"remote 23", 23, 0, false}, {"local 16", 19, 16, true},
      {"local 15", 19, 15, true},  {"local 22", 19, 22, true},  {"local 0 with a name", 19, 0, true},
  };
  for (const BadHeader& bad : cases) {
    SCOPED_TRACE(bad.what);
    Scene scene("R");
    EXPECT_EQ(scene.client.send({.remote = scene.to_q,
                                 .remote_type = bad.remote_type,
                                 .local = bad.local_name ? scene.x : 0,
                                 .local_type = bad.local_type}),
              MACH_SEND_INVALID_HEADER);
  }
}

// 03.2, 04.2
TEST(HeaderChecks, TheFirstErrorInTheOrderOfTheSpecIsReported) {
  Scene scene("R");
  const Name unknown = 12345;
  const auto send = [&](Name remote, unsigned remote_type, Name local, unsigned local_type) {
    return scene.client.send(
        {.remote = remote, .remote_type = remote_type, .local = local, .local_type = local_type});
  };
  EXPECT_EQ(send(unknown, 16, unknown, 17), MACH_SEND_INVALID_HEADER);
  EXPECT_EQ(send(unknown, 19, unknown + 1, 17), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(send(scene.to_q, 19, unknown, 17), MACH_SEND_INVALID_REPLY);
  EXPECT_EQ(send(scene.to_q, 20, unknown, 17), MACH_SEND_INVALID_REPLY)
      << "exists, wrong right, and a bad reply";
  EXPECT_EQ(send(scene.to_q, 20, scene.x, 20), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(send(0, 19, 0, 17), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(send(MACH_PORT_DEAD, 19, MACH_PORT_DEAD, 17), MACH_SEND_INVALID_DEST);
}

// 03.2, 04.2
TEST(HeaderChecks, CancelNeedsAReceiveRight) {
  Scene scene("R");
  const Outgoing good = {.remote = scene.to_q, .remote_type = MACH_MSG_TYPE_COPY_SEND};
  const Outgoing bad = {.remote = scene.to_q, .remote_type = 16};
  EXPECT_EQ(scene.client.send(bad, MACH_SEND_CANCEL, 0), MACH_SEND_INVALID_NOTIFY);
  EXPECT_EQ(scene.client.send(bad, MACH_SEND_CANCEL, 999), MACH_SEND_INVALID_HEADER);
  EXPECT_EQ(scene.client.send(good, MACH_SEND_CANCEL, scene.to_q), MACH_SEND_INVALID_NOTIFY);
  EXPECT_EQ(scene.client.send(good, MACH_SEND_CANCEL, scene.x), MACH_MSG_SUCCESS);
}

// 02.5: without a type there must be no name, not even DEAD.
TEST(HeaderChecks, DeadNeedsAType) {
  Scene scene("R");
  EXPECT_EQ(scene.client.send({.remote = scene.to_q, .remote_type = 19, .local = MACH_PORT_DEAD}),
            MACH_SEND_INVALID_HEADER);
  EXPECT_EQ(
      scene.client.send({.remote = scene.to_q, .remote_type = 19, .local = MACH_PORT_DEAD, .local_type = 21}),
      MACH_MSG_SUCCESS);
  const Received got = scene.server.receive(scene.q);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
  EXPECT_EQ(MACH_MSGH_BITS_REMOTE(got.header.msgh_bits), 18U);
}

// 03.2: the size comes before the header, and the header before the body.
TEST(HeaderChecks, StandBetweenSizeAndBody) {
  Scene scene("R");
  ipc::MsgArgs args{.option = MACH_SEND_MSG};
  args.message = Outgoing{.remote = 12345, .remote_type = 16}.encode();
  args.message.resize(28);
  EXPECT_EQ(scene.client.call(args).code, MACH_SEND_MSG_TOO_SMALL);
  Outgoing bad_body = {.remote = scene.to_q,
                       .remote_type = 19,
                       .local = 12345,
                       .local_type = 17,
                       .items = {rights(MACH_MSG_TYPE_COPY_SEND, {12345})}};
  EXPECT_EQ(scene.client.send(bad_body), MACH_SEND_INVALID_REPLY);
  EXPECT_EQ(scene.client.state(scene.to_q), "S1");
}

// 04.8
TEST(HeaderChecks, TwoNamesOfOnePortAreFine) {
  Scene scene("R");
  const Name once = scene.server.give_send_once(scene.client, scene.q);
  ASSERT_EQ(scene.client.send({.remote = once, .remote_type = 18, .local = scene.to_q, .local_type = 17}),
            MACH_MSG_SUCCESS);
  const Received got = scene.server.receive(scene.q);
  EXPECT_EQ(got.header.msgh_bits, MACH_MSGH_BITS(17U, 18U));
  EXPECT_EQ(got.header.msgh_local_port, scene.q);
  EXPECT_EQ(got.header.msgh_remote_port, scene.q);
}

// 02.2
TEST(HeaderChecks, SizesThatAreNotAMessage) {
  Scene scene("R");
  for (const std::size_t size : {0U, 24U, 31U, 33U, 36U}) {
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG;
    args.message = Outgoing{.remote = scene.to_q, .remote_type = 19}.encode();
    args.message.resize(size);
    const std::uint64_t digest = scene.world.engine.digest();
    EXPECT_EQ(scene.client.call(args).code, MACH_SEND_MSG_TOO_SMALL) << size;
    EXPECT_EQ(scene.world.engine.digest(), digest) << "nothing is consumed";
  }
  EXPECT_EQ(scene.client.send({.remote = scene.to_q, .remote_type = 19}), MACH_MSG_SUCCESS) << "32 will do";
}

// 02.6
TEST(HeaderChecks, AllBitsButCircularArriveAsSent) {
  Scene scene("R");
  ASSERT_EQ(scene.client.send({.remote = scene.to_q, .remote_type = 19, .bits = 0x7FFF0000}),
            MACH_MSG_SUCCESS);
  const Received got = scene.server.receive(scene.q);
  EXPECT_EQ(MACH_MSGH_BITS_OTHER(got.header.msgh_bits), 0x3FFF0000U);
}

}  // namespace
}  // namespace netmsg::test
