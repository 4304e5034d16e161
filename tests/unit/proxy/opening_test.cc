// SPDX-License-Identifier: Apache-2.0
// How sessions open, and whose streams are refused (peer.proto, exchange 1).
#include <gtest/gtest.h>

#include "proxy/wire.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class Opening : public testing::Test {
 protected:
  // Hosts that have both just dialed: nothing has happened yet.
  void make(unsigned char node_a, unsigned char node_b) {
    network.refuse_dials(true);
    a = std::make_unique<Host>(network,
                               HostOptions{.name = "a", .node = node_a, .dials = {"b"}, .expects = {}});
    b = std::make_unique<Host>(network,
                               HostOptions{.name = "b", .node = node_b, .dials = {"a"}, .expects = {}});
    network.run();
    network.refuse_dials(false);
    a->advance(milliseconds(50));
    b->advance(milliseconds(50));
  }
  void settle() {
    for (int round = 0; round < 40; ++round) {
      network.run();
      for (Host* host : {a.get(), b.get()}) {
        if (host != nullptr) host->advance(milliseconds(100));
      }
    }
    network.run();
  }
  void expect_one_session() {
    EXPECT_TRUE(a->open());
    EXPECT_TRUE(b->open());
    EXPECT_EQ(network.streams(), 1U);
    EXPECT_EQ(a->row().node, node_of(2).hex());
  }

  MemoryNetwork network;
  std::unique_ptr<Host> a;
  std::unique_ptr<Host> b;
};

TEST_F(Opening, EachSideGetsTheOthersNameServicePort) {
  make(1, 2);
  settle();
  expect_one_session();
  EXPECT_EQ(a->ups, std::vector<std::string>{"b"});
  EXPECT_EQ(a->names.send({.remote = a->peer_names, .remote_type = MACH_MSG_TYPE_COPY_SEND, .id = 5}),
            MACH_MSG_SUCCESS);
  network.run();
  EXPECT_EQ(b->names.receive(b->names_port).header.msgh_id, 5);
}

TEST_F(Opening, SimultaneousDialsEndInOneSessionWhicheverEventComesFirst) {
  // All orders of the first twelve events: bit n says at which host the n-th one happens.
  for (unsigned order = 0; order < 4096; ++order) {
    make(1, 2);
    for (unsigned bit = 0; bit < 12; ++bit) network.step((order >> bit & 1) != 0 ? "a" : "b");
    network.run();
    a->check();
    b->check();
    for (int round = 0; round < 40 && !(a->open() && b->open()); ++round) {
      a->advance(milliseconds(100));
      b->advance(milliseconds(100));
      network.run();
    }
    ASSERT_TRUE(a->open() && b->open()) << "order " << order;
    ASSERT_EQ(network.streams(), 1U) << "order " << order;
    ASSERT_LE(a->ups.size(), 2U) << "order " << order;
    a.reset();
    b.reset();
    network.run();
  }
}

TEST_F(Opening, TheLowerNodesStreamStays) {
  make(1, 2);
  // Both have said Hello before either has heard the other's.
  while (a->row().state != "hello") ASSERT_TRUE(network.step("a"));
  while (b->row().state != "hello") ASSERT_TRUE(network.step("b"));
  settle();
  expect_one_session();
  EXPECT_EQ(a->downs.size() + b->downs.size(), 0U);
}

TEST_F(Opening, AnUnreachablePeerIsDialedAgainAndAgain) {
  make(1, 2);
  network.refuse_dials(true);
  network.cut(true);
  settle();
  EXPECT_GE(a->unreachables.size(), 3U);
  EXPECT_EQ(a->row().last_error, "refused");
  network.refuse_dials(false);
  settle();
  expect_one_session();
  EXPECT_EQ(a->row().last_error, "");
}

TEST_F(Opening, AnIncarnationThatGoesBackIsRefusedAndBothAreNamed) {
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"b"}});
  b = std::make_unique<Host>(
      network, HostOptions{.name = "b", .node = 2, .incarnation = 7, .dials = {"a"}, .expects = {}});
  settle();
  ASSERT_TRUE(a->open());
  b.reset();
  b = std::make_unique<Host>(
      network, HostOptions{.name = "b", .node = 2, .incarnation = 6, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_FALSE(a->open());
  ASSERT_FALSE(b->reasons.empty());
  EXPECT_EQ(b->reasons.back(), "the peer says: incarnation 6 after 7");
}

TEST_F(Opening, ANewIncarnationFencesWhatIsLeftOfTheOldOne) {
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"b"}});
  b = std::make_unique<Host>(
      network, HostOptions{.name = "b", .node = 2, .incarnation = 7, .dials = {"a"}, .expects = {}});
  settle();
  network.silence(true);  // b goes without a word
  b.reset();
  network.silence(false);
  b = std::make_unique<Host>(
      network, HostOptions{.name = "b", .node = 2, .incarnation = 8, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_TRUE(a->open());
  EXPECT_EQ(a->row().incarnation, 8U);
  EXPECT_EQ(a->downs.size(), 1U);
}

TEST_F(Opening, StrangersAreRefused) {
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"c"}});
  b = std::make_unique<Host>(network, HostOptions{.name = "b", .node = 2, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_FALSE(b->open());
  ASSERT_FALSE(b->reasons.empty());
  EXPECT_EQ(b->reasons.back(), "the peer says: not an allowed peer");
}

TEST_F(Opening, WithCertificatesTheNameAndTheNodeAreTheirs) {
  network.certify("a", {node_of(1), {"a"}, true});
  network.certify("b", {node_of(2), {"somebody", "B"}, true});
  make(1, 2);
  settle();
  expect_one_session();
}

TEST_F(Opening, ANodeThatIsNotTheCertificatesIsRefused) {
  network.certify("a", {node_of(1), {"a"}, true});
  network.certify("b", {node_of(3), {"b"}, true});
  make(1, 2);
  settle();
  EXPECT_FALSE(a->open());
  EXPECT_FALSE(b->open());
}

TEST_F(Opening, ADisplayNameDoesNotReplaceACertificatesName) {
  network.certify("b", {node_of(2), {"x"}, true});
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"b"}});
  b = std::make_unique<Host>(network, HostOptions{.name = "b", .node = 2, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_FALSE(a->open());
}

TEST_F(Opening, OneNodeHasOneSessionWhateverItsNames) {
  a = std::make_unique<Host>(network,
                             HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"b", "c"}});
  b = std::make_unique<Host>(network, HostOptions{.name = "b", .node = 2, .dials = {"a"}, .expects = {}});
  Host c(network, HostOptions{.name = "c", .node = 2, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_EQ(a->open(0) + a->open(1), 1);
}

TEST_F(Opening, WeDoNotTalkToOurselves) {
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {"a"}, .expects = {}});
  settle();
  EXPECT_FALSE(a->open());
}

TEST_F(Opening, AStreamWithoutHelloIsDroppedAfterALease) {
  a = std::make_unique<Host>(network, HostOptions{.name = "a", .node = 1, .dials = {}, .expects = {"b"}});
  struct Mute final : proxy::TransportEvents {
    void connected(proxy::StreamId, const proxy::PeerIdentity&) override {}
    void accepted(proxy::StreamId, const proxy::PeerIdentity&) override {}
    void received(proxy::StreamId, const proxy::Rope&) override {}
    void closed(proxy::StreamId, const std::string&) override { ended = true; }
    bool ended = false;
  } mute;
  proxy::Transport& raw = network.host("raw");
  raw.start(mute);
  raw.dial("a", "a");
  network.run();
  EXPECT_EQ(network.streams(), 1U);
  a->advance(milliseconds(5001));
  network.run();
  EXPECT_TRUE(mute.ended);
  EXPECT_EQ(network.streams(), 0U);
  raw.stop();
}

}  // namespace
}  // namespace netmsg::test
