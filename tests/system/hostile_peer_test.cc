// SPDX-License-Identifier: Apache-2.0
// A peer that lies (spec 09 §§1, 3, 4): at worst its own session ends, with the reason that peer.proto says; nobody else
// notices (hostile_scene.h).
#include <random>

#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/system/hostile_scene.h"

namespace netmsg::test {
namespace {

// --- ports that are not its own ---

TEST_F(HostilePeer, SendsToPortsItWasNotGivenInVain) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t serial = 1; serial < 200; ++serial) {
    peer.say(message(uid(v1::Uid::RECEIVER, serial)));
    peer.say(message(uid(v1::Uid::RECEIVER, serial), MACH_MSG_TYPE_PORT_SEND_ONCE));
  }
  EXPECT_TRUE(is_heard());
}

TEST_F(HostilePeer, SendsToPortsOfInventedNodesInVain) {
  expect_ignored(message(uid_of(std::string(16, '\x77'), 5, 3)));
}

TEST_F(HostilePeer, BringsRightsHomeThatItWasNotGiven) {
  expect_ignored(with_reply(right(v1::Right::HOME, uid(v1::Uid::RECEIVER, 3))));
}

TEST_F(HostilePeer, SaysThatPortsItNeverHadHaveDiedOrHaveRoom) {
  ASSERT_TRUE(peer.open());
  for (const v1::Uid& port :
       {uid(v1::Uid::SENDER, 77), uid(v1::Uid::RECEIVER, 1), uid_of(std::string(16, '\x77'), 5, 3)}) {
    peer.say(died(port));
    peer.say(credit(port, ~0U, ~0ULL));
    peer.say(accepted(port, ~0ULL));
  }
  EXPECT_TRUE(is_heard());
}

// The port is host b's; this process has a right to it.
TEST_F(HostilePeer, ClaimsAPortThatIsAtHomeAtAnother) {
  work.reset();
  const mach_port_t port = server().new_port();
  const std::string task = std::to_string(task_of(hosts().a, ::getpid()));
  const auto view = [&] {
    return told<v1::PortView>(hosts().a.control({"--json", "port", task + ":" + std::to_string(port)}));
  };
  const std::string text = view().uid();
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first + 1);
  const v1::Uid theirs = uid_of(bytes_of_hex(text.substr(0, first)), std::stoull(text.substr(first + 1)),
                                std::stoull(text.substr(second + 1)));

  ASSERT_TRUE(peer.open());
  peer.say(with_reply(right(v1::Right::GRANTED, theirs)));
  peer.say(credit(theirs, 0, 0));
  peer.say(died(theirs));
  peer.say(message(theirs));
  peer.say(release(theirs, 1));
  EXPECT_TRUE(is_heard());
  EXPECT_EQ(view().home(), "b");
  EXPECT_EQ(view().peers_size(), 1);
  EXPECT_EQ(state_of(port), "S1");
  EXPECT_EQ(send_message({.remote = port, .remote_type = MACH_MSG_TYPE_COPY_SEND, .id = 9}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server().receive(5000).id, 9U);
  mach_port_deallocate(mach_task_self(), port);
  work = std::make_unique<Work>(server());
}

TEST_F(HostilePeer, ClaimsTheNameServiceOfAnother) {
  expect_fatal(with_reply(right(v1::Right::GRANTED, uid_of(std::string(16, '\x77'), 5, 0))));
}

TEST_F(HostilePeer, GrantsAPortOfTheReceiversThatNeverWas) {
  expect_fatal(with_reply(right(v1::Right::GRANTED, uid(v1::Uid::RECEIVER, 1ULL << 40))));
}

// --- amounts, numbers, values ---

TEST_F(HostilePeer, ReleasesMoreThanItWasGranted) {
  expect_fatal(release(uid(v1::Uid::RECEIVER, 0), 2));
}
TEST_F(HostilePeer, ReleasesAsMuchAsANumberHolds) {
  expect_fatal(release(uid(v1::Uid::RECEIVER, 0), ~0ULL));
}
TEST_F(HostilePeer, ReleasesNothing) {
  expect_fatal(release(uid(v1::Uid::RECEIVER, 0), 0));
}
TEST_F(HostilePeer, UsesWhatItHasReleasedInVain) {
  ASSERT_TRUE(peer.open());
  peer.say(release(uid(v1::Uid::RECEIVER, 0), 1));
  peer.say(message());
  EXPECT_TRUE(is_heard());
  EXPECT_EQ(row().exports(), 0U);
}
TEST_F(HostilePeer, UsesASerialOutOfRange) {
  expect_fatal(died(uid(v1::Uid::SENDER, 1ULL << 48)));
}
TEST_F(HostilePeer, NamesAnOriginThatCannotBe) {
  expect_fatal(died(uid_of("short", 5, 1)));
}
TEST_F(HostilePeer, SaysAFrameOfNoKind) {
  expect_fatal(v1::Frame());
}
TEST_F(HostilePeer, SaysAValueThatIsNone) {
  v1::Frame frame = message();
  frame.mutable_message()->mutable_reply()->set_value(static_cast<v1::Right::Value>(55));
  expect_fatal(frame);
}
TEST_F(HostilePeer, CallsABodyWhatItIsNot) {
  v1::Frame frame = message();
  frame.mutable_message()->set_other_bits(0x80000000U);
  frame.mutable_message()->set_body(std::string(24, '\xFF'));
  expect_fatal(frame);
}
TEST_F(HostilePeer, BringsMemoryThatNoItemIsFor) {
  v1::Frame frame = message();
  frame.mutable_message()->add_memory("x");
  expect_fatal(frame);
}
TEST_F(HostilePeer, SendsMoreThanTheHelloAllows) {
  v1::Frame frame = message();
  frame.mutable_message()->set_body(std::string(5U << 20, 'x'));
  expect_fatal(frame);
}

TEST_F(HostilePeer, RepeatsAFrame) {
  ASSERT_TRUE(peer.open());
  const v1::Batch batch = numbered(message(), 1);
  peer.say(batch);
  peer.say(batch);
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, LeavesOutANumber) {
  ASSERT_TRUE(peer.open());
  peer.say(numbered(message(), 2));
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, AcknowledgesWhatItWasNeverSent) {
  ASSERT_TRUE(peer.open());
  v1::Batch batch;
  batch.set_applied(~0ULL);
  peer.say(batch);
  expect_fence(v1::Fence::PROTOCOL);
}

// --- introductions ---

// The answer to a Grant that cannot be.
class HostileGrant : public HostilePeer {
 protected:
  void expect_failure(v1::GrantFailed::Reason reason) {
    EXPECT_TRUE(peer.hears([&](const v1::Batch& heard) {
      return std::any_of(heard.frames().begin(), heard.frames().end(), [&](const v1::Frame& frame) {
        return frame.has_grant_failed() && frame.grant_failed().reason() == reason;
      });
    }));
    EXPECT_TRUE(is_heard());
  }
};

TEST_F(HostileGrant, ForANodeThatIsInventedFails) {
  ASSERT_TRUE(peer.open());
  peer.say(grant(uid(v1::Uid::RECEIVER, 0), nobody(), 1));
  expect_failure(v1::GrantFailed::NOT_ALLOWED);
}
TEST_F(HostileGrant, OfAPortThatItWasNotGivenFails) {
  ASSERT_TRUE(peer.open());
  peer.say(grant(uid(v1::Uid::RECEIVER, 3), origin_of(hosts().b), 1));
  expect_failure(v1::GrantFailed::REFUSED);
}
TEST_F(HostileGrant, WithANonceThatDoesNotGrowEndsItsSession) {
  ASSERT_TRUE(peer.open());
  peer.say(grant(uid(v1::Uid::RECEIVER, 0), nobody(), 7));
  peer.say(grant(uid(v1::Uid::RECEIVER, 0), nobody(), 7));
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostileGrant, ForTheOneWhoIsToGrantEndsItsSession) {
  expect_fatal(grant(uid(v1::Uid::RECEIVER, 0), origin_of(hosts().a), 1));
}
// Of which host b never hears in a message.
TEST_F(HostileGrant, ForAnHonestHostInMassesHurtsNobody) {
  ASSERT_TRUE(peer.open());
  const v1::Origin to = origin_of(hosts().b);
  for (int nonce = 1; nonce <= scaled(5000); ++nonce) {
    peer.say(grant(uid(v1::Uid::RECEIVER, 0), to, static_cast<std::uint64_t>(nonce)));
  }
  EXPECT_TRUE(is_heard());
}

TEST_F(HostilePeer, GrantsWhatNobodyHasAskedFor) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t nonce = 1; nonce < 100; ++nonce) {
    peer.say(granted(uid(v1::Uid::SENDER, nonce), nobody(), nonce));
    peer.say(granted(uid(v1::Uid::SENDER, nonce), origin_of(hosts().b), nonce));
  }
  EXPECT_TRUE(is_heard());
}
TEST_F(HostilePeer, SaysThatGrantsHaveFailedWhichItWasNeverSent) {
  expect_fatal(grant_failed(nobody(), 1));
}
TEST_F(HostilePeer, SaysThatGrantsHaveFailedWhichNobodyWaitsFor) {
  expect_ignored(grant_failed(origin_of(hosts().a), 1));
}
TEST_F(HostilePeer, ClaimsAndAnswersClaimsAtRandom) {
  ASSERT_TRUE(peer.open());
  for (const v1::Origin& introducer : {nobody(), origin_of(hosts().a), origin_of(hosts().b)}) {
    peer.say(claim(introducer, 1));
    peer.say(claim_answer(introducer, 1));
  }
  EXPECT_TRUE(is_heard());
}
TEST_F(HostilePeer, IntroducesPortsOfInventedNodes) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t nonce = 1; nonce < 100; ++nonce) {
    peer.say(with_reply(introduced(uid_of(nobody().node(), 5, nonce), nobody(), nonce)));
  }
  EXPECT_TRUE(is_heard());
}
TEST_F(HostilePeer, IntroducesWithANonceThatIsNone) {
  expect_fatal(with_reply(introduced(uid_of(nobody().node(), 5, 1), nobody(), 0)));
}
TEST_F(HostilePeer, IntroducesMoreThanOneMayMakeUsWaitFor) {
  ASSERT_TRUE(peer.open());
  std::uint64_t nonce = 0;
  for (int messages = 0; messages < 80 && !peer.ended(); ++messages) {
    std::vector<v1::Right> rights;
    for (int i = 0; i < 1000; ++i) {
      ++nonce;
      rights.push_back(introduced(uid_of(nobody().node(), 5, nonce), nobody(), nonce));
    }
    peer.say(with_rights(rights));
  }
  expect_fence(v1::Fence::LIMIT);
}

// --- data ahead of its message ---

TEST_F(HostilePeer, NamesATransferThatHasNotBegun) {
  v1::Frame frame = message();
  frame.mutable_message()->set_transfer(5);
  expect_fatal(frame);
}
TEST_F(HostilePeer, SendsAPieceOfNothing) {
  expect_fatal(chunk(1, 100, ""));
}
TEST_F(HostilePeer, SendsMoreThanItHasSaidAPartIs) {
  expect_fatal(chunk(1, 10, std::string(11, 'x')));
}
TEST_F(HostilePeer, SendsAChunkThatIsTooLarge) {
  expect_fatal(chunk(1, 1U << 20, std::string((256U << 10) + 1, 'x')));
}
TEST_F(HostilePeer, BeginsAPartThatNoMessageCouldHave) {
  expect_fatal(chunk(1, ~0ULL, "x"));
}
TEST_F(HostilePeer, NamesATransferThatIsNotComplete) {
  ASSERT_TRUE(peer.open());
  peer.say(chunk(1, 100, "x"));
  v1::Frame frame = message();
  frame.mutable_message()->set_transfer(1);
  peer.say(frame);
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, BeginsTransfersAndEndsNone) {
  ASSERT_TRUE(peer.open());
  for (std::uint64_t transfer = 1; transfer <= 17; ++transfer) peer.say(chunk(transfer, 1U << 20, "x"));
  expect_fence(v1::Fence::LIMIT);
}
// 256 MiB of one part that is never complete, four times what a peer may have in our queues.
TEST_F(HostilePeer, SendsChunksWithoutEnd) {
  ASSERT_TRUE(peer.open());
  const std::string data(65536, 'x');
  peer.say(chunk(1, 1U << 30, data));
  for (int chunks = scaled(4096); chunks > 0 && !peer.ended(); --chunks) peer.say(chunk(1, 0, data));
  EXPECT_TRUE(is_heard());
}

// --- bytes ---

TEST_F(HostilePeer, SaysHalfABatch) {
  ASSERT_TRUE(peer.open());
  const std::string whole =
      numbered(with_rights({right(v1::Right::GRANTED, uid(v1::Uid::SENDER, 1))}), 1).SerializeAsString();
  peer.say_bytes(whole.substr(0, whole.size() - 3));
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, SaysMoreThanAStreamMayDeliverAtOnce) {
  ASSERT_TRUE(peer.open());
  peer.say_bytes(std::string(9U << 20, '\0'));
  EXPECT_TRUE(eventually([&] { return peer.ended(); }, seconds(20)));
}
TEST_F(HostilePeer, SaysBytesThatAreNothing) {
  std::mt19937 random(test_seed());
  for (int round = 0, rounds = scaled(30); round < rounds; ++round) {
    RawPeer other(hosts().port_a);
    const bool after_hello = round % 2 == 0;
    ASSERT_TRUE(!after_hello || other.open());
    std::string bytes(1 + random() % 5000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    other.say_bytes(bytes);
    EXPECT_TRUE(eventually([&] { return other.ended(); }, seconds(20))) << "round " << round;
  }
}

// --- Hello ---

TEST_F(HostilePeer, SaysAFrameBeforeHello) {
  peer.say(message());
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, SaysHelloTwice) {
  ASSERT_TRUE(peer.open());
  v1::Batch batch;
  *batch.mutable_hello() = peer.hello();
  peer.say(batch);
  expect_fence(v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, SpeaksAnotherVersion) {
  v1::Hello hello = peer.hello();
  hello.set_version_min(7);
  hello.set_version_max(9);
  EXPECT_FALSE(peer.open(hello));
  expect_fence(v1::Fence::VERSION);
  EXPECT_NE(peer.fenced()->text().find("7 to 9"), std::string::npos) << peer.fenced()->text();
}
TEST_F(HostilePeer, IsNobodyThatIsAllowed) {
  EXPECT_FALSE(peer.open(peer.hello({.name = "stranger"})));
  expect_fence(v1::Fence::REFUSED);
}
TEST_F(HostilePeer, SaysItIsTheOneItTalksTo) {
  const auto status = told<v1::StatusReply>(hosts().a.control({"--json", "status"}));
  EXPECT_FALSE(peer.open(peer.hello({.node = bytes_of_hex(status.node_id())})));
  expect_fence(v1::Fence::REFUSED);
}
TEST_F(HostilePeer, HasNoNodeOrNoIncarnation) {
  EXPECT_FALSE(peer.open(peer.hello({.node = "short"})));
  expect_fence(v1::Fence::PROTOCOL);
  RawPeer other(hosts().port_a);
  EXPECT_FALSE(other.open(other.hello({.incarnation = 0})));
  EXPECT_EQ(other.fenced()->code(), v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, GoesBackToAnOldIncarnation) {
  ASSERT_TRUE(peer.open());
  peer.leave();
  RawPeer older(hosts().port_a);
  EXPECT_FALSE(older.open(older.hello({.incarnation = 999})));
  EXPECT_EQ(older.fenced()->code(), v1::Fence::INCARNATION);
}
TEST_F(HostilePeer, RepeatsAHelloThatWasOvertaken) {
  const v1::Hello old = peer.hello();
  ASSERT_TRUE(peer.open());
  RawPeer replay(hosts().port_a);
  EXPECT_FALSE(replay.open(old));
  EXPECT_EQ(replay.fenced()->code(), v1::Fence::SUPERSEDED);
  EXPECT_TRUE(is_heard()) << "the session is not touched";
}

// --- resuming ---

TEST_F(HostilePeer, ResumesASessionThatNeverWas) {
  ASSERT_TRUE(peer.open());
  peer.cut();
  EXPECT_FALSE(peer.resume(4711, 0));
  EXPECT_EQ(peer.fenced()->code(), v1::Fence::UNKNOWN_SESSION);
}
TEST_F(HostilePeer, ResumesFromWhereItCannotBe) {
  ASSERT_TRUE(peer.open());
  peer.cut();
  EXPECT_FALSE(peer.resume(1, 1000));
  EXPECT_EQ(peer.fenced()->code(), v1::Fence::PROTOCOL);
}
TEST_F(HostilePeer, ResumesAgainAndAgain) {
  ASSERT_TRUE(peer.open());
  for (int times = 0; times < scaled(20); ++times) {
    peer.cut();
    ASSERT_TRUE(peer.resume(1, 0)) << "time " << times;
  }
  EXPECT_TRUE(is_heard());
}

// --- too much, or nothing ---

TEST_F(HostilePeer, FloodsAPortWithoutRegardForItsRoom) {
  ASSERT_TRUE(peer.open());
  v1::Batch batch;
  std::uint64_t number = 0;
  for (int batches = scaled(200); batches > 0; --batches) {
    batch.Clear();
    for (int frames = 0; frames < 100; ++frames) {
      v1::Frame frame = message();
      frame.set_number(++number);
      frame.mutable_message()->set_body(std::string(1024, 'x'));
      *batch.add_frames() = std::move(frame);
    }
    peer.say(batch);
  }
  EXPECT_TRUE(peer.hears([&](const v1::Batch& heard) { return heard.applied() == number; }, seconds(60)))
      << peer.heard().applied() << " of " << number << ", " << peer.heard().fence().text();
}

// Each is a port that host a would have to remember.
TEST_F(HostilePeer, GrantsMorePortsThanOneMayMakeUsRemember) {
  ASSERT_TRUE(peer.open());
  std::uint64_t serial = 0;
  for (int messages = 0; messages < 80 && !peer.ended(); ++messages) {
    std::vector<v1::Right> rights;
    for (int i = 0; i < 1000; ++i)
      rights.push_back(right(v1::Right::GRANTED, uid(v1::Uid::SENDER, ++serial)));
    peer.say(with_rights(rights));
  }
  const std::uint64_t last = peer.next_number() - 1;
  EXPECT_TRUE(peer.hears([&](const v1::Batch& heard) { return heard.applied() >= last || heard.has_fence(); },
                         seconds(60)));
  EXPECT_TRUE(!peer.heard().has_fence() || peer.heard().fence().code() == v1::Fence::LIMIT);
  EXPECT_LE(row().proxies(), row().ceilings().proxies());
}

// Every look-up is answered to a send-once right, which takes no room.
TEST_F(HostilePeer, AsksAndNeverAcknowledgesTheAnswers) {
  ASSERT_TRUE(peer.open());
  peer.stop_acknowledging();
  for (int asked = scaled(5000); asked > 0; --asked) {
    peer.say(with_reply(right(v1::Right::GRANTED, uid(v1::Uid::SENDER, 1), MACH_MSG_TYPE_PORT_SEND_ONCE)));
  }
  EXPECT_TRUE(is_heard());
}

TEST_F(HostilePeer, AsksAndDoesNotReadTheAnswers) {
  ASSERT_TRUE(peer.open());
  peer.stop_reading();
  for (int asked = scaled(5000); asked > 0; --asked) {
    peer.say(with_reply(right(v1::Right::GRANTED, uid(v1::Uid::SENDER, 1), MACH_MSG_TYPE_PORT_SEND_ONCE)));
  }
  EXPECT_TRUE(work->goes_on());
}

TEST_F(HostilePeer, FallsSilentAndIsFencedAfterALease) {
  ASSERT_TRUE(peer.open());
  peer.stop_heartbeats();
  EXPECT_TRUE(eventually([] { return row().last_fence().code() == "LEASE" && row().state() != "open"; },
                         seconds(30)));
  EXPECT_FALSE(row().last_fence().theirs());
}

TEST_F(HostilePeer, OpensStreamsAndSaysNothing) {
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (int streams = 0; streams < 40; ++streams) silent.push_back(std::make_unique<RawPeer>(hosts().port_a));
  EXPECT_TRUE(work->goes_on());
}

// --- valid conversations with something changed ---

class Fuzz {
 public:
  explicit Fuzz(std::uint32_t seed) : random_(seed) {}

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  v1::Frame frame() {
    switch (pick(18)) {
      case 7:
        return grant(some_uid(), some_origin(), some_number());
      case 8:
        return granted(some_uid(), some_origin(), some_number());
      case 9:
        return grant_failed(some_origin(), some_number());
      case 10:
        return pick(2) == 0 ? claim(some_origin(), some_number())
                            : claim_answer(some_origin(), some_number());
      case 12:
        return path_close(some_uid(), some_origin(), some_epoch());
      case 13:
        return path_lost(some_uid(), some_origin(), some_epoch());
      case 14:
        return handed(some_uid(), some_origin());
      case 15:
        return moved(some_uid(), some_origin(), some_epoch());
      case 16:
        return move();
      case 17:
        return moved_in(some_uid());
      case 6:
        return chunk(pick(4), some_number(), std::string(pick(100), 'x'));
      case 0:
        return release(some_uid(), some_number());
      case 1:
        return died(some_uid());
      case 2:
        return credit(some_uid(), static_cast<std::uint32_t>(some_number()), some_number());
      case 3:
        return accepted(some_uid(), some_number());
      case 4:
        return with_reply(some_right());
      case 5:
        return with_rights(std::vector<v1::Right>(pick(4), some_right()));
      default:
        return message(some_uid(), MACH_MSG_TYPE_PORT_SEND + pick(2));
    }
  }

  std::string changed(std::string bytes) {
    for (unsigned times = pick(3); times > 0; --times) {
      const unsigned at = pick(static_cast<unsigned>(bytes.size()));
      switch (pick(4)) {
        case 0:
          bytes[at] = static_cast<char>(random_());
          break;
        case 1:
          bytes.erase(at, pick(4));
          break;
        case 2:
          bytes.insert(at, bytes.substr(pick(static_cast<unsigned>(bytes.size())), pick(8)));
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << pick(8)));
          break;
      }
      if (bytes.empty()) return bytes;
    }
    return bytes;
  }

 private:
  v1::Frame move() {
    v1::Frame made = move_of(some_uid(), some_epoch());
    for (unsigned holders = pick(3); holders > 0; --holders) {
      add_holder(made, some_origin(), pick(3) == 0 ? some_number() : 1, pick(2));
    }
    return made;
  }
  std::uint32_t some_epoch() { return pick(3) == 0 ? static_cast<std::uint32_t>(some_number()) : 1; }
  std::uint64_t some_number() {
    constexpr std::uint64_t kEdges[] = {0, 1, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF, 1ULL << 47, 1ULL << 48, ~0ULL};
    return kEdges[pick(std::size(kEdges))];
  }
  v1::Uid some_uid() {
    if (pick(4) == 0) return uid_of(std::string(16, static_cast<char>(pick(3))), 1 + pick(2), pick(4));
    return uid(static_cast<v1::Uid::Side>(1 + pick(2)), pick(2) == 0 ? pick(4) : some_number());
  }
  v1::Origin some_origin() { return origin(std::string(16, static_cast<char>(pick(3))), pick(3)); }
  v1::Right some_right() {
    if (pick(5) == 0) return introduced(some_uid(), some_origin(), some_number());
    return right(static_cast<v1::Right::Value>(pick(6)), some_uid(), MACH_MSG_TYPE_PORT_RECEIVE + pick(3));
  }

  std::mt19937 random_;
};

TEST_F(HostilePeer, SaysMutatedFramesAtRandom) {
  const std::uint32_t seed = test_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Fuzz fuzz(seed);
  for (int round = 0, rounds = scaled(40); round < rounds; ++round) {
    RawPeer other(hosts().port_a);
    ASSERT_TRUE(other.open()) << "round " << round;
    for (int frames = 0; frames < 50 && !other.ended(); ++frames) {
      other.say_bytes(
          fuzz.changed(numbered(fuzz.frame(), static_cast<std::uint64_t>(frames) + 1).SerializeAsString()));
    }
    ASSERT_TRUE(hosts().a.daemon().running()) << "round " << round;
  }
}

}  // namespace
}  // namespace netmsg::test
