// SPDX-License-Identifier: Apache-2.0
// Batches (proto/local/frame.h), as clients send them that speak by hand: well, badly, and without end.
#include "daemon/session/batch.h"

#include <gtest/gtest.h>
#include <mach/message.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <variant>

#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::Kind;

struct Send {
  local::MachMsg request;
  mach_msg_header_t message;
};

Frame bytes_of(const void* from, std::size_t size) {
  const auto* const first = static_cast<const std::byte*>(from);
  return {first, first + size};
}
Frame receive(std::uint32_t name, std::uint32_t option = MACH_RCV_MSG, std::uint32_t size = 4096) {
  const local::MachMsg request{option, 0, size, name, 0, 0, 0, 0};
  return bytes_of(&request, sizeof request);
}
Frame send(std::uint32_t name, mach_msg_id_t id = 1) {
  Send both{{MACH_SEND_MSG, sizeof(mach_msg_header_t), 0, 0, 0, 0, 0, 0}, {}};
  both.message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0U);
  both.message.msgh_remote_port = name;
  both.message.msgh_id = id;
  return bytes_of(&both, sizeof both);
}

Frame joined(const std::vector<Frame>& pieces) {
  std::size_t size = 0;
  for (const Frame& piece : pieces) size += piece.size();
  Frame all(size);
  auto at = all.begin();
  for (const Frame& piece : pieces) at = std::copy(piece.begin(), piece.end(), at);
  return all;
}

// A Batch of these, which says that there are `count`.
Frame batch_of(std::uint64_t id, const local::Batch& head, const std::vector<Frame>& operations) {
  const Frame all = joined(operations);
  const auto length = static_cast<std::uint32_t>(sizeof head + all.size());
  return joined({bare_frame(Kind::kBatch, id, length), bytes_of(&head, sizeof head), all});
}
Frame batch(std::uint64_t id, const std::vector<Frame>& operations, std::uint32_t flags = 0) {
  return batch_of(id, {static_cast<std::uint32_t>(operations.size()), flags}, operations);
}

class Batches : public ::testing::Test {
 protected:
  TestDaemon daemon;
  RawClient client{daemon.path()};

  std::uint32_t new_port() { return client.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0]; }
  std::optional<local::BatchDone> answer(std::uint64_t* id = nullptr) {
    return client.lane().receive<local::BatchDone>(Kind::kBatchDone, id);
  }
  // The codes in the last answer.
  std::vector<std::uint32_t> codes() {
    std::vector<std::uint32_t> all;
    const std::vector<char>& payload = client.lane().payload();
    for (std::size_t at = sizeof(local::BatchDone); at < payload.size();) {
      local::MachMsgDone done;
      std::memcpy(&done, payload.data() + at, sizeof done);
      all.push_back(done.code);
      at += sizeof done + done.length;
    }
    return all;
  }
  std::uint64_t bytes_used() {
    return daemon.on_owner([this] { return daemon.users().find(::getuid()).account.bytes_used(); });
  }
  bool one_call_blocks() {
    return daemon.becomes([this] { return daemon.engine().spaces().at(0).blocked_calls == 1; });
  }
};

// One that waits to be read counts by its length.
TEST(BatchAnswers, TakeNoMoreMemoryThanTwiceTheirLength) {
  constexpr std::uint32_t kSize = 32U << 10;
  const local::MachMsg request{MACH_SEND_MSG, kSize, 0, 0, 0, 0, 0, 0};
  const local::Batch head{1, 0};
  const Frame payload =
      joined({bytes_of(&head, sizeof head), bytes_of(&request, sizeof request), Frame(kSize)});
  auto args = session::decode_batch(payload);
  ASSERT_TRUE(std::holds_alternative<session::BatchArgs>(args));
  session::Batch one(5, std::get<session::BatchArgs>(std::move(args)), {});
  one.next();
  ipc::MsgResult failed;
  failed.code = MACH_SEND_INVALID_DEST;
  one.ended(std::move(failed));
  const session::Batch::Answer answered = one.answer();
  EXPECT_EQ(answered.frame.size(),
            sizeof(local::FrameHeader) + sizeof(local::BatchDone) + sizeof(local::MachMsgDone));
  EXPECT_LE(answered.frame.capacity(), 2 * answered.frame.size());
}

constexpr std::uint32_t kReceiveNow = MACH_RCV_MSG | MACH_RCV_TIMEOUT;
constexpr auto kTimedOut = static_cast<std::uint32_t>(MACH_RCV_TIMED_OUT);

TEST_F(Batches, AreAnsweredOnceAndInOrder) {
  const std::uint32_t port = new_port();
  client.lane().send(
      batch(5, {send(port), send(4711), receive(port), receive(port, kReceiveNow), send(port)}));
  std::uint64_t id = 0;
  const auto done = answer(&id);
  ASSERT_TRUE(done);
  EXPECT_EQ(id, 5U);
  EXPECT_EQ(done->count, 5U);
  EXPECT_EQ(done->gathered, 4 * sizeof(local::MachMsgDone) + sizeof(mach_msg_header_t));
  EXPECT_EQ(codes(), (std::vector<std::uint32_t>{0, MACH_SEND_INVALID_DEST, 0, kTimedOut, 0}));
  EXPECT_TRUE(client.is_served());
}

TEST_F(Batches, StopIfTheyAreToldTo) {
  const std::uint32_t port = new_port();
  client.lane().send(batch(5, {send(port), send(4711), receive(port)}, local::kBatchStops));
  ASSERT_TRUE(answer());
  EXPECT_EQ(codes(), (std::vector<std::uint32_t>{0, MACH_SEND_INVALID_DEST}));
}

TEST_F(Batches, EndWithACancelAndNothingElseBegins) {
  const std::uint32_t port = new_port();
  client.lane().send(batch(5, {send(port), receive(port), receive(port), send(port)}));
  ASSERT_TRUE(one_call_blocks());
  client.lane().send(bare_frame(Kind::kCancel, 6));
  client.lane().send(bare_frame(Kind::kCancel, 5));
  client.lane().send(bare_frame(Kind::kCancel, 5));
  ASSERT_TRUE(answer());
  EXPECT_EQ(codes(), (std::vector<std::uint32_t>{0, 0, MACH_RCV_INTERRUPTED}));
  client.lane().send(batch(6, {receive(port, kReceiveNow)}));
  ASSERT_TRUE(answer());
  EXPECT_EQ(codes(), (std::vector<std::uint32_t>{kTimedOut})) << "the last send has not begun";
}

// At once: whatever it finds the batch doing, one answer comes, and what it says is so.
TEST_F(Batches, EndWithACancelAtAnyMoment) {
  const std::uint32_t port = new_port();
  std::mt19937 random(test_seed());
  for (int round = 0; round < scaled(2000); ++round) {
    const Frame asked = batch(5, {send(port), receive(port), send(port), receive(port), receive(port)});
    const Frame cancel = bare_frame(Kind::kCancel, 5);
    client.lane().send(random() % 2 == 0 ? joined({asked, cancel}) : asked);
    client.lane().send(cancel);
    const auto done = answer();
    ASSERT_TRUE(done);
    client.lane().send(batch(6, {receive(port, kReceiveNow)}));
    ASSERT_TRUE(answer());
    EXPECT_EQ(codes().at(0), done->count == 1 || done->count == 3 ? 0U : kTimedOut) << done->count;
  }
}

TEST_F(Batches, EndWhenTheAnswersAreLong) {
  const std::uint32_t port = new_port();
  Send big{{MACH_SEND_MSG, 40000, 0, 0, 0, 0, 0, 0}, {}};
  big.message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0U);
  big.message.msgh_remote_port = port;
  Frame message = bytes_of(&big, sizeof big);
  message.resize(sizeof big.request + big.request.send_size);
  for (int i = 0; i < 3; ++i) {
    client.lane().send(batch(i, {message}));
    ASSERT_TRUE(answer());
  }
  client.lane().send(batch(5, std::vector<Frame>(3, receive(port, kReceiveNow, 1U << 20))));
  EXPECT_EQ(answer()->count, 2U);
  client.lane().send(batch(6, {receive(port, kReceiveNow, 1U << 20)}));
  EXPECT_EQ(answer()->count, 1U);
  EXPECT_EQ(codes(), (std::vector<std::uint32_t>{0}));
}

// The user pays for what waits, and for what it may bring.
TEST_F(Batches, ArePaidForUntilTheyAreAnswered) {
  const std::uint32_t port = new_port();
  const std::uint64_t before = bytes_used();
  client.lane().send(batch(5, std::vector<Frame>(local::kBatchMax, receive(port, MACH_RCV_MSG, 1U << 20))));
  ASSERT_TRUE(one_call_blocks());
  EXPECT_GE(bytes_used(), before + local::kBatchBytesMax);
  client.lane().close();
  EXPECT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).account.bytes_used() == before; }));
}

TEST(BatchesOfAPoorUser, HaveNotBegun) {
  session::UserLimits limits;
  limits.account.bytes = 1024;
  TestDaemon daemon(limits);
  RawClient client(daemon.path());
  client.lane().send(batch(5, {receive(1, kReceiveNow), receive(1, kReceiveNow)}));
  const auto done = client.lane().receive<local::BatchDone>(Kind::kBatchDone);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->count, 0U);
  EXPECT_EQ(done->gathered, 0U);
  EXPECT_TRUE(client.is_served());
}

TEST_F(Batches, ThatAreNoneEndTheTask) {
  const Frame good = receive(1, kReceiveNow);
  Frame with_regions = send(1);
  const std::uint32_t two = 2;
  std::memcpy(with_regions.data() + offsetof(local::MachMsg, regions), &two, sizeof two);
  Frame long_message = send(1);
  const std::uint32_t size = 1U << 31;
  std::memcpy(long_message.data() + offsetof(local::MachMsg, send_size), &size, sizeof size);
  const Frame half(good.begin(), good.begin() + 8);
  std::vector<Frame> bad = {
      batch_of(1, {0, 0}, {}),
      batch_of(1, {local::kBatchMax + 1, 0}, std::vector<Frame>(local::kBatchMax + 1, good)),
      batch_of(1, {1, 2}, {good}),
      batch_of(1, {2, 0}, {good}),
      batch_of(1, {1, 0}, {good, good}),
      batch_of(1, {2, 0}, {good, half}),
      batch_of(1, {UINT32_MAX, 0}, {good}),
      batch(1, {good, with_regions}),
      batch(1, {good, long_message}),
      bare_frame(Kind::kBatch, 1),
  };
  bad.push_back(joined({batch(1, {good}), batch(2, {good})}));
  Frame too_long = batch(1, {send(1)});
  too_long.resize(sizeof(local::FrameHeader) + local::kBatchBytesMax + 8);
  const auto length = static_cast<std::uint32_t>(too_long.size() - sizeof(local::FrameHeader));
  std::memcpy(too_long.data(), &length, sizeof length);
  bad.push_back(too_long);
  for (const Frame& frame : bad) {
    RawClient hostile(daemon.path());
    hostile.lane().send(frame);
    EXPECT_TRUE(hostile.main().ends()) << "frame " << &frame - bad.data();
  }
  EXPECT_TRUE(client.is_served());
}

// Many lanes that never stop: others are served, and each of them is.
TEST_F(Batches, WithoutEndHoldUpNobody) {
  RawClient hostile(daemon.path());
  std::vector<RawConnection> lanes;
  for (int i = 0; i < 20; ++i) lanes.push_back(hostile.open_lane());
  const Frame full = batch(1, std::vector<Frame>(local::kBatchMax, receive(1, kReceiveNow)));
  for (RawConnection& lane : lanes) ASSERT_TRUE(lane.send(full));
  for (int round = 0; round < scaled(100); ++round) {
    EXPECT_TRUE(client.is_served());
    for (RawConnection& lane : lanes) {
      ASSERT_TRUE(lane.receive<local::BatchDone>(Kind::kBatchDone));
      ASSERT_TRUE(lane.send(full));
    }
  }
}

// A batch that waits for messages goes on when the sender's batch is over, and finds all that it has sent.
TEST_F(Batches, FindWhatAnotherHasSent) {
  const std::uint32_t port = new_port();
  RawConnection receiver = client.open_lane();
  std::vector<Frame> receives(6, receive(port, kReceiveNow));
  receives.front() = receive(port);
  receiver.send(batch(1, receives, local::kBatchStops));
  ASSERT_TRUE(one_call_blocks());
  client.lane().send(batch(2, {send(port), send(port), send(port), send(port)}));
  const auto done = receiver.receive<local::BatchDone>(Kind::kBatchDone);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->count, 5U) << "four messages, and then there was none";
}

}  // namespace
}  // namespace netmsg::test
