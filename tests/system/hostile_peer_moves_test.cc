// SPDX-License-Identifier: Apache-2.0
// A peer that lies about ports that move (peer.proto, exchanges 12 and 13), against a real daemon (hostile_scene.h). Each lie
// with its answer stands in unit/proxy/hostile_moves_test.cc; here are those that cost time, memory or somebody else's work.
#include "tests/system/hostile_scene.h"

namespace netmsg::test {
namespace {

using HostilePeerMoves = HostilePeer;

TEST_F(HostilePeerMoves, PortsThatAreItsOwn) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t serial = 5; serial < 25; ++serial) {
    v1::Frame move = move_of(uid(v1::Uid::SENDER, serial));
    add_holder(move, origin_of(hosts().b), 3, 2);  // which knows nothing of it
    peer.say(move);
    peer.say(moved_in(uid(v1::Uid::SENDER, serial)));
    peer.say(path_lost(uid(v1::Uid::SENDER, serial), origin_of(hosts().b)));
  }
  EXPECT_TRUE(is_heard());
}

TEST_F(HostilePeerMoves, PortsThatAreNot) {
  for (const v1::Uid& port :
       {uid(v1::Uid::SENDER, 0), uid(v1::Uid::RECEIVER, 0), uid(v1::Uid::RECEIVER, 1ULL << 40)}) {
    ASSERT_TRUE(peer.open());
    peer.say(move_of(port));
    peer.say(moved_in(port));
    expect_fence(v1::Fence::PROTOCOL);
  }
}

TEST_F(HostilePeerMoves, MorePortsThanAUserMayHave) {
  ASSERT_TRUE(peer.open());
  std::uint64_t serial = 5;
  for (int groups = 0; groups < 200 && !peer.ended(); ++groups) {
    const std::uint64_t last = serial + 200;
    for (; serial < last; ++serial) peer.say(move_of(uid(v1::Uid::SENDER, serial)));
    peer.say(message());
  }
  EXPECT_TRUE(work->goes_on());
}

TEST_F(HostilePeerMoves, AGroupWithoutAnEnd) {
  ASSERT_TRUE(peer.open());
  peer.say(move_of(uid(v1::Uid::SENDER, 5)));
  v1::Frame queued = message();
  queued.mutable_message()->set_queued(true);
  queued.mutable_message()->set_body(std::string(64U << 10, 'x'));
  for (int frames = 0; frames < 1000 && !peer.ended(); ++frames) peer.say(queued);
  expect_fence(v1::Fence::LIMIT);
}

TEST_F(HostilePeerMoves, HalfOfAGroupAndThenNothing) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t serial = 5; serial < 200; ++serial) peer.say(move_of(uid(v1::Uid::SENDER, serial)));
  peer.cut();
  EXPECT_TRUE(eventually([] { return row().state() != "open" && row().state() != "broken"; }, seconds(30)));
  EXPECT_TRUE(peer.open());
}

TEST_F(HostilePeerMoves, MoreHoldersThanThereAreDaemons) {
  ASSERT_TRUE(peer.open());
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  for (std::uint64_t each = 1; each <= 50000; ++each) add_holder(move, origin(nobody().node(), each), 1, 0);
  peer.say(move);
  peer.say(moved_in(uid(v1::Uid::SENDER, 5)));
  expect_fence(v1::Fence::LIMIT);
}

// The port is b's; this process has a right to it.
TEST_F(HostilePeerMoves, APortThatIsAtHomeAtAnother) {
  work.reset();
  const mach_port_t port = server().new_port();
  const auto view = [&] {
    const std::string task = std::to_string(task_of(hosts().a, ::getpid()));
    return told<v1::PortView>(hosts().a.control({"--json", "port", task + ":" + std::to_string(port)}));
  };
  const std::string text = view().uid();
  const v1::Uid theirs =
      uid_of(bytes_of_hex(text.substr(0, text.find('.'))), origin_of(hosts().b).incarnation(),
             std::stoull(text.substr(text.rfind('.') + 1)));
  ASSERT_TRUE(peer.open());
  peer.say(move_of(theirs));
  peer.say(moved_in(theirs));
  peer.say(moved(theirs, nobody()));
  peer.say(path_close(theirs, origin_of(hosts().b)));
  peer.say(path_lost(theirs, origin_of(hosts().b)));
  peer.say(handed(theirs, origin_of(hosts().b)));
  EXPECT_TRUE(is_heard());
  EXPECT_EQ(view().home(), "b");
  EXPECT_EQ(state_of(port), "S1");
  EXPECT_EQ(send_message({.remote = port, .remote_type = MACH_MSG_TYPE_COPY_SEND, .id = 9}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server().receive(5000).id, 9U);
  mach_port_deallocate(mach_task_self(), port);
  work = std::make_unique<Work>(server());
}

}  // namespace
}  // namespace netmsg::test
