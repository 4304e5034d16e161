// SPDX-License-Identifier: Apache-2.0
// Ports with more in their queues than a group may be (peer.proto, exchange 12 step 1 and limits): they do not move, and
// nothing is lost by trying.
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/moving.h"

namespace netmsg::test {
namespace {

class BigPorts : public Moving {
 protected:
  void fill(Name port, std::size_t bytes, int id) {
    EXPECT_EQ(
        server.send({.remote = port, .remote_type = kMakeSend, .id = id, .items = {memory(Bytes(bytes))}}),
        MACH_MSG_SUCCESS);
  }
  mach_msg_return_t try_to_move() {
    const mach_msg_return_t code = server.send(
        {.remote = reach(y, server, z), .remote_type = kMoveSend, .items = {rights(kMoveReceive, {p})}});
    run();
    return code;
  }
  void expect_stays(const Ints& queue) {
    EXPECT_EQ(try_to_move(), MACH_SEND_INVALID_RIGHT);
    EXPECT_EQ(send(100), MACH_MSG_SUCCESS) << "it works where it is";
    run();
    Ints all = queue;
    all.push_back(100);
    EXPECT_EQ(received(server, p), all);
    EXPECT_EQ(z.names.receive(z.names_port).code, MACH_RCV_TIMED_OUT);
    EXPECT_EQ(try_to_move(), MACH_MSG_SUCCESS) << "what was too large is gone";
    take(z, heir);
    pass(std::chrono::milliseconds(2000));
    EXPECT_TRUE(at_rest());
  }
};

TEST_F(BigPorts, WithALargeMessageStayWhereTheyAre) {
  fill(p, 5U << 20, 1);
  expect_stays({1});
}

TEST_F(BigPorts, WithALargeQueueStayWhereTheyAre) {
  EXPECT_EQ(server.set_qlimit(p, MACH_PORT_QLIMIT_MAX), KERN_SUCCESS);
  for (int id = 1; id <= 6; ++id) fill(p, 3U << 20, id);
  expect_stays({1, 2, 3, 4, 5, 6});
}

// More than a stream that resumes carries at once (peer.proto, exchange 8 step 4).
TEST_F(BigPorts, GoOnAfterACut) {
  for (int id = 1; id <= 3; ++id) fill(p, 1U << 20, id);
  network.cut(y.name(), z.name(), true);
  depart(y, server, p, z);
  pass(std::chrono::milliseconds(2000));
  depart(z, heir, take(z, heir), y);
  network.cut(y.name(), z.name(), true);
  pass(std::chrono::milliseconds(2000));
  EXPECT_EQ(received(server, take(y, server)), (Ints{1, 2, 3}));
  EXPECT_TRUE(at_rest());
}

// Each of the two could go alone.
TEST_F(BigPorts, WithALargeQueueInAPortInTheirQueueStayWhereTheyAre) {
  const Name inner = server.port();
  for (int id = 1; id <= 3; ++id) fill(inner, 3U << 20, id);
  for (int id = 1; id <= 3; ++id) fill(p, 3U << 20, id);
  EXPECT_EQ(
      server.send({.remote = p, .remote_type = kMakeSend, .id = 4, .items = {rights(kMoveReceive, {inner})}}),
      MACH_MSG_SUCCESS);
  EXPECT_EQ(try_to_move(), MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(received(server, p), (Ints{1, 2, 3, 4}));
}

}  // namespace
}  // namespace netmsg::test
