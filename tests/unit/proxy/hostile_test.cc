// SPDX-License-Identifier: Apache-2.0
// A peer that says what it likes, against a whole host: at worst its own session ends, with a reason; nobody
// else notices (spec 09 §3).
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <algorithm>
#include <random>

#include "proxy/wire.h"
#include "tests/support/seed.h"
#include "tests/unit/proxy/hostile_host.h"

namespace netmsg::test {

namespace {

using std::chrono::milliseconds;

TEST_F(Hostile, AMessageToAPortItWasNotGivenIsDestroyedWithItsRights) {
  const Name secret = bystander.port_with_sends(1);
  v1::Frame frame = message(1);
  reply(frame, v1::Uid::SENDER, 5, MACH_MSG_TYPE_PORT_SEND);
  peer.say(frame);
  EXPECT_TRUE(host.open());
  EXPECT_EQ(bystander.receive(secret).code, MACH_RCV_TIMED_OUT);
  ASSERT_EQ(peer.heard().frames_size(), 1);
  EXPECT_EQ(peer.heard().frames(0).release().port().serial(), 5U);
  EXPECT_EQ(peer.heard().frames(0).release().units(), 1U);
  expect_unharmed();
}

TEST_F(Hostile, ASendOnceRightInADestroyedMessageIsANotification) {
  v1::Frame frame = message(1);
  reply(frame, v1::Uid::SENDER, 5, MACH_MSG_TYPE_PORT_SEND_ONCE);
  peer.say(frame);
  ASSERT_EQ(peer.heard().frames_size(), 1);
  const v1::Message notification = peer.heard().frames(0).message();
  EXPECT_EQ(notification.id(), MACH_NOTIFY_SEND_ONCE);
  EXPECT_EQ(notification.destination().serial(), 5U);
  EXPECT_EQ(notification.destination_type(), unsigned{MACH_MSG_TYPE_PORT_SEND_ONCE});
  EXPECT_EQ(host.row().proxies, 1U);
}

TEST_F(Hostile, ARightItWasNotGivenArrivesDead) {
  v1::Frame frame = message();
  reply(frame, v1::Uid::RECEIVER, 1, MACH_MSG_TYPE_PORT_SEND);
  peer.say(frame);
  const Received got = host.names.receive(host.names_port);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  EXPECT_EQ(got.header.msgh_remote_port, MACH_PORT_DEAD);
}

TEST_F(Hostile, ReleasingMoreThanWasGrantedEndsItsSession) {
  v1::Frame frame;
  frame.mutable_release()->mutable_port()->set_side(v1::Uid::RECEIVER);
  frame.mutable_release()->set_units(2);
  peer.say(frame);
  EXPECT_TRUE(peer.fenced_for(v1::Fence::PROTOCOL));
  EXPECT_FALSE(host.open());
  EXPECT_EQ(host.names.state(host.peer_names), "DN1");
  expect_unharmed();
}

TEST_F(Hostile, WhatItReleasedItCannotUse) {
  v1::Frame release;
  release.mutable_release()->mutable_port()->set_side(v1::Uid::RECEIVER);
  release.mutable_release()->set_units(1);
  peer.say(release);
  peer.say(message());
  EXPECT_TRUE(host.open());
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(host.row().exports, 0U);
}

TEST_F(Hostile, FramesAboutUnknownPortsAreRacesAndIgnored) {
  v1::Frame died;
  died.mutable_died()->mutable_port()->set_side(v1::Uid::SENDER);
  died.mutable_died()->mutable_port()->set_serial(77);
  peer.say(died);
  v1::Frame credit;
  credit.mutable_credit()->mutable_port()->set_side(v1::Uid::SENDER);
  credit.mutable_credit()->mutable_port()->set_serial(77);
  peer.say(credit);
  v1::Frame release;
  release.mutable_release()->mutable_port()->set_side(v1::Uid::RECEIVER);
  release.mutable_release()->mutable_port()->set_serial(77);
  release.mutable_release()->set_units(~0ULL);
  peer.say(release);
  EXPECT_TRUE(host.open());
}

TEST_F(Hostile, ADeathOfAPortOfOursIsNotTheirsToTell) {
  v1::Frame died;
  died.mutable_died()->mutable_port()->set_side(v1::Uid::RECEIVER);
  peer.say(died);
  EXPECT_TRUE(host.open());
  peer.say(message());
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_MSG_SUCCESS);
  expect_unharmed();
}

TEST_F(Hostile, AnUnknownKindOfFrameEndsItsSession) {
  peer.say(v1::Frame());
  EXPECT_TRUE(peer.fenced_for(v1::Fence::PROTOCOL));
}

TEST_F(Hostile, AHugeRoomAndAnAbsurdAsOfAreHarmless) {
  v1::Frame credit;
  credit.mutable_credit()->mutable_port()->set_side(v1::Uid::SENDER);
  credit.mutable_credit()->set_room(~0U);
  credit.mutable_credit()->set_as_of(~0ULL);
  peer.say(credit);
  EXPECT_TRUE(host.open());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(host.names.send({.remote = host.peer_names, .remote_type = MACH_MSG_TYPE_COPY_SEND}),
              MACH_MSG_SUCCESS);
  }
  host.check();
}

TEST_F(Hostile, OldVersionsAreRefusedAndBothRangesNamed) {
  RawPeer other(network, "evil2");
  v1::Batch batch;
  batch.mutable_hello()->set_version_min(2);
  batch.mutable_hello()->set_version_max(3);
  batch.mutable_hello()->set_name("evil");
  batch.mutable_hello()->set_generation(100);
  other.open("a");
  EXPECT_TRUE(other.fenced_for(v1::Fence::REFUSED)) << "not an allowed peer";
  RawPeer third(network, "evil3");
  third.dial("a");
  third.say(batch);
  EXPECT_TRUE(third.fenced_for(v1::Fence::VERSION));
  EXPECT_EQ(third.heard().fence().text(), "we speak versions 1 to 1, the peer 2 to 3");
  EXPECT_TRUE(host.open()) << "the session that is there is not touched";
}

TEST_F(Hostile, AcceptingWhatWasNotForcedIsHarmless) {
  v1::Frame frame;
  frame.mutable_accepted()->mutable_port()->set_side(v1::Uid::SENDER);
  frame.mutable_accepted()->set_message(1);
  peer.say(frame);
  EXPECT_TRUE(host.open());
  expect_unharmed();
}

TEST_F(Hostile, AForcedMessageThatIsRefusedIsAcceptedAtOnce) {
  v1::Frame frame = message(1);
  frame.mutable_message()->set_forced(true);
  peer.say(frame);
  ASSERT_EQ(peer.heard().frames_size(), 1);
  EXPECT_EQ(peer.heard().frames(0).accepted().port().serial(), 1U);
  EXPECT_EQ(peer.heard().frames(0).accepted().message(), 1U);
  EXPECT_TRUE(host.open());
}

// The session of open() has the nonce 0.
TEST_F(Hostile, OnlyTheSessionThatIsThereCanBeResumed) {
  peer.resume("a", 77, 0);
  EXPECT_TRUE(peer.fenced_for(v1::Fence::UNKNOWN_SESSION));
  EXPECT_TRUE(host.open()) << "the session that is there is not touched";
  EXPECT_TRUE(host.downs.empty());
  expect_unharmed();
}

TEST_F(Hostile, WhatItSaysItHasNotAppliedComesAgain) {
  EXPECT_EQ(host.names.send({.remote = host.peer_names, .remote_type = MACH_MSG_TYPE_COPY_SEND, .id = 6}),
            MACH_MSG_SUCCESS);
  network.run();
  for (int times = 0; times < 3; ++times) {
    peer.resume("a", 0, 0);
    ASSERT_EQ(peer.heard().frames_size(), 1);
    EXPECT_EQ(peer.heard().frames(0).number(), 1U);
    EXPECT_EQ(peer.heard().frames(0).message().id(), 6);
  }
  EXPECT_EQ(network.streams(), 1U) << "the older ones are gone";
  peer.resume("a", 0, 1);
  EXPECT_EQ(peer.heard().frames_size(), 0);
  expect_unharmed();
}

TEST_F(Hostile, AResumeFromAPlaceThatCannotBeEndsTheSession) {
  peer.resume("a", 0, 5);
  EXPECT_TRUE(peer.fenced_for(v1::Fence::PROTOCOL));
  EXPECT_EQ(host.downs.size(), 1U);
  expect_unharmed();
}

TEST_F(Hostile, FramesOfAnOlderStreamAreNotTaken) {
  peer.resume("a", 0, 0);
  v1::Frame frame = message(0);
  peer.say(frame);
  EXPECT_EQ(host.row().frames_applied, 1U);
  peer.resume("a", 0, 0);
  peer.say(frame);  // again with the number 1
  EXPECT_TRUE(peer.fenced_for(v1::Fence::PROTOCOL));
  EXPECT_EQ(host.downs.size(), 1U);
}

// A flood into queues that ignores every window.
class HostileFlood : public Hostile {
 protected:
  static proxy::PeerLimits small() {
    proxy::PeerLimits limits;
    limits.account.bytes = 100000;
    limits.proxies = 10;
    return limits;
  }
  HostileFlood() : Hostile(small()) {}
};

// Somebody who does not read costs nobody else the session: what is too much is taken apart, rights and all.
TEST_F(HostileFlood, WhatItsAccountCannotBearIsDestroyedAndTheSessionGoesOn) {
  v1::Frame frame = message();
  frame.mutable_message()->set_body(std::string(10000, 'x'));
  for (int i = 0; i < 19; ++i) peer.say(frame);
  reply(frame, v1::Uid::SENDER, 5, MACH_MSG_TYPE_PORT_SEND);
  peer.say(frame);
  EXPECT_TRUE(host.open());
  EXPECT_EQ(host.row().proxies, 1U) << "the right in the last one was given back";
  expect_unharmed();
  unsigned queued = 0;
  while (host.names.receive(host.names_port).code == MACH_MSG_SUCCESS) ++queued;
  EXPECT_GE(queued, 5U);
  EXPECT_LE(queued, 10U);
  peer.say(message());
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_MSG_SUCCESS) << "there is room again";
}

TEST_F(HostileFlood, ATooLargeNumberOfPortsEndsItsSession) {
  for (proxy::Serial serial = 1; serial < 20 && host.open(); ++serial) {
    v1::Frame frame = message();
    reply(frame, v1::Uid::SENDER, serial, MACH_MSG_TYPE_PORT_SEND);
    peer.say(frame);
  }
  EXPECT_TRUE(peer.fenced_for(v1::Fence::LIMIT));
  EXPECT_EQ(host.row().proxies, 0U);
  expect_unharmed();
}

// --- chunks (peer.proto, exchange 9) ---

class HostileChunks : public Hostile {
 protected:
  explicit HostileChunks(const proxy::PeerLimits& limits = {}) : Hostile(limits) {}

  static v1::Frame chunk(std::uint64_t transfer, const std::string& data) {
    v1::Frame frame;
    frame.mutable_chunk()->set_transfer(transfer);
    frame.mutable_chunk()->add_pieces()->set_data(data);
    return frame;
  }
  // The first chunk of a transfer whose first part is as long as that.
  static v1::Frame first_chunk(std::uint64_t transfer, std::uint64_t length, const std::string& data) {
    v1::Frame frame = chunk(transfer, data);
    frame.mutable_chunk()->mutable_pieces(0)->mutable_part()->set_length(length);
    return frame;
  }
  static v1::Frame dropped(std::uint64_t transfer) {
    v1::Frame frame;
    frame.mutable_chunk()->set_transfer(transfer);
    frame.mutable_chunk()->set_dropped(true);
    return frame;
  }
  // One region of that length, in a transfer.
  static v1::Frame message_with(std::uint64_t transfer, std::uint32_t length) {
    v1::Frame frame = message();
    Item item = memory(Bytes(length));
    item.descriptor.msgt_deallocate = 1;
    frame.mutable_message()->set_body(std::string(reinterpret_cast<const char*>(&item.descriptor), 8) +
                                      std::string(8, '\0'));
    frame.mutable_message()->set_other_bits(MACH_MSGH_BITS_COMPLEX);
    frame.mutable_message()->set_transfer(transfer);
    reply(frame, v1::Uid::SENDER, 5, MACH_MSG_TYPE_PORT_SEND);
    return frame;
  }
  void expect_destroyed_with_its_rights() {
    const v1::Batch heard = peer.heard();
    EXPECT_TRUE(std::any_of(heard.frames().begin(), heard.frames().end(),
                            [](const v1::Frame& frame) { return frame.release().port().serial() == 5; }));
    EXPECT_EQ(host.names.receive(host.names_port).code, MACH_RCV_TIMED_OUT);
    EXPECT_TRUE(host.open());
    expect_unharmed();
  }
  void expect_fenced(v1::Fence::Code code) {
    EXPECT_TRUE(peer.fenced_for(code)) << peer.heard().fence().text();
    EXPECT_FALSE(host.open());
    expect_unharmed();
  }
};

TEST_F(HostileChunks, ThatAreHonestMakeAMessage) {
  peer.say(first_chunk(3, 6, "abc"));
  peer.say(chunk(3, "def"));
  peer.say(message_with(3, 6));
  const Received got = host.names.receive(host.names_port);
  ASSERT_EQ(got.regions.size(), 1U);
  EXPECT_EQ(got.regions[0].memory.length(), 6U);
}

TEST_F(HostileChunks, WithoutAllTheirDataEndTheSession) {
  peer.say(first_chunk(3, 6, "abc"));
  peer.say(message_with(3, 6));
  expect_fenced(v1::Fence::PROTOCOL);
}

TEST_F(HostileChunks, OfATransferThatHasNotBegunEndTheSession) {
  peer.say(message_with(3, 6));
  expect_fenced(v1::Fence::PROTOCOL);
}

TEST_F(HostileChunks, OfAnotherLengthThanTheItemEndTheSession) {
  peer.say(first_chunk(3, 5, "abcde"));
  peer.say(message_with(3, 6));
  expect_fenced(v1::Fence::PROTOCOL);
}

TEST_F(HostileChunks, ForAnotherAddressThanTheItemEndTheSession) {
  v1::Frame first = first_chunk(3, 6, "abcdef");
  first.mutable_chunk()->mutable_pieces(0)->mutable_part()->set_address(1);
  peer.say(first);
  peer.say(message_with(3, 6));
  expect_fenced(v1::Fence::PROTOCOL);
}

TEST_F(HostileChunks, ThatWereDroppedLeaveAMessageThatIsRefused) {
  peer.say(first_chunk(3, 6, "abc"));
  peer.say(dropped(3));
  peer.say(chunk(3, "def"));
  peer.say(dropped(3));
  peer.say(message_with(3, 6));
  expect_destroyed_with_its_rights();
}

TEST_F(HostileChunks, OfATransferThatIsOverAreIgnored) {
  peer.say(first_chunk(3, 3, "abc"));
  peer.say(message_with(3, 3));
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_MSG_SUCCESS);
  peer.say(first_chunk(3, 3, "abc"));
  peer.say(first_chunk(2, 3, "abc"));
  peer.say(message_with(3, 3));
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_RCV_TIMED_OUT);
  EXPECT_TRUE(host.open());
}

TEST_F(HostileChunks, NeverFinishedAreForgottenAtTheFence) {
  peer.say(first_chunk(3, 1'000'000, std::string(60'000, 'x')));
  v1::Frame unknown;
  peer.say(unknown);
  expect_fenced(v1::Fence::PROTOCOL);
  peer.open("a");
  EXPECT_TRUE(host.open());
}

TEST_F(HostileChunks, OfTooManyTransfersEndTheSession) {
  for (std::uint64_t transfer = 1; transfer <= 16; ++transfer) peer.say(first_chunk(transfer, 9, "abc"));
  EXPECT_TRUE(host.open());
  peer.say(first_chunk(17, 9, "abc"));
  expect_fenced(v1::Fence::LIMIT);
}

struct BadChunk {
  const char* what;
  void (*make)(v1::Chunk&);
};

class BadChunks : public HostileChunks, public testing::WithParamInterface<BadChunk> {};

TEST_P(BadChunks, EndTheSession) {
  peer.say(first_chunk(3, 6, "abc"));
  ASSERT_TRUE(host.open());
  v1::Frame frame = chunk(3, "def");
  GetParam().make(*frame.mutable_chunk());
  peer.say(frame);
  EXPECT_EQ(peer.heard().fence().text(), GetParam().what);
  expect_fenced(v1::Fence::PROTOCOL);
}

v1::Part& part(v1::Chunk& chunk, std::uint64_t length) {
  v1::Part& made = *chunk.mutable_pieces(0)->mutable_part();
  made.set_length(length);
  return made;
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, BadChunks,
    testing::Values(BadChunk{"transfer 0", [](v1::Chunk& c) { c.set_transfer(0); }},
                    BadChunk{"an empty chunk", [](v1::Chunk& c) { c.clear_pieces(); }},
                    BadChunk{"a piece without data", [](v1::Chunk& c) { c.mutable_pieces(0)->clear_data(); }},
                    BadChunk{"a piece beyond its part",
                             [](v1::Chunk& c) { c.mutable_pieces(0)->set_data("defg"); }},
                    BadChunk{"a piece beyond its part", [](v1::Chunk& c) { c.add_pieces()->set_data("g"); }},
                    BadChunk{"a piece beyond its part", [](v1::Chunk& c) { c.set_transfer(4); }},
                    BadChunk{"a part within another one", [](v1::Chunk& c) { part(c, 3); }},
                    BadChunk{"a dropped transfer with pieces", [](v1::Chunk& c) { c.set_dropped(true); }},
                    BadChunk{"chunk too large",
                             [](v1::Chunk& c) { c.mutable_pieces(0)->set_data(std::string(262'145, 'x')); }},
                    BadChunk{"malformed frame",
                             [](v1::Chunk& c) { c.mutable_pieces(0)->set_data(std::string(524'288, 'x')); }},
                    BadChunk{"too many pieces in a chunk",
                             [](v1::Chunk& c) {
                               for (int at = 0; at < 1024; ++at) c.add_pieces()->set_data("x");
                             }},
                    BadChunk{"an empty part",
                             [](v1::Chunk& c) {
                               c.set_transfer(4);
                               part(c, 0);
                             }},
                    BadChunk{"transfer too large",
                             [](v1::Chunk& c) {
                               c.set_transfer(4);
                               part(c, UINT64_MAX);
                             }},
                    BadChunk{"address of a part",
                             [](v1::Chunk& c) {
                               c.set_transfer(4);
                               part(c, 3).set_address(4096);
                             }},
                    BadChunk{"a body behind memory", [](v1::Chunk& c) {
                               v1::Piece& piece = *c.add_pieces();
                               piece.set_data("x");
                               piece.mutable_part()->set_length(1);
                               piece.mutable_part()->set_body(true);
                             }}));

// More than its account bears: the data is let go of, the message is destroyed, the session goes on.
class HostileChunkFlood : public HostileChunks {
 protected:
  static proxy::PeerLimits small() {
    proxy::PeerLimits limits;
    limits.account.bytes = 100'000;
    return limits;
  }
  HostileChunkFlood() : HostileChunks(small()) {}
};

TEST_F(HostileChunkFlood, IsLetGoOf) {
  constexpr std::uint32_t kSize = 60'000;
  peer.say(first_chunk(3, 4 * kSize, std::string(kSize, 'x')));
  for (int more = 0; more < 3; ++more) peer.say(chunk(3, std::string(kSize, 'x')));
  peer.say(message_with(3, 4 * kSize));
  expect_destroyed_with_its_rights();
  peer.say(first_chunk(4, kSize, std::string(kSize, 'x')));
  peer.say(message_with(4, kSize));
  EXPECT_EQ(host.names.receive(host.names_port).code, MACH_MSG_SUCCESS) << "there is room again";
}

// Valid conversations with a few bytes changed. A failure is a seed.
TEST_F(Hostile, MutatedFramesNeverHarmTheHost) {
  const std::uint32_t seed = test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  for (int round = 0; round < 2000; ++round) {
    if (!host.open()) peer.open("a");
    ASSERT_TRUE(host.open()) << host.row().last_error;
    v1::Frame frame = message(pick(3), 17 + pick(2));
    if (pick(2) == 0) reply(frame, static_cast<v1::Uid::Side>(pick(3)), pick(4), 16 + pick(3));
    frame.mutable_message()->set_other_bits(pick(2) == 0 ? 0 : MACH_MSGH_BITS_COMPLEX);
    const mach_msg_type_t item = rights(16 + pick(3), {0}).descriptor;
    frame.mutable_message()->set_body(std::string(reinterpret_cast<const char*>(&item), 8) +
                                      std::string(8, '\0'));
    if (pick(2) == 0) *frame.mutable_message()->add_rights() = frame.message().reply();
    frame.set_number(host.row().frames_applied + 1);
    v1::Batch batch;
    *batch.add_frames() = frame;
    std::string bytes = batch.SerializeAsString();
    for (std::uint32_t flips = pick(3); flips > 0; --flips) {
      bytes[pick(static_cast<unsigned>(bytes.size()))] = static_cast<char>(random());
    }
    peer.say(bytes);
    host.check();
    while (host.names.receive(host.names_port).code == MACH_MSG_SUCCESS) {
    }
    network.run();
  }
  expect_unharmed();
}

// A session is its incarnation and its nonce.
TEST_F(Hostile, MayNotUseANonceAgainUnlessItIsAnotherIncarnation) {
  peer.open("a", 77);
  peer.say("nothing");
  EXPECT_FALSE(host.open());
  peer.open("a", 77);
  EXPECT_TRUE(peer.fenced_for(v1::Fence::UNKNOWN_SESSION));
  EXPECT_FALSE(host.open());
  peer.restart();
  peer.open("a", 77);
  EXPECT_TRUE(host.open());
  expect_unharmed();
}

}  // namespace
}  // namespace netmsg::test
