// SPDX-License-Identifier: Apache-2.0
// A peer that lies about ports that move (peer.proto, exchanges 12 and 13), against host a, which has an honest peer b, too:
// at worst its own session ends, as the limits and the exchanges say; what b and a have of each other stays (spec 09 §§1, 3).
#include <mach/notify.h>

#include <algorithm>
#include <random>

#include "daemon/ipc/space.h"
#include "proxy/staging.h"
#include "proxy/uid_wire.h"
#include "tests/support/dispositions.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/proxy/hostile_host.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr unsigned char kEvil = 9;

// --- what it says ---

v1::Uid uid(v1::Uid::Side side, proxy::Serial serial) {
  v1::Uid made;
  made.set_side(side);
  made.set_serial(serial);
  return made;
}

v1::Uid uid_of(unsigned char node, proxy::Serial serial) {
  v1::Uid made = uid(v1::Uid::OTHER, serial);
  made.mutable_origin()->set_node(node_of(node).wire());
  made.mutable_origin()->set_incarnation(1);
  return made;
}

v1::Origin origin(unsigned char node) {
  return uid_of(node, 1).origin();
}

v1::Frame move_of(const v1::Uid& port) {
  v1::Frame frame;
  *frame.mutable_move()->mutable_port() = port;
  frame.mutable_move()->set_epoch(1);
  frame.mutable_move()->set_kept(true);
  return frame;
}

void add_holder(v1::Frame& move, unsigned char node, std::uint64_t send, std::uint64_t once) {
  v1::Move::Holder& holder = *move.mutable_move()->add_holders();
  *holder.mutable_daemon() = origin(node);
  holder.set_send(send);
  holder.set_once(once);
}

// To the name service of host a, with one right in its body.
v1::Frame carrying(v1::Right::Value value, const v1::Uid& port, unsigned type) {
  v1::Frame frame;
  v1::Message& message = *frame.mutable_message();
  *message.mutable_destination() = uid(v1::Uid::RECEIVER, 0);
  message.set_destination_type(MACH_MSG_TYPE_PORT_SEND);
  message.set_other_bits(MACH_MSGH_BITS_COMPLEX);
  const mach_msg_type_t item = rights(type, {0}).descriptor;
  message.set_body(std::string(reinterpret_cast<const char*>(&item), 8) + std::string(8, '\0'));
  v1::Right& right = *message.add_rights();
  right.set_value(value);
  right.set_type(type);
  *right.mutable_port() = port;
  return frame;
}

v1::Frame moved_in(const v1::Uid& port) {
  return carrying(v1::Right::MOVED, port, MACH_MSG_TYPE_PORT_RECEIVE);
}

v1::Frame path_close(const v1::Uid& port, unsigned char from, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_path_close()->mutable_port() = port;
  frame.mutable_path_close()->set_epoch(epoch);
  if (from != 0) *frame.mutable_path_close()->mutable_from() = origin(from);
  return frame;
}

v1::Frame path_lost(const v1::Uid& port, unsigned char from, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_path_lost()->mutable_port() = port;
  frame.mutable_path_lost()->set_epoch(epoch);
  *frame.mutable_path_lost()->mutable_from() = origin(from);
  return frame;
}

v1::Frame handed(const v1::Uid& port, unsigned char from) {
  v1::Frame frame;
  *frame.mutable_handed()->mutable_port() = port;
  *frame.mutable_handed()->mutable_from() = origin(from);
  return frame;
}

v1::Frame release(const v1::Uid& port, std::uint64_t units, unsigned char from) {
  v1::Frame frame;
  *frame.mutable_release()->mutable_port() = port;
  frame.mutable_release()->set_units(units);
  if (from != 0) *frame.mutable_release()->mutable_from() = origin(from);
  return frame;
}

v1::Frame moved(const v1::Uid& port, unsigned char home, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_moved()->mutable_port() = port;
  frame.mutable_moved()->set_epoch(epoch);
  *frame.mutable_moved()->mutable_home() = origin(home);
  return frame;
}

v1::Frame moved_lost(const v1::Uid& port, unsigned char from, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_moved_lost()->mutable_port() = port;
  frame.mutable_moved_lost()->set_epoch(epoch);
  *frame.mutable_moved_lost()->mutable_from() = origin(from);
  return frame;
}

v1::Frame resync(const v1::Uid& port, std::uint64_t send, std::uint64_t once, bool wait) {
  v1::Frame frame;
  *frame.mutable_resync()->mutable_port() = port;
  frame.mutable_resync()->set_epoch(1);
  frame.mutable_resync()->set_send(send);
  frame.mutable_resync()->set_once(once);
  frame.mutable_resync()->set_wait(wait);
  return frame;
}

v1::Frame probe(const v1::Uid& port, unsigned char starter, std::uint64_t nonce, std::uint32_t hops) {
  v1::Frame frame;
  *frame.mutable_probe()->mutable_port() = port;
  *frame.mutable_probe()->mutable_starter() = origin(starter);
  frame.mutable_probe()->set_nonce(nonce);
  frame.mutable_probe()->set_ways(nonce);
  frame.mutable_probe()->set_hops(hops);
  return frame;
}

// --- the scene ---

class HostileMoves : public testing::Test {
 protected:
  explicit HostileMoves(const proxy::PeerLimits& limits = {})
      : a(network, {.name = "a", .node = 1, .dials = {}, .expects = {"b", "evil"}, .limits = limits}) {
    advance(milliseconds(50));
    EXPECT_TRUE(a.open("b"));
    x = here(honest, far, b);
    peer.open("a");
    EXPECT_TRUE(a.open("evil"));
  }
  // b and a, and what they have of each other, are as they were.
  ~HostileMoves() override {
    EXPECT_TRUE(a.open("b"));
    EXPECT_EQ(honest.state(x), "S1");
    EXPECT_EQ(honest.send({.remote = x, .remote_type = kCopySend, .id = 77}), MACH_MSG_SUCCESS);
    network.run();
    a.check();
    b.check();
    EXPECT_EQ(far.receive(p).header.msgh_id, 77);
  }

  // Each end of these two worlds can reach the other one by the name service's port.
  Name here(Task& to, Task& from, Host& from_host) {
    const Name names_of_a = reach(from_host, from, "a");
    EXPECT_EQ(from.send({.remote = names_of_a,
                         .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                         .items = {rights(kMakeSend, {p})}}),
              MACH_MSG_SUCCESS);
    network.run();
    return taken(to);
  }
  // A right for the name service of that peer, in a task.
  static Name reach(Host& at, Task& task, const std::string& peer) {
    const auto right =
        ipc::mach_port::extract_right(task.space(), at.names.space(), at.all_peer_names.at(peer), kCopySend);
    EXPECT_EQ(right.code(), KERN_SUCCESS);
    return right.value().first;
  }
  // The right that has come to a's name service last, for the task.
  Name taken(Task& to) {
    const Received got = a.names.receive(a.names_port);
    if (got.values.empty()) return 0;
    const auto type = ipc::mach_port::type(a.names.space(), got.values[0]);
    const bool receive = type.ok() && (type.value() & MACH_PORT_TYPE_RECEIVE) != 0;
    const auto right = ipc::mach_port::extract_right(to.space(), a.names.space(), got.values[0],
                                                     receive ? kMoveReceive : MACH_MSG_TYPE_MOVE_SEND);
    return right.ok() ? right.value().first : 0;
  }
  void advance(milliseconds by) {
    network.run();
    a.advance(by);
    b.advance(by);
    network.run();
  }
  // Heartbeats of the peer go on.
  void pass(milliseconds time) {
    for (milliseconds gone(0); gone < time; gone += milliseconds(500)) {
      peer.say(v1::Batch());
      advance(milliseconds(500));
    }
  }
  void expect_fence(const std::vector<v1::Frame>& lies, v1::Fence::Code code) {
    for (const v1::Frame& lie : lies) peer.say(lie);
    EXPECT_TRUE(peer.fenced_for(code)) << peer.heard().fence().text();
    EXPECT_FALSE(a.open("evil"));
  }
  void expect_ignored(const v1::Frame& lie) {
    peer.say(lie);
    EXPECT_TRUE(a.open("evil")) << a.row("evil").last_error;
  }
  // It moves a port of its own to host a, and a's task has the receive right.
  Name bring(const v1::Frame& move) {
    peer.say(move);
    peer.say(moved_in(move.move().port()));
    return taken(honest);
  }
  // The port of b's that a has a right to, as the peer may have heard of it.
  v1::Uid theirs() const {
    const auto known = a.link->uid_of(*honest.space().find(x)->port());
    return uid_of(2, known->serial);
  }

  MemoryNetwork network;
  Host a;
  Host b{network, {.name = "b", .node = 2, .dials = {"a"}, .expects = {}}};
  RawPeer peer{network, "evil"};
  Task& honest = a.task("honest");
  Task& far = b.task("far");
  const Name p = far.port();
  Name x = 0;  // for p
};

// --- ports that it cannot have ---

TEST_F(HostileMoves, OfPortsThatItCannotHave) {
  for (const v1::Uid& port : {uid(v1::Uid::SENDER, 0), uid(v1::Uid::RECEIVER, 0),
                              uid(v1::Uid::RECEIVER, 4711), uid_of(2, 0), uid_of(kEvil, 1ULL << 48)}) {
    peer.open("a");
    peer.say(move_of(port));
    EXPECT_TRUE(a.open("evil")) << "the group is not complete";
    expect_fence({moved_in(port)}, v1::Fence::PROTOCOL);
  }
}

// R6: nobody takes over a proxy of a live home.
TEST_F(HostileMoves, OfAPortThatIsAtHomeAtAnotherAreRefused) {
  const v1::Uid port = theirs();
  peer.say(move_of(port));
  peer.say(moved_in(port));
  EXPECT_TRUE(a.open("evil"));
  ASSERT_GE(peer.heard().frames_size(), 1);
  EXPECT_TRUE(peer.heard().frames(0).has_died());
  const Received got = a.names.receive(a.names_port);
  EXPECT_EQ(got.values, std::vector<std::uint32_t>{MACH_PORT_DEAD});
}

TEST_F(HostileMoves, OfAPortThatHasComeAlreadyEndItsSession) {
  const v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  EXPECT_NE(bring(move), 0U);
  expect_fence({move, moved_in(move.move().port())}, v1::Fence::PROTOCOL);
}

TEST_F(HostileMoves, WithoutAMoveBringNothing) {
  peer.say(moved_in(uid(v1::Uid::SENDER, 5)));
  EXPECT_TRUE(a.open("evil"));
  EXPECT_EQ(a.names.receive(a.names_port).values, std::vector<std::uint32_t>{MACH_PORT_DEAD});
}

TEST_F(HostileMoves, OfAPortThatNobodyClaimsEndWithIt) {
  peer.say(move_of(uid(v1::Uid::SENDER, 5)));
  peer.say(carrying(v1::Right::GRANTED, uid(v1::Uid::SENDER, 6), MACH_MSG_TYPE_PORT_SEND));
  EXPECT_TRUE(a.open("evil"));
  ASSERT_GE(peer.heard().frames_size(), 1);
  EXPECT_EQ(peer.heard().frames(0).died().port().serial(), 5U);
}

// The group is broken off by its last frame.
TEST_F(HostileMoves, OfAPortWhoseMessageIsALieLeaveNothing) {
  expect_fence({move_of(uid(v1::Uid::SENDER, 5)),
                carrying(v1::Right::GRANTED, uid(v1::Uid::RECEIVER, 4711), MACH_MSG_TYPE_PORT_SEND)},
               v1::Fence::PROTOCOL);
  a.check();
  EXPECT_TRUE(a.link->idle());
}

// --- groups that do not end ---

TEST_F(HostileMoves, WithoutAnEndTakeNothingFromAnybody) {
  expect_fence(std::vector<v1::Frame>(proxy::kGroupPortsMax + 1, move_of(uid(v1::Uid::SENDER, 5))),
               v1::Fence::LIMIT);
}

TEST_F(HostileMoves, WithAnotherFrameInBetweenEndItsSession) {
  expect_fence({move_of(uid(v1::Uid::SENDER, 5)), release(uid(v1::Uid::RECEIVER, 0), 1, 0)},
               v1::Fence::PROTOCOL);
}

TEST_F(HostileMoves, HalfSentLeaveNothing) {
  v1::Frame queued = carrying(v1::Right::GRANTED, uid(v1::Uid::SENDER, 6), MACH_MSG_TYPE_PORT_SEND);
  queued.mutable_message()->set_queued(true);
  peer.say(move_of(uid(v1::Uid::SENDER, 5)));
  peer.say(queued);
  network.cut("evil", "a", true);
  advance(milliseconds(0));
  for (int seconds = 0; seconds < 7; ++seconds) advance(milliseconds(1000));
  EXPECT_FALSE(a.open("evil"));
  EXPECT_EQ(a.row("evil").proxies, 0U);
  EXPECT_EQ(a.names.receive(a.names_port).code, MACH_RCV_TIMED_OUT);
}

// --- holders and requests ---

TEST_F(HostileMoves, WithAHolderTwiceOrTheSenderAsOneEndItsSession) {
  for (const unsigned char twice : {static_cast<unsigned char>(7), kEvil}) {
    peer.open("a");
    v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
    add_holder(move, 7, 1, 0);
    add_holder(move, twice, 1, 0);
    expect_fence({move, moved_in(move.move().port())}, v1::Fence::PROTOCOL);
  }
}

TEST_F(HostileMoves, WithMoreHoldersThanThereMayBeEndItsSession) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  for (unsigned each = 0; each < 300; ++each) {
    v1::Move::Holder& holder = *move.mutable_move()->add_holders();
    *holder.mutable_daemon() = origin(7);
    holder.mutable_daemon()->set_incarnation(1 + each);
    holder.set_send(1);
  }
  expect_fence({move, moved_in(move.move().port())}, v1::Fence::LIMIT);
}

// No sum of them may come round to nothing.
TEST_F(HostileMoves, WithMoreUnitsThanThereCanBeEndItsSession) {
  for (const std::uint64_t units :
       {~std::uint64_t{0}, std::uint64_t{1} << 63, (std::uint64_t{1} << 32) + 1}) {
    peer.open("a");
    v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
    add_holder(move, 2, units, 0);
    expect_fence({move, moved_in(move.move().port())}, v1::Fence::PROTOCOL);
  }
}

TEST_F(HostileMoves, WithMoreSendOnceRightsThanOneMayHaveEndItsSession) {
  for (const std::uint64_t once : {~std::uint64_t{0}, std::uint64_t{65537}}) {
    peer.open("a");
    v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
    move.mutable_move()->set_kept_once(once);
    expect_fence({move, moved_in(move.move().port())}, v1::Fence::LIMIT);
    peer.open("a");
    move.mutable_move()->set_kept_once(1);
    add_holder(move, 7, 0, once);
    expect_fence({move, moved_in(move.move().port())}, v1::Fence::LIMIT);
  }
}

// The sum is 4.
TEST_F(HostileMoves, WithSendOnceRightsWhoseNumberComesRoundEndItsSession) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  move.mutable_move()->set_kept_once(~std::uint64_t{0});
  add_holder(move, 7, 0, 5);
  expect_fence({move, moved_in(move.move().port())}, v1::Fence::LIMIT);
}

TEST_F(HostileMoves, WithManySendOnceRightsForManyPortsEndItsSession) {
  for (proxy::Serial serial = 5; serial < 8; ++serial) {
    v1::Frame move = move_of(uid(v1::Uid::SENDER, serial));
    move.mutable_move()->set_kept_once(30000);
    peer.say(move);
    peer.say(moved_in(move.move().port()));
  }
  EXPECT_TRUE(peer.fenced_for(v1::Fence::LIMIT));
}

// R8: what it says of others counts with it. B's ceiling is for what a's programs give b.
TEST_F(HostileMoves, ThatSayThatOthersHoldManySendOnceRightsTakeNoRoomOfTheirs) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  add_holder(move, 2, 1, 65536);
  const Name port = bring(move);
  ASSERT_NE(port, 0U);
  peer.say(path_close(move.move().port(), 2));
  EXPECT_EQ(b.row("a").send_once_units, 0U);
  EXPECT_EQ(a.row("b").send_once_units, 65536U);
  const Name reply = honest.port();
  EXPECT_EQ(
      honest.send({.remote = x, .remote_type = kCopySend, .local = reply, .local_type = kMakeOnce, .id = 5}),
      MACH_MSG_SUCCESS);
  network.run();
  const Received question = far.receive(p);
  EXPECT_EQ(question.header.msgh_id, 5);
  EXPECT_EQ(far.send({.remote = question.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 6}),
            MACH_MSG_SUCCESS);
  network.run();
  EXPECT_EQ(honest.receive(reply).header.msgh_id, 6);

  v1::Frame more = move_of(uid(v1::Uid::SENDER, 6));
  add_holder(more, 2, 1, 1);
  expect_fence({more, moved_in(more.move().port())}, v1::Fence::LIMIT);
}

TEST_F(HostileMoves, WhatTheyHaveSaidOfOthersIsForgottenWithTheRights) {
  for (proxy::Serial serial = 5; serial < 9; ++serial) {
    v1::Frame move = move_of(uid(v1::Uid::SENDER, serial));
    add_holder(move, 2, 1, 20000);
    add_holder(move, 7, 1, 20000);  // who is not there
    const Name port = bring(move);
    ASSERT_NE(port, 0U) << a.row("evil").last_error;
    EXPECT_EQ(honest.destroy(port), KERN_SUCCESS);
    network.run();
  }
  EXPECT_EQ(a.row("b").send_once_units, 0U);
}

TEST_F(HostileMoves, WithAQueueLimitThatCannotBeEndItsSession) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  move.mutable_move()->set_qlimit(17);
  expect_fence({move, moved_in(move.move().port())}, v1::Fence::PROTOCOL);
}

TEST_F(HostileMoves, WithARequestThatIsNoSendOnceRightEndItsSession) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  *move.mutable_move()->mutable_no_senders() =
      carrying(v1::Right::HOME, uid(v1::Uid::RECEIVER, 0), MACH_MSG_TYPE_PORT_SEND).message().rights(0);
  expect_fence({move, moved_in(move.move().port())}, v1::Fence::PROTOCOL);
}

// R8: it has no send-once right of that port, so nobody there hears of anything.
TEST_F(HostileMoves, WithRequestsForPortsItWasNotGivenAskForNothing) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  *move.mutable_move()->mutable_no_senders() =
      carrying(v1::Right::HOME, uid(v1::Uid::RECEIVER, 0), MACH_MSG_TYPE_PORT_SEND_ONCE).message().rights(0);
  EXPECT_NE(bring(move), 0U);
  peer.say(release(move.move().port(), 1, 0));  // the unit that it has kept: the last one
  EXPECT_TRUE(a.open("evil"));
  EXPECT_EQ(a.names.receive(a.names_port).code, MACH_RCV_TIMED_OUT);
}

// b is said to have units of a port of which it knows nothing.
TEST_F(HostileMoves, WithAHolderThatKnowsNothingOfItHurtNobody) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  add_holder(move, 2, 3, 2);
  const Name port = bring(move);
  ASSERT_NE(port, 0U);
  peer.say(path_lost(move.move().port(), 2));
  pass(milliseconds(30000));
  EXPECT_EQ(honest.destroy(port), KERN_SUCCESS);
  network.run();
  EXPECT_EQ(b.row("a").proxies, 1U) << "the name service";
}

// --- paths ---

TEST_F(HostileMoves, OldPathsOfWhatHasNotMovedAreIgnored) {
  for (const v1::Uid& port : {theirs(), uid(v1::Uid::RECEIVER, 0), uid(v1::Uid::SENDER, 5)}) {
    for (const unsigned char from : {static_cast<unsigned char>(1), static_cast<unsigned char>(2), kEvil}) {
      expect_ignored(path_close(port, from));
      expect_ignored(path_lost(port, from));
      expect_ignored(handed(port, from));
      expect_ignored(release(port, ~std::uint64_t{0}, from));
    }
  }
}

TEST_F(HostileMoves, OldPathsOfAnotherEpochAreIgnored) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  add_holder(move, 2, 1, 0);
  EXPECT_NE(bring(move), 0U);
  const v1::Uid port = move.move().port();
  for (const std::uint32_t epoch : {0U, 2U, ~0U}) {
    expect_ignored(path_close(port, 2, epoch));
    expect_ignored(path_lost(port, 2, epoch));
  }
  EXPECT_FALSE(a.link->idle()) << "it is waited for";
  peer.say(path_close(port, 2));
  advance(milliseconds(0));
  EXPECT_TRUE(a.link->idle());
}

// What it says of a holder it says once.
TEST_F(HostileMoves, AHolderWithoutUnitsHandsNothingOver) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  move.mutable_move()->set_kept(false);
  add_holder(move, 2, 0, 0);
  const Name port = bring(move);
  peer.say(handed(move.move().port(), 2));
  v1::Frame to_it = carrying(v1::Right::GRANTED, uid(v1::Uid::SENDER, 6), MACH_MSG_TYPE_PORT_SEND);
  *to_it.mutable_message()->mutable_destination() = move.move().port();
  to_it.mutable_message()->set_destination_type(MACH_MSG_TYPE_PORT_SEND_ONCE);
  expect_ignored(to_it);
  EXPECT_EQ(honest.receive(port).code, MACH_RCV_TIMED_OUT);
  peer.say(path_close(move.move().port(), 2));
}

TEST_F(HostileMoves, WhatHasMovedThatItIsNotHomeOfStays) {
  expect_ignored(moved(theirs(), kEvil));
  expect_ignored(moved(theirs(), 7));
  expect_ignored(moved(uid(v1::Uid::RECEIVER, 0), kEvil));
  const v1::Batch heard = peer.heard();
  const bool closed = std::any_of(heard.frames().begin(), heard.frames().end(),
                                  [](const v1::Frame& frame) { return frame.has_path_close(); });
  EXPECT_TRUE(closed) << "it is answered in any case";
}

// R6: it says that it is the home of b's port.
class HostileClaims : public HostileMoves {
 protected:
  void claim(const v1::Uid& port) {
    v1::Frame frame;
    v1::Message& wire = *frame.mutable_message();
    *wire.mutable_destination() = uid(v1::Uid::RECEIVER, 0);
    wire.set_destination_type(MACH_MSG_TYPE_PORT_SEND);
    wire.mutable_reply()->set_value(v1::Right::GRANTED);
    wire.mutable_reply()->set_type(MACH_MSG_TYPE_PORT_SEND);
    *wire.mutable_reply()->mutable_port() = port;
    peer.say(frame);
  }
  // The right in the message that has come to a's name service.
  Name got() {
    const Received message = a.names.receive(a.names_port);
    return message.code == MACH_MSG_SUCCESS ? message.header.msgh_remote_port : 0;
  }
};

TEST_F(HostileClaims, AreDeadWhenTimeIsOver) {
  claim(theirs());
  EXPECT_EQ(got(), 0U) << "parked";
  pass(proxy::Timing().lease * 12 + milliseconds(1000));
  EXPECT_EQ(got(), MACH_PORT_DEAD);
  EXPECT_TRUE(a.open("evil"));
}

TEST_F(HostileClaims, AreDeadWithTheirSession) {
  claim(theirs());
  peer.say(release(uid(v1::Uid::RECEIVER, 0), 2, 0));  // more than it has
  EXPECT_FALSE(a.open("evil"));
  EXPECT_EQ(got(), MACH_PORT_DEAD);
}

// Of a port that a has not heard of yet: b's next one. The origin's word counts more, if nobody says that it has moved.
TEST_F(HostileClaims, OfAPortThatItWasFirstToNameEndWhenItsOriginNamesIt) {
  const v1::Uid next = uid_of(2, theirs().serial() + 1);
  claim(next);
  const Name squatted = got();
  EXPECT_EQ(a.names.state(squatted), "S1");
  const Name fresh = far.port_with_sends(1);
  EXPECT_EQ(far.send({.remote = reach(b, far, "a"),
                      .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                      .items = {rights(kCopySend, {fresh})}}),
            MACH_MSG_SUCCESS);
  network.run();
  pass(proxy::Timing().lease * 2 + milliseconds(1000));
  EXPECT_EQ(a.names.state(squatted), "DN1");
  const Name real = taken(honest);
  EXPECT_EQ(honest.send({.remote = real, .remote_type = kCopySend, .id = 5}), MACH_MSG_SUCCESS);
  network.run();
  EXPECT_EQ(far.receive(fresh).header.msgh_id, 5);
}

// As if it had been its home before b: nobody but the two of them could know better. B counts what b has granted.
TEST_F(HostileClaims, ThatComeWithAMovedCountNothing) {
  for (int each = 0; each < 3; ++each) claim(theirs());
  peer.say(moved(theirs(), 2));
  const Name name = got();
  EXPECT_EQ(got(), name);
  EXPECT_EQ(got(), name);
  EXPECT_EQ(a.names.mod_refs(name, MACH_PORT_RIGHT_SEND, -3), KERN_SUCCESS);
  EXPECT_EQ(honest.deallocate(x), KERN_SUCCESS);
  pass(milliseconds(1500));
  EXPECT_TRUE(b.open("a")) << "more was not given back than b has granted";
  EXPECT_EQ(b.row("a").exports, 1U);
  x = here(honest, far, b);
}

// It names b's next port first, and says that it has moved to b before anybody can know better: what a has got of it by the
// peer's word goes along, and b has granted less.
TEST_F(HostileClaims, OfAPortThatItWasFirstToNameCountNothingWhenItMoves) {
  const v1::Uid next = uid_of(2, theirs().serial() + 1);
  for (int each = 0; each < 3; ++each) claim(next);
  const Name squatted = got();
  EXPECT_EQ(got(), squatted);
  EXPECT_EQ(got(), squatted);
  const Name fresh = far.port_with_sends(1);
  EXPECT_EQ(far.send({.remote = reach(b, far, "a"),
                      .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                      .items = {rights(kCopySend, {fresh})}}),
            MACH_MSG_SUCCESS);
  network.run();
  peer.say(moved(next, 2));
  network.run();
  const Name real = taken(honest);
  EXPECT_EQ(honest.send({.remote = real, .remote_type = kCopySend, .id = 5}), MACH_MSG_SUCCESS);
  network.run();
  EXPECT_EQ(far.receive(fresh).header.msgh_id, 5);
  EXPECT_EQ(a.names.mod_refs(squatted, MACH_PORT_RIGHT_SEND, -3), KERN_SUCCESS);
  EXPECT_EQ(honest.deallocate(real), KERN_SUCCESS);
  pass(milliseconds(1500));
  EXPECT_TRUE(b.open("a")) << "more was not given back than b has granted";
}

// A port of a's goes to b; the peer has a right to it, and never says that it has followed.
TEST_F(HostileMoves, AHolderThatNeverClosesItsPathIsFenced) {
  const Name q = honest.port_with_sends(1);
  ASSERT_EQ(
      honest.send(
          {.remote = reach(a, honest, "evil"), .remote_type = kCopySend, .items = {rights(kCopySend, {q})}}),
      MACH_MSG_SUCCESS);
  network.run();
  const Name to_b = reach(a, honest, "b");
  ASSERT_EQ(honest.send({.remote = to_b, .remote_type = kCopySend, .items = {rights(kMoveReceive, {q})}}),
            MACH_MSG_SUCCESS);
  network.run();
  EXPECT_FALSE(b.link->idle());
  EXPECT_EQ(honest.send({.remote = q, .remote_type = kCopySend, .id = 5}), MACH_MSG_SUCCESS);
  pass(milliseconds(8000));
  EXPECT_FALSE(a.open("evil"));
  EXPECT_TRUE(peer.fenced_for(v1::Fence::LEASE));
  const Received got = b.names.receive(b.names_port);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(b.names.receive(got.values[0]).header.msgh_id, 5) << "the port works where it is";
}

// The other way round: it is the old home, and never closes b's path. Whoever uses that port waits, nobody else.
TEST_F(HostileMoves, AnOldHomeThatNeverClosesPathsIsFenced) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  add_holder(move, 2, 1, 0);
  EXPECT_NE(bring(move), 0U);
  pass(milliseconds(200000));
  EXPECT_FALSE(a.open("evil"));
  EXPECT_TRUE(a.link->idle());
}

// --- somebody is said to be lost; circles ---

// It is not the home: what a has of b's port is b's all the same.
TEST_F(HostileMoves, ALostOldHomeOfAPortThatIsNotItsOwnIsAnsweredOnly) {
  for (const unsigned char from : {static_cast<unsigned char>(2), static_cast<unsigned char>(7)}) {
    expect_ignored(moved_lost(theirs(), from));
  }
  const v1::Batch heard = peer.heard();
  EXPECT_EQ(std::count_if(heard.frames().begin(), heard.frames().end(),
                          [](const v1::Frame& frame) {
                            return frame.has_resync() && frame.resync().send() + frame.resync().once() == 0;
                          }),
            2);
}

class HostileMovesOfFew : public HostileMoves {
 protected:
  HostileMovesOfFew() : HostileMoves(few()) {}
  static proxy::PeerLimits few() {
    proxy::PeerLimits limits;
    limits.proxies = 8;
    return limits;
  }
  void lose(unsigned ports) {
    for (unsigned each = 0; each < ports; ++each) {
      expect_ignored(moved_lost(uid_of(2, 100 + next_++), 2));
    }
  }
  unsigned next_ = 0;
};

TEST_F(HostileMovesOfFew, LostOldHomesOfManyPortsEndItsSession) {
  lose(8);
  expect_fence({moved_lost(uid_of(2, 99), 2)}, v1::Fence::LIMIT);
}

TEST_F(HostileMovesOfFew, LostOldHomesOfManyPortsAreForgotten) {
  lose(8);
  pass(12 * proxy::Timing().lease);
  lose(8);
}

TEST_F(HostileMoves, WhatItHasOfAPortThatNobodyAskedAboutIsIgnored) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  add_holder(move, 2, 1, 0);
  EXPECT_NE(bring(move), 0U);
  for (const v1::Uid& port : {theirs(), uid(v1::Uid::RECEIVER, 0), uid(v1::Uid::SENDER, 5)}) {
    for (const bool wait : {false, true})
      expect_ignored(resync(port, ~std::uint64_t{0}, ~std::uint64_t{0}, wait));
  }
  peer.say(path_close(move.move().port(), 2));
}

TEST_F(HostileMoves, ProbesOfNothingEndNothing) {
  v1::Frame move = move_of(uid(v1::Uid::SENDER, 5));
  EXPECT_NE(bring(move), 0U);
  for (const v1::Uid& port : {theirs(), uid(v1::Uid::RECEIVER, 0), uid(v1::Uid::SENDER, 5), uid_of(7, 3)}) {
    for (const unsigned char starter :
         {static_cast<unsigned char>(1), static_cast<unsigned char>(2), kEvil}) {
      for (const std::uint32_t hops : {0U, 1U, ~0U}) expect_ignored(probe(port, starter, hops, hops));
    }
  }
}

// --- at random ---

class Liar {
 public:
  explicit Liar(std::uint32_t seed) : random_(seed) {}

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  v1::Frame frame() {
    switch (pick(13)) {
      case 0:
        return path_close(port(), node(), epoch());
      case 1:
        return path_lost(port(), node(), epoch());
      case 2:
        return handed(port(), node());
      case 3:
        return release(port(), number(), node());
      case 4:
        return moved(port(), node(), epoch());
      case 5:
      case 6:
        return move();
      case 7:
        return moved_in(port());
      case 8:
        return moved_lost(port(), node(), epoch());
      case 9:
        return resync(port(), number(), number(), pick(3) == 0);
      case 10:
        return probe(port(), node(), number(), static_cast<std::uint32_t>(number()));
      default:
        return message();
    }
  }

 private:
  std::uint64_t number() {
    constexpr std::uint64_t kEdges[] = {0, 1, 2, 65536, 1ULL << 32, ~0ULL};
    return kEdges[pick(std::size(kEdges))];
  }
  std::uint32_t epoch() { return pick(4) == 0 ? static_cast<std::uint32_t>(number()) : 1; }
  unsigned char node() {
    constexpr unsigned char kNodes[] = {0, 1, 2, 7, kEvil};
    return kNodes[pick(std::size(kNodes))];
  }
  v1::Uid port() {
    if (pick(5) == 0) return uid_of(node(), pick(4));
    return uid(static_cast<v1::Uid::Side>(1 + pick(2)), pick(5));
  }
  v1::Frame move() {
    v1::Frame made = move_of(port());
    made.mutable_move()->set_epoch(epoch());
    made.mutable_move()->set_kept(pick(2) == 0);
    for (unsigned holders = pick(3); holders > 0; --holders) {
      add_holder(made, node(), pick(3) == 0 ? number() : 1, pick(3));
    }
    if (pick(3) == 0) {
      *made.mutable_move()->mutable_no_senders() =
          carrying(static_cast<v1::Right::Value>(pick(6)), port(), MACH_MSG_TYPE_PORT_SEND_ONCE)
              .message()
              .rights(0);
    }
    return made;
  }
  v1::Frame message() {
    v1::Frame made =
        carrying(static_cast<v1::Right::Value>(pick(6)), port(), MACH_MSG_TYPE_PORT_RECEIVE + pick(3));
    if (pick(3) == 0) *made.mutable_message()->mutable_destination() = port();
    made.mutable_message()->set_queued(pick(4) == 0);
    return made;
  }

  std::mt19937 random_;
};

TEST_F(HostileMoves, AtRandomHurtNobody) {
  const std::uint32_t seed = test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Liar liar(seed);
  for (int round = 0; round < 5000; ++round) {
    if (!a.open("evil")) peer.open("a");
    ASSERT_TRUE(a.open("evil")) << a.row("evil").last_error;
    peer.say(liar.frame());
    if (liar.pick(50) == 0) pass(milliseconds(1000));
    a.check();
    b.check();
    ASSERT_TRUE(a.open("b")) << "round " << round;
    while (a.names.receive(a.names_port).code == MACH_MSG_SUCCESS) {
    }
  }
}

}  // namespace
}  // namespace netmsg::test
