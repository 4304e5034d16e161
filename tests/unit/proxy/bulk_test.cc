// SPDX-License-Identifier: Apache-2.0
// Data of any size between two hosts (S5; peer.proto, exchange 9): it goes ahead in chunks, keeps nobody waiting but later
// messages to the same port, and its message comes whole, once, or not at all with its rights settled.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <algorithm>
#include <span>

#include "proxy/pace.h"
#include "proxy/storage.h"
#include "proxy/wire.h"
#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kChunk = proxy::Pace::kAlone.chunk;

// Bytes that differ from place to place.
Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::byte>(at * 31 + (at >> 8));
  return bytes;
}

Bytes bytes_of(const ipc::MemoryRef& memory) {
  Bytes bytes(memory.length());
  EXPECT_TRUE(memory.read(0, bytes));
  return bytes;
}

// Every frame that a host has sent.
std::vector<v1::Frame> frames_in(const std::string& bytes) {
  std::vector<v1::Frame> frames;
  proxy::BatchReader reader(bytes);
  using Item = proxy::BatchReader::Item;
  for (Item item = reader.next(); item != Item::kEnd && item != Item::kMalformed; item = reader.next()) {
    if (item != Item::kFrame) continue;
    EXPECT_TRUE(proxy::read_frame(reader.bytes(), frames.emplace_back()));
  }
  return frames;
}

// Memory that can be read so many times.
class Fading final : public ipc::MemoryObject {
 public:
  Fading(std::size_t size, int reads) : bytes_(pattern(size)), reads_(reads) {}
  std::uint64_t length() const override { return bytes_.size(); }
  bool is_here() const override { return false; }
  bool read(std::uint64_t offset, std::span<std::byte> into) const override {
    if (reads_-- <= 0) return false;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return true;
  }

 private:
  const Bytes bytes_;
  mutable int reads_;
};

class Bulk : public TwoHosts {
 protected:
  mach_msg_return_t send(Name to, int id, std::vector<Item> items) {
    return client.send({.remote = to,
                        .remote_type = kCopySend,
                        .local = reply,
                        .local_type = kMakeOnce,
                        .id = id,
                        .bits = MACH_MSGH_BITS_COMPLEX,
                        .items = std::move(items)});
  }
  mach_msg_return_t send_bytes(Name to, int id, std::size_t size) {
    return send(to, id, {memory(pattern(size))});
  }
  mach_msg_return_t send_small(Name to, int id) {
    return client.send({.remote = to, .remote_type = kCopySend, .id = id});
  }
  mach_msg_return_t send_memory(Name to, int id, ipc::MemoryRef memory_ref,
                                mach_msg_type_name_t disposition = kCopySend) {
    const Outgoing message{.remote = to,
                           .remote_type = disposition,
                           .local = reply,
                           .local_type = kMakeOnce,
                           .id = id,
                           .bits = MACH_MSGH_BITS_COMPLEX,
                           .items = {memory(Bytes(memory_ref.length()))}};
    ipc::MsgArgs args;
    args.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
    args.message = message.encode();
    args.memory.push_back(std::move(memory_ref));
    return client.call(std::move(args)).code;
  }
  // Runs until b has taken so many chunks of what a sends.
  void take_chunks(std::size_t count) {
    const auto taken = [&] {
      const std::vector<v1::Frame> frames = frames_in(network.sent_by("a"));
      return std::count_if(frames.begin(), frames.end(), [&](const v1::Frame& frame) {
        return frame.has_chunk() && frame.number() <= b.row().frames_applied;
      });
    };
    while (static_cast<std::size_t>(taken()) < count) ASSERT_TRUE(network.step());
  }
  void settle() {
    run();
    for (int round = 0; round < 100 && !(a.open() && b.open()); ++round) {
      advance(milliseconds(50));
      run();
    }
  }
  void expect_arrives(Name port, int id, std::size_t size) {
    const Received got = server.receive(port);
    ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_id, id);
    ASSERT_EQ(got.regions.size(), 1U);
    EXPECT_TRUE(bytes_of(got.regions[0].memory) == pattern(size));
  }
  void expect_same_session() {
    EXPECT_TRUE(a.open());
    EXPECT_TRUE(b.open());
    EXPECT_EQ(a.downs.size() + b.downs.size(), 0U);
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
  const Name s = server.port();
  const Name y = give_across(b, server, s, kMakeSend, a, client);
  const Name reply = client.port();
};

TEST_F(Bulk, MemoryArrivesAsItWasWithTheRightsBesideIt) {
  const Name q = client.port();
  const Bytes large = pattern(3'000'001);
  ASSERT_EQ(send(x, 7,
                 {memory(large, 0x1234), array(kMakeSend, {q}), memory(pattern(5), 9), numbers({3}),
                  memory({}, 4)}),
            MACH_MSG_SUCCESS);
  run();
  const Received got = server.receive(r);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  ASSERT_EQ(got.regions.size(), 3U);
  EXPECT_TRUE(bytes_of(got.regions[0].memory) == large);
  EXPECT_TRUE(bytes_of(got.regions[2].memory) == pattern(5));
  EXPECT_EQ(got.values, (std::vector<std::uint32_t>{0x234, 0, 9, 3, 0})) << "offsets within the page";
  EXPECT_EQ(server.send({.remote = got.header.msgh_remote_port, .remote_type = kMoveOnce, .id = 8}),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.receive(reply).header.msgh_id, 8);
}

TEST_F(Bulk, ALargeBodyTravelsToo) {
  Item item = numbers({1});
  item.values.resize(100'000);
  for (std::uint32_t at = 0; at < item.values.size(); ++at) item.values[at] = at;
  item.descriptor.msgt_number = static_cast<unsigned>(item.values.size() & 0xFFF);
  const Outgoing message{.remote = x, .remote_type = kCopySend, .id = 7, .items = {item}};
  ASSERT_EQ(client.send(message), MACH_MSG_SUCCESS);
  run();
  const Received got = server.receive(r);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  const Bytes sent = message.encode();
  ASSERT_EQ(got.bytes.size(), sent.size());
  EXPECT_TRUE(std::equal(got.bytes.begin() + 32, got.bytes.end(), sent.begin() + 32));
}

TEST_F(Bulk, ManySmallRegionsShareChunks) {
  std::vector<Item> items;
  for (std::size_t at = 0; at < 3000; ++at) items.push_back(memory(pattern(1 + at % 200)));
  ASSERT_EQ(send(x, 7, items), MACH_MSG_SUCCESS);
  run();
  const Received got = server.receive(r);
  ASSERT_EQ(got.regions.size(), items.size());
  for (std::size_t at = 0; at < items.size(); ++at)
    EXPECT_EQ(bytes_of(got.regions[at].memory), items[at].memory);
}

TEST_F(Bulk, OnlyTheSamePortWaits) {
  ASSERT_EQ(send_bytes(x, 1, 8 * kChunk), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_small(x, 2), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_small(y, 3), MACH_MSG_SUCCESS);
  take_chunks(2);
  EXPECT_EQ(server.receive(s).header.msgh_id, 3);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
  run();
  expect_arrives(r, 1, 8 * kChunk);
  EXPECT_EQ(server.receive(r).header.msgh_id, 2);
}

// S5: a frame waits for the chunk that is being written and for none besides.
TEST_F(Bulk, AFrameFindsOneChunkInFrontOfItAtMost) {
  ASSERT_EQ(send_bytes(x, 1, 32 * kChunk), MACH_MSG_SUCCESS);
  take_chunks(3);
  const std::size_t before = frames_in(network.sent_by("a")).size();
  ASSERT_EQ(send_small(y, 2), MACH_MSG_SUCCESS);
  const std::vector<v1::Frame> frames = frames_in(network.sent_by("a"));
  EXPECT_EQ(frames.size(), before + 1) << "it is written at once";
  EXPECT_TRUE(frames.back().has_message());
}

TEST_F(Bulk, TransfersTakeTurns) {
  ASSERT_EQ(send_bytes(x, 1, 5 * kChunk), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_bytes(y, 2, 3 * kChunk), MACH_MSG_SUCCESS);
  run();
  std::vector<std::uint64_t> order;
  for (const v1::Frame& frame : frames_in(network.sent_by("a"))) {
    if (frame.has_chunk()) order.push_back(frame.chunk().transfer());
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 2, 1, 2, 1, 2, 1, 1}));
  expect_arrives(r, 1, 5 * kChunk);
  expect_arrives(s, 2, 3 * kChunk);
}

TEST_F(Bulk, NoMoreIsUnderWayThanTheWindow) {
  const std::size_t window = proxy::PeerLimits().bulk_window;
  ASSERT_EQ(send_bytes(x, 1, 3 * window), MACH_MSG_SUCCESS);
  network.run("a");  // b does not read
  EXPECT_GT(network.under_way("b"), window / 2);
  EXPECT_LT(network.under_way("b"), window + kChunk);
  run();
  expect_arrives(r, 1, 3 * window);
}

// As much as the pace allows; then its receiver acknowledges sooner, and all of it arrives without a pause.
TEST_F(Bulk, LessIsUnderWayBesideSmallMessages) {
  constexpr proxy::Pace::Limits kLess = proxy::Pace::kInCompany;
  ASSERT_EQ(send_small(y, 2), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_bytes(x, 1, 16 * kLess.under_way), MACH_MSG_SUCCESS);
  network.run("a");
  EXPECT_GT(network.under_way("b"), kLess.under_way / 2);
  EXPECT_LT(network.under_way("b"), kLess.under_way + kLess.chunk);
  for (const v1::Frame& frame : frames_in(network.sent_by("a"))) {
    if (!frame.has_chunk()) continue;
    EXPECT_LE(frame.chunk().pieces(0).data().size(), kLess.chunk);
  }
  run();
  expect_arrives(r, 1, 16 * kLess.under_way);
}

TEST_F(Bulk, MoreIsUnderWayAgainWhenItHasBeenAloneForSomeTime) {
  ASSERT_EQ(send_small(y, 2), MACH_MSG_SUCCESS);
  ASSERT_EQ(send_bytes(x, 1, 4 * proxy::Pace::kInCompany.under_way), MACH_MSG_SUCCESS);
  network.run("a");
  advance(proxy::Pace::kCompany);
  network.run("a");
  EXPECT_GT(network.under_way("b"), 2 * proxy::Pace::kInCompany.under_way);
  run();
  expect_arrives(r, 1, 4 * proxy::Pace::kInCompany.under_way);
}

TEST_F(Bulk, MoreThanThePeerTakesAtATimeWaits) {
  const Name many = server.port();
  EXPECT_EQ(server.set_qlimit(many, 16), KERN_SUCCESS);
  const Name to_many = give_across(b, server, many, kMakeSend, a, client);
  for (int id = 0; id < 5; ++id) {
    ASSERT_EQ(send_bytes(x, id, 2 * kChunk), MACH_MSG_SUCCESS);
    ASSERT_EQ(send_bytes(y, id, 2 * kChunk), MACH_MSG_SUCCESS);
  }
  for (int id = 0; id < 16; ++id) ASSERT_EQ(send_bytes(to_many, id, 2 * kChunk), MACH_MSG_SUCCESS);
  run();
  for (int id = 0; id < 5; ++id) expect_arrives(r, id, 2 * kChunk);
  for (int id = 0; id < 5; ++id) expect_arrives(s, id, 2 * kChunk);
  for (int id = 0; id < 16; ++id) expect_arrives(many, id, 2 * kChunk);
  expect_same_session();
}

// What waits has a place in the window, whatever news of the room comes meanwhile.
TEST_F(Bulk, WhatWaitsTakesRoom) {
  for (int id = 0; id < 5; ++id) ASSERT_EQ(send_bytes(x, id, 4 * kChunk), MACH_MSG_SUCCESS);
  EXPECT_EQ(send_small(x, 9), MACH_SEND_TIMED_OUT);
  EXPECT_EQ(server.set_qlimit(r, 6), KERN_SUCCESS);
  take_chunks(1);
  EXPECT_EQ(send_small(x, 9), MACH_MSG_SUCCESS);
  EXPECT_EQ(send_small(x, 10), MACH_SEND_TIMED_OUT);
  run();
  EXPECT_EQ(server.status(r).mps_msgcount, 6U);
}

TEST_F(Bulk, AStreamThatBreaksAnywhereIsResumedAndNothingComesTwice) {
  for (int steps = 1; steps < 40; steps += 3) {
    ASSERT_EQ(send_bytes(x, steps, 9 * kChunk + 5), MACH_MSG_SUCCESS);
    ASSERT_EQ(send_small(y, steps), MACH_MSG_SUCCESS);
    for (int step = 0; step < steps; ++step) network.step();
    network.cut(steps % 2 == 0);
    settle();
    expect_arrives(r, steps, 9 * kChunk + 5);
    EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
    EXPECT_EQ(server.receive(s).header.msgh_id, steps);
    EXPECT_EQ(server.receive(s).code, MACH_RCV_TIMED_OUT);
  }
  expect_same_session();
}

// Until it is appended the message is the sender's: its rights are settled here, once.
TEST_F(Bulk, AFenceInTheMiddleSettlesItsRights) {
  const Name o = client.port();
  ASSERT_EQ(send(x, 1, {memory(pattern(8 * kChunk)), array(kMakeOnce, {o})}), MACH_MSG_SUCCESS);
  ASSERT_EQ(send(x, 2, {array(kMakeOnce, {o})}), MACH_MSG_SUCCESS) << "waits behind it";
  take_chunks(3);
  part(true);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 2U);
  EXPECT_EQ(client.drain(o, MACH_NOTIFY_SEND_ONCE), 2U);
  EXPECT_EQ(client.state(x), "DN1");
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
  EXPECT_LT(a.world.account.bytes_used(), kChunk);
  settle();
  EXPECT_TRUE(a.open());
}

TEST_F(Bulk, ADeathInTheMiddleIsADeathInTheQueue) {
  for (int round = 0; round < 20; ++round) {  // a transfer that were not forgotten would be one too many soon
    const Name port = server.port();
    const Name to = give_across(b, server, port, kMakeSend, a, client);
    ASSERT_EQ(send_bytes(to, 1, 8 * kChunk), MACH_MSG_SUCCESS);
    const std::size_t before = b.row().frames_applied;
    while (b.row().frames_applied < before + 2) ASSERT_TRUE(network.step());
    EXPECT_EQ(server.destroy(port), KERN_SUCCESS);
    run();
    EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
    EXPECT_EQ(client.deallocate(to), KERN_SUCCESS);
  }
  advance(milliseconds(50));
  run();
  EXPECT_LT(a.world.account.bytes_used(), kChunk);
  expect_same_session();
}

TEST_F(Bulk, MemoryThatCannotBeReadAnyMoreTakesItsMessageAlong) {
  for (const int reads : {0, 3}) {
    ASSERT_EQ(send_memory(x, 1, ipc::MemoryRef(std::make_shared<Fading>(8 * kChunk, reads))),
              MACH_MSG_SUCCESS);
    ASSERT_EQ(send_small(x, 2), MACH_MSG_SUCCESS);
    run();
    EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
    EXPECT_EQ(server.receive(r).header.msgh_id, 2) << "those behind it go on";
    EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
  }
  pass(milliseconds(50));  // the room is told
  for (int id = 0; id < 5; ++id)
    EXPECT_EQ(send_small(x, id), MACH_MSG_SUCCESS) << "it takes no room any more";
  expect_same_session();
}

// The port that the message was for lives, and hears of its right like that of any message that is destroyed.
TEST_F(Bulk, WhoWasToGetSuchAMessageByASendOnceRightHearsOfThat) {
  const Name once = give_across(b, server, r, kMakeOnce, a, client);
  ASSERT_EQ(send_memory(once, 1, ipc::MemoryRef(std::make_shared<Fading>(8 * kChunk, 3)), kMoveOnce),
            MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.drain(r, MACH_NOTIFY_SEND_ONCE), 1U);
  expect_same_session();
}

// What was lost on the wire is read again, and cannot be.
TEST_F(Bulk, MemoryThatCannotBeReadAgainTakesItsMessageAlong) {
  ASSERT_EQ(send_memory(x, 1, ipc::MemoryRef(std::make_shared<Fading>(3 * kChunk, 3))), MACH_MSG_SUCCESS);
  network.run("a");
  network.cut(true);
  settle();
  run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(server.receive(r).code, MACH_RCV_TIMED_OUT);
  expect_same_session();
}

// With less than the largest message of the other side.
class BulkLimits : public testing::Test {
 protected:
  struct Kept final : proxy::Storage {
    struct Place final : proxy::Site {
      explicit Place(Kept& kept) : in(kept) {}
      bool append(std::span<const std::byte> more) override {
        if (in.room < more.size()) return false;
        in.room -= more.size();
        bytes.insert(bytes.end(), more.begin(), more.end());
        return true;
      }
      ipc::MemoryRef finish() override { return ipc::MemoryRef::of(std::move(bytes)); }
      Kept& in;
      Bytes bytes;
    };
    std::unique_ptr<proxy::Site> begin(proxy::PeerIndex, std::uint64_t length,
                                       std::uint32_t address) override {
      begun.emplace_back(length, address);
      return refuses ? nullptr : std::make_unique<Place>(*this);
    }
    std::vector<std::pair<std::uint64_t, std::uint32_t>> begun;
    std::size_t room = 1U << 30;
    bool refuses = false;
  };

  static proxy::PeerLimits small() {
    proxy::PeerLimits limits;
    limits.message_bytes = 1U << 20;
    limits.account.bytes = 300'000;
    return limits;
  }
  BulkLimits() {
    network.run();
    b.advance(milliseconds(50));
    a.advance(milliseconds(50));
    network.run();
    EXPECT_TRUE(a.open());
  }
  mach_msg_return_t send(int id, std::size_t size, std::uint64_t address = 0) {
    const mach_msg_return_t code = client.send({.remote = a.peer_names,
                                                .remote_type = kCopySend,
                                                .local = reply,
                                                .local_type = kMakeOnce,
                                                .id = id,
                                                .bits = MACH_MSGH_BITS_COMPLEX,
                                                .items = {memory(pattern(size), address)}});
    network.run();
    return code;
  }
  std::size_t received() {
    const Received got = b.names.receive(b.names_port);
    return got.regions.empty() ? 0 : bytes_of(got.regions[0].memory).size();
  }

  MemoryNetwork network;
  Kept kept;
  Host a{network, {.name = "a", .node = 1, .dials = {"b"}, .expects = {}}};
  Host b{network,
         {.name = "b", .node = 2, .dials = {}, .expects = {"a"}, .limits = small(), .storage = &kept}};
  Task& client = a.names;
  const Name reply = client.port();
};

TEST_F(BulkLimits, ALargerMessageThanThePeerTakesIsRefusedAndNothingIsConsumed) {
  const std::size_t most = (1U << 20) - (sizeof(mach_msg_header_t) + 16);
  EXPECT_EQ(send(1, most + 1), MACH_SEND_NO_BUFFER);
  EXPECT_EQ(client.state(a.peer_names), "S1");
  EXPECT_EQ(send(2, most), MACH_MSG_SUCCESS);
  EXPECT_EQ(received(), most);
}

TEST_F(BulkLimits, LargeMemoryIsKeptWhereTheDaemonSays) {
  EXPECT_EQ(send(1, 500'000, 0x5123), MACH_MSG_SUCCESS) << "more than the account would bear";
  EXPECT_EQ(kept.begun, (std::vector<std::pair<std::uint64_t, std::uint32_t>>{{500'000, 0x123}}));
  EXPECT_EQ(received(), 500'000U);
}

TEST_F(BulkLimits, WithoutRoomForItTheMessageIsDestroyedAndTheSessionGoesOn) {
  kept.refuses = true;
  EXPECT_EQ(send(1, 500'000), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  kept.refuses = false;
  kept.room = 100'000;
  EXPECT_EQ(send(2, 500'000), MACH_MSG_SUCCESS);
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  kept.room = 1U << 30;
  EXPECT_EQ(send(3, 500'000), MACH_MSG_SUCCESS);
  EXPECT_EQ(received(), 500'000U);
  EXPECT_TRUE(a.downs.empty());
}

TEST_F(BulkLimits, WhatTheAccountCannotBearIsDestroyedToo) {
  std::vector<Item> items;
  for (int each = 0; each < 10; ++each) items.push_back(memory(pattern(50'000)));
  EXPECT_EQ(client.send({.remote = a.peer_names,
                         .remote_type = kCopySend,
                         .local = reply,
                         .local_type = kMakeOnce,
                         .bits = MACH_MSGH_BITS_COMPLEX,
                         .items = items}),
            MACH_MSG_SUCCESS);
  network.run();
  EXPECT_EQ(client.drain(reply, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(received(), 0U);
  EXPECT_EQ(send(2, 100'000), MACH_MSG_SUCCESS);
  EXPECT_EQ(received(), 100'000U);
}

}  // namespace
}  // namespace netmsg::test
