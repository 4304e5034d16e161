// SPDX-License-Identifier: Apache-2.0
// A peer that lies, against a real daemon that works for others meanwhile. Host a is lied to; host b is honest; a thread of
// this process, a client of a, calls a server on b without pause.
#pragma once

#include <gtest/gtest.h>
#include <mach/message.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "tests/support/control_json.h"
#include "tests/support/raw_peer.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
inline namespace hostile_scene {

using std::chrono::seconds;

struct Hosts {
  std::uint16_t port_a = free_port();
  std::uint16_t port_b = free_port();
  Host a{"a", port_a, {{"b", port_b}}, {"--peer=evil"}};
  Host b{"b", port_b, {{"a", port_a}}};
  Hosts() {
    if (!a.connected_to("b") || !b.connected_to("a"))
      throw std::runtime_error("no session between the hosts");
  }
};

inline Hosts& hosts() {
  static Hosts two;
  return two;
}

// Calls across both hosts, each of which brings and gives up a right, until it is destroyed.
class Work {
 public:
  explicit Work(PortServerClient& server)
      : thread_([this, &server] {
          while (!over_) do_one(server);
        }) {}
  ~Work() {
    over_ = true;
    thread_.join();
    EXPECT_EQ(failed_, "");
  }
  // Waits until some more was done.
  bool goes_on() {
    const unsigned before = done_;
    return eventually([&] { return done_ >= before + 3 || !well_; }, seconds(30)) && well_;
  }

 private:
  void do_one(PortServerClient& server) {
    const mach_port_t port = server.new_port();
    const std::string state = state_of(port);
    if (state != "S1") {
      failed_ = "a new port of host b is " + state;
      well_ = false;
    }
    mach_port_deallocate(mach_task_self(), port);
    ++done_;
  }

  std::atomic<bool> over_{false};
  std::atomic<bool> well_{true};
  std::atomic<unsigned> done_{0};
  std::string failed_;
  std::thread thread_;
};

inline std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// --- what it says ---

inline v1::Uid uid(v1::Uid::Side side, std::uint64_t serial) {
  v1::Uid made;
  made.set_side(side);
  made.set_serial(serial);
  return made;
}

inline v1::Uid uid_of(const std::string& node, std::uint64_t incarnation, std::uint64_t serial) {
  v1::Uid made = uid(v1::Uid::OTHER, serial);
  made.mutable_origin()->set_node(node);
  made.mutable_origin()->set_incarnation(incarnation);
  return made;
}

// The name-service port of host a is the one that everybody has a unit of.
inline v1::Frame message(const v1::Uid& to = uid(v1::Uid::RECEIVER, 0),
                         unsigned type = MACH_MSG_TYPE_PORT_SEND) {
  v1::Frame frame;
  *frame.mutable_message()->mutable_destination() = to;
  frame.mutable_message()->set_destination_type(type);
  return frame;
}

inline v1::Right right(v1::Right::Value value, const v1::Uid& port, unsigned type = MACH_MSG_TYPE_PORT_SEND) {
  v1::Right made;
  made.set_value(value);
  made.set_type(type);
  *made.mutable_port() = port;
  return made;
}

inline v1::Frame with_reply(const v1::Right& reply) {
  v1::Frame frame = message();
  *frame.mutable_message()->mutable_reply() = reply;
  return frame;
}

// A complex body of one item of `rights` send rights.
inline v1::Frame with_rights(const std::vector<v1::Right>& rights) {
  v1::Frame frame = message();
  mach_msg_type_t item{};
  item.msgt_name = MACH_MSG_TYPE_PORT_SEND;
  item.msgt_size = 64;
  item.msgt_inline = 1;
  item.msgt_number = static_cast<unsigned>(rights.size()) & 0xFFFFFFFU;
  std::string body(reinterpret_cast<const char*>(&item), sizeof item);
  body.resize(sizeof item + 8 * rights.size());
  frame.mutable_message()->set_other_bits(0x80000000U);
  frame.mutable_message()->set_body(body);
  for (const v1::Right& each : rights) *frame.mutable_message()->add_rights() = each;
  return frame;
}

inline v1::Frame release(const v1::Uid& port, std::uint64_t units) {
  v1::Frame frame;
  *frame.mutable_release()->mutable_port() = port;
  frame.mutable_release()->set_units(units);
  return frame;
}

inline v1::Frame died(const v1::Uid& port) {
  v1::Frame frame;
  *frame.mutable_died()->mutable_port() = port;
  return frame;
}

inline v1::Frame credit(const v1::Uid& port, std::uint32_t room, std::uint64_t as_of) {
  v1::Frame frame;
  *frame.mutable_credit()->mutable_port() = port;
  frame.mutable_credit()->set_room(room);
  frame.mutable_credit()->set_as_of(as_of);
  return frame;
}

inline v1::Frame accepted(const v1::Uid& port, std::uint64_t number) {
  v1::Frame frame;
  *frame.mutable_accepted()->mutable_port() = port;
  frame.mutable_accepted()->set_message(number);
  return frame;
}

// `length`: of the part that it begins; 0: it goes on with one.
inline v1::Frame chunk(std::uint64_t transfer, std::uint64_t length, const std::string& data) {
  v1::Frame frame;
  frame.mutable_chunk()->set_transfer(transfer);
  v1::Piece& piece = *frame.mutable_chunk()->add_pieces();
  if (length > 0) piece.mutable_part()->set_length(length);
  piece.set_data(data);
  return frame;
}

inline v1::Origin origin(const std::string& node, std::uint64_t incarnation) {
  v1::Origin made;
  made.set_node(node);
  made.set_incarnation(incarnation);
  return made;
}

inline v1::Origin origin_of(const Host& host) {
  const auto status = told<v1::StatusReply>(host.control({"--json", "status"}));
  return origin(bytes_of_hex(status.node_id()), status.incarnation());
}

inline const v1::Origin& nobody() {
  static const v1::Origin invented = origin(std::string(16, '\x77'), 5);
  return invented;
}

inline v1::Frame grant(const v1::Uid& port, const v1::Origin& to, std::uint64_t nonce) {
  v1::Frame frame;
  *frame.mutable_grant()->mutable_port() = port;
  frame.mutable_grant()->set_type(MACH_MSG_TYPE_PORT_SEND);
  *frame.mutable_grant()->mutable_to() = to;
  frame.mutable_grant()->set_session(1);
  frame.mutable_grant()->set_nonce(nonce);
  return frame;
}

inline v1::Frame granted(const v1::Uid& port, const v1::Origin& introducer, std::uint64_t nonce) {
  v1::Frame frame;
  *frame.mutable_granted()->mutable_port() = port;
  frame.mutable_granted()->set_type(MACH_MSG_TYPE_PORT_SEND);
  *frame.mutable_granted()->mutable_introducer() = introducer;
  frame.mutable_granted()->set_session(1);
  frame.mutable_granted()->set_nonce(nonce);
  frame.mutable_granted()->set_room(5);
  return frame;
}

inline v1::Frame grant_failed(const v1::Origin& to, std::uint64_t nonce) {
  v1::Frame frame;
  *frame.mutable_grant_failed()->mutable_to() = to;
  frame.mutable_grant_failed()->set_session(1);
  frame.mutable_grant_failed()->set_nonce(nonce);
  return frame;
}

inline v1::Frame claim(const v1::Origin& introducer, std::uint64_t nonce) {
  v1::Frame frame;
  *frame.mutable_claim()->mutable_introducer() = introducer;
  frame.mutable_claim()->set_session(1);
  frame.mutable_claim()->set_nonce(nonce);
  return frame;
}

inline v1::Frame claim_answer(const v1::Origin& introducer, std::uint64_t nonce) {
  v1::Frame frame;
  *frame.mutable_claim_answer()->mutable_introducer() = introducer;
  frame.mutable_claim_answer()->set_nonce(nonce);
  frame.mutable_claim_answer()->set_answer(v1::ClaimAnswer::DENIED);
  return frame;
}

inline v1::Right introduced(const v1::Uid& port, const v1::Origin& hint, std::uint64_t nonce) {
  v1::Right made = right(v1::Right::INTRODUCED, port);
  made.mutable_introduced()->set_nonce(nonce);
  *made.mutable_introduced()->mutable_hint() = hint;
  made.mutable_introduced()->set_session(1);
  return made;
}

// --- ports that move ---

inline v1::Frame move_of(const v1::Uid& port, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_move()->mutable_port() = port;
  frame.mutable_move()->set_epoch(epoch);
  frame.mutable_move()->set_kept(true);
  return frame;
}

inline void add_holder(v1::Frame& move, const v1::Origin& daemon, std::uint64_t send, std::uint64_t once) {
  v1::Move::Holder& holder = *move.mutable_move()->add_holders();
  *holder.mutable_daemon() = daemon;
  holder.set_send(send);
  holder.set_once(once);
}

// The end of a group.
inline v1::Frame moved_in(const v1::Uid& port) {
  v1::Frame frame = with_rights({right(v1::Right::MOVED, port, MACH_MSG_TYPE_PORT_RECEIVE)});
  std::string& body = *frame.mutable_message()->mutable_body();
  body[0] = static_cast<char>(MACH_MSG_TYPE_PORT_RECEIVE);
  return frame;
}

inline v1::Frame moved(const v1::Uid& port, const v1::Origin& home, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_moved()->mutable_port() = port;
  frame.mutable_moved()->set_epoch(epoch);
  *frame.mutable_moved()->mutable_home() = home;
  return frame;
}

inline v1::Frame path_close(const v1::Uid& port, const v1::Origin& from, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_path_close()->mutable_port() = port;
  frame.mutable_path_close()->set_epoch(epoch);
  *frame.mutable_path_close()->mutable_from() = from;
  return frame;
}

inline v1::Frame path_lost(const v1::Uid& port, const v1::Origin& from, std::uint32_t epoch = 1) {
  v1::Frame frame;
  *frame.mutable_path_lost()->mutable_port() = port;
  frame.mutable_path_lost()->set_epoch(epoch);
  *frame.mutable_path_lost()->mutable_from() = from;
  return frame;
}

inline v1::Frame handed(const v1::Uid& port, const v1::Origin& from) {
  v1::Frame frame;
  *frame.mutable_handed()->mutable_port() = port;
  *frame.mutable_handed()->mutable_from() = from;
  return frame;
}

inline v1::Batch numbered(v1::Frame frame, std::uint64_t number) {
  frame.set_number(number);
  v1::Batch batch;
  *batch.add_frames() = std::move(frame);
  return batch;
}

// --- the scene ---

class HostilePeer : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(hosts().a, hosts().b);
    return only;
  }
  HostilePeer() : work(std::make_unique<Work>(server())), before_(memory()) {}

  void TearDown() override {
    EXPECT_TRUE(work->goes_on());
    work.reset();
    peer.leave();
    EXPECT_TRUE(hosts().a.daemon().running() && hosts().b.daemon().running());
    EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
    EXPECT_LT(memory(), before_ + kMemoryMax);
  }

  static std::uint64_t memory() { return resident_bytes(hosts().a.daemon().pid()); }
  static v1::Peer row() { return peer_row(hosts().a, "evil"); }

  // Something harmless that is answered: has all that came before been applied, and the session survived it?
  bool is_heard() {
    const std::uint64_t number = peer.next_number();
    peer.say(accepted(uid(v1::Uid::SENDER, 77), 1));
    return peer.hears([&](const v1::Batch& heard) { return heard.applied() >= number; });
  }
  void expect_fence(v1::Fence::Code code) {
    const std::optional<v1::Fence> fence = peer.fenced();
    ASSERT_TRUE(fence) << "no fence";
    EXPECT_EQ(fence->code(), code) << fence->text();
  }
  // A lie that a session ends by.
  void expect_fatal(const v1::Frame& lie) {
    ASSERT_TRUE(peer.open());
    peer.say(lie);
    expect_fence(v1::Fence::PROTOCOL);
  }
  // One that is what an honest peer could say in a race.
  void expect_ignored(const v1::Frame& lie) {
    ASSERT_TRUE(peer.open());
    peer.say(lie);
    EXPECT_TRUE(is_heard());
  }

  // Beyond what the daemon has before: its ceilings for one peer, and what an allocator keeps.
  static constexpr std::uint64_t kMemoryMax = 512ULL << 20;
  RawPeer peer{hosts().port_a};
  std::unique_ptr<Work> work;

 private:
  const std::uint64_t before_;
};

}  // namespace hostile_scene
}  // namespace netmsg::test
