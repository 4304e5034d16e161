// SPDX-License-Identifier: Apache-2.0
// A host in one process, and a peer of it that says what it likes.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "proxy/hello.h"
#include "proxy/wire.h"
#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {
inline namespace in_memory {

// A peer made of bare bytes.
class RawPeer final : public proxy::TransportEvents {
 public:
  RawPeer(MemoryNetwork& network, const std::string& name)
      : network_(network), transport_(network.host(name)) {
    transport_.start(*this);
    options_.node = node_of(9);
    options_.incarnation = 1;
    options_.name = name;
  }
  ~RawPeer() override { transport_.stop(); }

  void dial(const std::string& to) {
    number_ = 0;
    words.clear();
    stream_ = transport_.dial(to, to);
    network_.run();
  }
  void open(const std::string& to, std::uint64_t nonce = 0) {
    dial(to);
    v1::Batch batch;
    *batch.mutable_hello() = proxy::make_hello(options_, ++generation_, 5);
    batch.mutable_hello()->set_nonce(nonce);
    say(batch);
  }
  void restart() { ++options_.incarnation; }
  // On a new stream; `words` begins anew.
  void resume(const std::string& to, std::uint64_t nonce, proxy::FrameNumber applied) {
    dial(to);
    v1::Batch batch;
    *batch.mutable_hello() = proxy::make_hello(options_, ++generation_, 5);
    batch.mutable_hello()->set_nonce(nonce);
    batch.mutable_hello()->set_resume(true);
    batch.mutable_hello()->set_resume_applied(applied);
    say(batch);
  }
  void say(const v1::Batch& batch) { say(batch.SerializeAsString()); }
  void say(const std::string& bytes) {
    transport_.send(stream_, bytes);
    network_.run();
  }
  // With the next number.
  void say(v1::Frame frame) {
    frame.set_number(++number_);
    v1::Batch batch;
    *batch.add_frames() = std::move(frame);
    say(batch);
  }
  v1::Batch heard() const {
    v1::Batch batch;
    EXPECT_TRUE(batch.ParseFromString(words));
    return batch;
  }
  bool fenced_for(v1::Fence::Code code) const { return heard().fence().code() == code; }

  std::string words;

 private:
  void connected(proxy::StreamId, const proxy::PeerIdentity&) override {}
  void accepted(proxy::StreamId, const proxy::PeerIdentity&) override {}
  void received(proxy::StreamId, const proxy::Rope& bytes) override {
    std::string room;
    words += bytes.flat(room);
  }
  void closed(proxy::StreamId, const std::string&) override {}

  MemoryNetwork& network_;
  proxy::Transport& transport_;
  proxy::Options options_;
  proxy::StreamId stream_ = 0;
  proxy::FrameNumber number_ = 0;
  std::uint64_t generation_ = 0;
};

class Hostile : public testing::Test {
 protected:
  explicit Hostile(const proxy::PeerLimits& limits = {})
      : host(network, {.name = "a", .node = 1, .dials = {}, .expects = {"evil"}, .limits = limits}) {
    peer.open("a");
    EXPECT_TRUE(host.open());
  }

  static v1::Frame message(proxy::Serial to = 0, unsigned type = MACH_MSG_TYPE_PORT_SEND) {
    v1::Frame frame;
    frame.mutable_message()->mutable_destination()->set_side(v1::Uid::RECEIVER);
    frame.mutable_message()->mutable_destination()->set_serial(to);
    frame.mutable_message()->set_destination_type(type);
    return frame;
  }
  static void reply(v1::Frame& frame, v1::Uid::Side side, proxy::Serial serial, unsigned type) {
    v1::Right& right = *frame.mutable_message()->mutable_reply();
    right.set_value(side == v1::Uid::SENDER ? v1::Right::GRANTED : v1::Right::HOME);
    right.set_type(type);
    right.mutable_port()->set_side(side);
    right.mutable_port()->set_serial(serial);
    right.set_room(5);
  }
  void expect_unharmed() {
    host.check();
    const Name port = bystander.port_with_sends(1);
    EXPECT_EQ(bystander.send({.remote = port, .remote_type = MACH_MSG_TYPE_MOVE_SEND, .id = 1}),
              MACH_MSG_SUCCESS);
    EXPECT_EQ(bystander.receive(port).header.msgh_id, 1);
    EXPECT_EQ(bystander.destroy(port), KERN_SUCCESS);
  }

  MemoryNetwork network;
  Host host;
  RawPeer peer{network, "evil"};
  Task& bystander = host.task("bystander");
};

}  // namespace in_memory
}  // namespace netmsg::test
