// SPDX-License-Identifier: Apache-2.0
// A peer that lies about introductions of others (peer.proto, exchange 10): a introduces ports of b to c, and c talks to a
// fourth daemon, too, that says what it likes. What a introduces arrives all the same (spec 09 §§1, 3).
#include <gtest/gtest.h>

#include "daemon/ipc/space.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/hostile_host.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kSend = MACH_MSG_TYPE_PORT_SEND;

v1::Origin origin(unsigned char node) {
  v1::Origin made;
  made.set_node(node_of(node).wire());
  made.set_incarnation(1);
  return made;
}

v1::Uid own_port(proxy::Serial serial) {
  v1::Uid made;
  made.set_side(v1::Uid::SENDER);
  made.set_serial(serial);
  return made;
}

// In a's name.
v1::Frame granted(const v1::Uid& port, std::uint64_t nonce, unsigned char introducer = 1) {
  v1::Frame frame;
  v1::Granted& wire = *frame.mutable_granted();
  *wire.mutable_port() = port;
  wire.set_type(kSend);
  *wire.mutable_introducer() = origin(introducer);
  wire.set_session(17);
  wire.set_nonce(nonce);
  wire.set_room(5);
  return frame;
}

class HostileIntroductions : public ManyHosts {
 protected:
  explicit HostileIntroductions(const proxy::PeerLimits& limits = {}) : ManyHosts(3, limits, {}, "evil") {
    peer.open("c");
    EXPECT_TRUE(c.open("evil"));
  }
  // C's other peers are as they were.
  ~HostileIntroductions() override { EXPECT_TRUE(c.open("a") && c.open("b")); }

  void introduce() {
    EXPECT_EQ(middle.send(
                  {.remote = inbox, .remote_type = kCopySend, .id = 1, .items = {rights(kCopySend, {held})}}),
              MACH_MSG_SUCCESS);
  }
  // The right that c's program has got; 0: none.
  Name got() {
    const Received first = client.receive(inbox_port);
    return first.code == MACH_MSG_SUCCESS ? first.values.at(0) : 0;
  }
  void expect_works(Name name) {
    EXPECT_EQ(client.send({.remote = name, .remote_type = kCopySend, .id = 7}), MACH_MSG_SUCCESS);
    run();
    EXPECT_EQ(server.receive(port).header.msgh_id, 7);
  }
  // Heartbeats of the peer go on.
  void wait(milliseconds time) {
    for (milliseconds gone(0); gone < time; gone += milliseconds(500)) {
      peer.say(v1::Batch());
      pass(milliseconds(500));
    }
  }
  void expect_open() { EXPECT_TRUE(c.open("evil")) << c.row("evil").last_error; }

  // b's port, as whoever has a right to it calls it.
  v1::Uid theirs() const {
    v1::Uid made;
    const auto known = a.link->uid_of(*middle.space().find(held)->port());
    made.set_serial(known->serial);
    *made.mutable_origin() = origin(2);
    return made;
  }

  Host& a = host(0);
  Host& b = host(1);
  Host& c = host(2);
  RawPeer peer{network, "evil"};
  Task& middle = a.task("middle");
  Task& server = b.task("server");
  Task& client = c.task("client");
  const Name port = server.port_with_sends(1);
  const Name held = give_across(b, server, port, kCopySend, a, middle);
  const Name inbox_port = client.port_with_sends(1);
  const Name inbox = give_across(c, client, inbox_port, kCopySend, a, middle);
};

TEST_F(HostileIntroductions, GrantsOfSomethingElseBeforehandAreForNothing) {
  for (std::uint64_t nonce = 1; nonce <= 10; ++nonce) peer.say(granted(own_port(5), nonce));
  introduce();
  run();
  expect_works(got());
  wait(2 * timing.lease + milliseconds(500));
  EXPECT_EQ(c.row("evil").proxies, 1U) << "given back";
  expect_open();
}

TEST_F(HostileIntroductions, GrantsOfSomethingElseForAParkedRightAreForNothing) {
  network.refuse_dials("b", "c", true);
  network.cut("b", "c", false);
  introduce();
  run();
  EXPECT_EQ(got(), 0U) << "parked";
  for (std::uint64_t nonce = 1; nonce <= 10; ++nonce) peer.say(granted(own_port(5), nonce));
  network.refuse_dials("b", "c", false);
  reconnect();
  run();
  expect_works(got());
  expect_open();
}

// It says that the port is its own, which c knows at home at b: contested, and nobody waits for that.
TEST_F(HostileIntroductions, GrantsOfTheSamePortAreContestedAndTakeNothing) {
  introduce();
  run();
  const Name first = got();
  network.refuse_dials("a", "b", true);
  network.cut("a", "b", false);
  introduce();  // its Grant waits for the next stream
  run();
  EXPECT_EQ(got(), 0U) << "parked";
  for (std::uint64_t nonce = 1; nonce <= 10; ++nonce) peer.say(granted(theirs(), nonce));
  network.refuse_dials("a", "b", false);
  reconnect();
  run();
  EXPECT_EQ(got(), first);
  EXPECT_EQ(client.state(first), "S2");
  expect_works(first);
  for (std::uint64_t nonce = 1; nonce <= 10; ++nonce) peer.say(granted(theirs(), nonce));
  introduce();  // and beforehand
  run();
  EXPECT_EQ(got(), first);
  wait(12 * timing.lease + milliseconds(1000));
  EXPECT_EQ(client.state(first), "S3");
  EXPECT_EQ(c.row("evil").proxies, 1U);
  expect_open();
}

// Units that wait for their message count for whoever has asked that home for them.
class FewUnmatched : public HostileIntroductions {
 protected:
  static proxy::PeerLimits few() {
    proxy::PeerLimits limits;
    limits.unmatched_units = 4;
    return limits;
  }
  FewUnmatched() : HostileIntroductions(few()) {}
  void expect_that_a_unit_may_come_first() {
    network.refuse_dials("a", "c", true);
    network.cut("a", "c", false);
    introduce();
    run();
    EXPECT_EQ(c.row("b").proxies, 2U) << "unmatched";
    network.refuse_dials("a", "c", false);
    reconnect();
    run();
    expect_works(got());
  }
};

TEST_F(FewUnmatched, ThatOthersInventAreNotTheIntroducers) {
  for (std::uint64_t nonce = 100; nonce < 120; ++nonce) {
    peer.say(granted(own_port(nonce), nonce));
    v1::Frame by_another = granted(own_port(nonce + 100), nonce + 100);
    *by_another.mutable_granted()->mutable_asker() = origin(2);
    peer.say(by_another);
  }
  EXPECT_EQ(c.row("evil").proxies, 9U) << "as many as one may ask for, in its own name and in another's";
  expect_that_a_unit_may_come_first();
  expect_open();
}

TEST_F(FewUnmatched, OfIntroducersThatCannotComeAreGivenUpAtOnce) {
  for (unsigned char node = 20; node < 40; ++node) peer.say(granted(own_port(5), 1, node));
  EXPECT_EQ(c.row("evil").proxies, 1U);
  expect_that_a_unit_may_come_first();
}

}  // namespace
}  // namespace netmsg::test
