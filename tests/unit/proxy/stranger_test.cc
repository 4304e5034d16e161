// SPDX-License-Identifier: Apache-2.0
// A daemon written from peer.proto alone, as the third one of an introduction (exchange 10): no code of ours but the messages'.
// Hosts a and b are ours; a introduces a port of b's to it.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <map>
#include <stdexcept>

#include "netmsg/v1/peer.pb.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {
namespace {

constexpr std::uint32_t kSendType = 17;

// One session for each daemon that it has dialed.
class Stranger final : public proxy::TransportEvents {
 public:
  struct Session {
    proxy::StreamId stream = 0;
    std::uint64_t nonce = 0;
    std::uint64_t sent = 0;     // the number of our last frame
    std::uint64_t applied = 0;  // of theirs
    v1::Hello hello;            // theirs
    std::vector<v1::Frame> frames;
    v1::Fence fence;
  };

  Stranger(MemoryNetwork& network, const std::string& name)
      : network_(network), transport_(network.host(name)), name_(name) {
    transport_.start(*this);
  }
  ~Stranger() override { transport_.stop(); }

  // Exchange 1.
  void open(const std::string& to) {
    Session& session = sessions_[to];
    session.nonce = 0x1234567890ULL + to[0];
    session.stream = transport_.dial(to, to);
    network_.run();
    v1::Batch batch;
    v1::Hello& hello = *batch.mutable_hello();
    hello.set_version_min(1);
    hello.set_version_max(1);
    hello.set_node(std::string(16, '\x77'));
    hello.set_incarnation(1000);
    hello.set_name(name_);
    hello.set_generation(1);
    hello.set_nonce(session.nonce);
    hello.set_message_bytes_max(1U << 20);
    hello.set_rights_max(100);
    hello.set_name_service_room(5);
    hello.set_bulk_window(1U << 20);
    write(session, batch);
  }
  Session& with(const std::string& name) { return sessions_.at(name); }

  // With the next number, and what we have applied.
  void say(const std::string& to, v1::Frame frame) {
    Session& session = with(to);
    frame.set_number(++session.sent);
    v1::Batch batch;
    *batch.add_frames() = std::move(frame);
    batch.set_applied(session.applied);
    write(session, batch);
  }
  // The first frame of that daemon of this kind; an empty one if there is none.
  v1::Frame heard(const std::string& from, v1::Frame::BodyCase kind) {
    for (const v1::Frame& frame : with(from).frames) {
      if (frame.body_case() == kind) return frame;
    }
    return {};
  }

 private:
  void write(Session& session, const v1::Batch& batch) {
    transport_.send(session.stream, batch.SerializeAsString());
    network_.run();
  }
  void connected(proxy::StreamId, const proxy::PeerIdentity&) override {}
  void accepted(proxy::StreamId, const proxy::PeerIdentity&) override {}
  void closed(proxy::StreamId, const std::string&) override {}
  // What comes at once may be several Batches joined, which are one.
  void received(proxy::StreamId stream, const proxy::Rope& bytes) override {
    std::string room;
    for (auto& [name, session] : sessions_) {
      if (session.stream != stream) continue;
      v1::Batch batch;
      if (!batch.ParseFromString(std::string(bytes.flat(room)))) throw std::runtime_error("not a Batch");
      if (batch.has_hello()) session.hello = batch.hello();
      for (const v1::Frame& frame : batch.frames()) {
        EXPECT_EQ(frame.number(), session.applied + 1) << "numbered without a gap";
        session.applied = frame.number();
        session.frames.push_back(frame);
      }
      if (batch.has_fence()) session.fence = batch.fence();
    }
  }

  MemoryNetwork& network_;
  proxy::Transport& transport_;
  const std::string name_;
  std::map<std::string, Session> sessions_;
};

class StrangerAsThird : public ManyHosts {
 protected:
  StrangerAsThird() : ManyHosts(2, {}, {}, "stranger") {
    for (const char* each : {"a", "b"}) {
      third.open(each);
      EXPECT_TRUE(host(each[0] - 'a').open("stranger"));
      EXPECT_EQ(third.with(each).hello.nonce(), third.with(each).nonce) << "repeated";
    }
  }
  // a's program sends it the right; the message.
  v1::Message introduce(unsigned disposition = kCopySend, Name name = 0) {
    EXPECT_EQ(middle.send({.remote = reach(host(0), middle, "stranger"),
                           .remote_type = kCopySend,
                           .id = 4,
                           .items = {rights(disposition, {name == 0 ? held : name})}}),
              MACH_MSG_SUCCESS);
    network.run("stranger");
    return third.heard("a", v1::Frame::kMessage).message();
  }
  static Name reach(Host& at, Task& task, const std::string& peer) {
    const auto right =
        ipc::mach_port::extract_right(task.space(), at.names.space(), at.all_peer_names.at(peer), kCopySend);
    return right.value().first;
  }
  v1::Granted granted() { return third.heard("b", v1::Frame::kGranted).granted(); }
  // Exchange 10, step 6.
  v1::ClaimAnswer claim(const v1::Right& right) {
    v1::Frame frame;
    v1::Claim& claim = *frame.mutable_claim();
    claim.mutable_introducer()->set_node(third.with("a").hello.node());
    claim.mutable_introducer()->set_incarnation(third.with("a").hello.incarnation());
    claim.set_nonce(right.introduced().nonce());
    claim.set_session(right.introduced().session());
    third.say("b", frame);
    return third.heard("b", v1::Frame::kClaimAnswer).claim_answer();
  }
  // Its origin is the receiver of the frame.
  static v1::Uid port_of_receiver(std::uint64_t serial) {
    v1::Uid port;
    port.set_side(v1::Uid::RECEIVER);
    port.set_serial(serial);
    return port;
  }
  void send_to_b(std::uint32_t type) {
    v1::Frame frame;
    v1::Message& message = *frame.mutable_message();
    *message.mutable_destination() = port_of_receiver(granted().port().serial());
    message.set_destination_type(type);
    message.set_id(99);
    message.set_as_of(third.with("b").applied);
    third.say("b", frame);
  }

  Stranger third{network, "stranger"};
  Task& middle = host(0).task("middle");
  Task& server = host(1).task("server");
  const Name port = server.port_with_sends(1);
  const Name held = give_across(host(1), server, port, kCopySend, host(0), middle);
};

TEST_F(StrangerAsThird, PairsUsesAndReleases) {
  const v1::Message message = introduce();
  EXPECT_EQ(message.destination().serial(), 0U);
  EXPECT_EQ(message.id(), 4);
  ASSERT_EQ(message.rights_size(), 1);
  const v1::Right right = message.rights(0);
  EXPECT_EQ(right.value(), v1::Right::INTRODUCED);
  EXPECT_EQ(right.type(), kSendType);
  EXPECT_EQ(right.port().side(), v1::Uid::OTHER);
  EXPECT_EQ(right.introduced().hint().node(), third.with("b").hello.node());

  network.run();
  const v1::Granted unit = granted();
  EXPECT_EQ(unit.introducer().node(), third.with("a").hello.node());
  EXPECT_EQ(unit.introducer().incarnation(), third.with("a").hello.incarnation());
  EXPECT_EQ(unit.nonce(), right.introduced().nonce());
  EXPECT_EQ(unit.session(), third.with("a").nonce);
  EXPECT_EQ(unit.port().side(), v1::Uid::SENDER);
  EXPECT_EQ(unit.port().serial(), right.port().serial());
  EXPECT_EQ(right.port().origin().node(), third.with("b").hello.node());
  EXPECT_EQ(unit.type(), right.type());
  EXPECT_GT(unit.room(), 0U);

  send_to_b(kSendType);
  EXPECT_EQ(server.receive(port).header.msgh_id, 99);

  // Everybody else gives up his right: only the stranger keeps no-senders from coming.
  const Name heard = server.port();
  EXPECT_EQ(server.request(port, MACH_NOTIFY_NO_SENDERS, heard), KERN_SUCCESS);
  EXPECT_EQ(server.mod_refs(port, MACH_PORT_RIGHT_SEND, -1), KERN_SUCCESS);
  EXPECT_EQ(middle.deallocate(held), KERN_SUCCESS);
  network.run();
  EXPECT_EQ(server.receive(heard).code, MACH_RCV_TIMED_OUT);
  v1::Frame release;
  *release.mutable_release()->mutable_port() = port_of_receiver(unit.port().serial());
  release.mutable_release()->set_units(1);
  third.say("b", release);
  EXPECT_EQ(server.receive(heard).header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_TRUE(host(0).open("stranger") && host(1).open("stranger"));
}

TEST_F(StrangerAsThird, UsesASendOnceRight) {
  introduce(kMoveOnce, give_across(host(1), server, port, kMakeOnce, host(0), middle));
  network.run();
  EXPECT_EQ(granted().type(), 18U);
  send_to_b(18);
  EXPECT_EQ(server.receive(port).header.msgh_id, 99);
  EXPECT_EQ(host(1).row("stranger").send_once_units, 0U);
}

// The Grant is cut off on its way: the home says that it may come, and when that session is over that it does not.
TEST_F(StrangerAsThird, ClaimsAndIsToldToWaitThenDenied) {
  network.refuse_dials("a", "b", true);
  network.cut("a", "b", true);
  const v1::Message message = introduce();
  ASSERT_EQ(message.rights_size(), 1);
  EXPECT_EQ(claim(message.rights(0)).answer(), v1::ClaimAnswer::WAIT);
  EXPECT_EQ(granted().nonce(), 0U) << "nothing came";
  for (int half_seconds = 0; half_seconds < 12; ++half_seconds) {
    for (const char* each : {"a", "b"}) {
      v1::Frame nothing;  // a Credit of a port that they do not know keeps the session alive
      nothing.mutable_credit()->mutable_port()->set_side(v1::Uid::SENDER);
      nothing.mutable_credit()->mutable_port()->set_serial(77);
      third.say(each, nothing);
    }
    advance(std::chrono::milliseconds(500));
    network.run();
  }
  ASSERT_TRUE(host(1).open("stranger"));
  third.with("b").frames.clear();
  EXPECT_EQ(claim(message.rights(0)).answer(), v1::ClaimAnswer::DENIED);
}

TEST_F(StrangerAsThird, HearsThatThePortHasDied) {
  EXPECT_EQ(server.destroy(port), KERN_SUCCESS);
  const v1::Message message = introduce();  // Died is on its way to a
  network.run();
  const v1::GrantFailed failed = third.heard("a", v1::Frame::kGrantFailed).grant_failed();
  EXPECT_EQ(failed.nonce(), message.rights(0).introduced().nonce());
  EXPECT_EQ(failed.session(), third.with("a").nonce);
  EXPECT_EQ(failed.to().node(), std::string(16, '\x77'));
}

}  // namespace
}  // namespace netmsg::test
