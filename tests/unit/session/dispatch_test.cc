// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/dispatch.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>

#include "daemon/base/clock.h"
#include "daemon/session/wire.h"
#include "tests/support/seed.h"

namespace netmsg::session {
namespace {

class NoCompletions final : public ipc::Completions {
 public:
  void complete(ipc::OpToken, ipc::MsgResult&&) override {}
};

class PortCalls : public ::testing::Test {
 protected:
  base::ManualClock clock;
  ipc::Account account{{}};
  ipc::Engine engine{clock, {}};
  NoCompletions completions;
  ipc::Space& space = engine.create_space("test", account, completions);

  ~PortCalls() override { engine.destroy_space(space); }

  static std::vector<std::byte> payload_of(const local::PortCall& call) {
    const auto frame = encode_frame(local::Kind::kPortCall, 0, call);
    return {frame.begin() + sizeof(local::FrameHeader), frame.end()};
  }
  static constexpr ipc::OpToken kThread = 1;
  std::optional<local::PortCallDone> run(std::uint32_t number, std::initializer_list<std::uint64_t> args,
                                         std::uint32_t task = 0) {
    local::PortCall call{number, task, {}};
    std::copy(args.begin(), args.end(), call.args);
    const auto answer = run_port_call(space, kThread, 5, payload_of(call));
    const auto* frame = std::get_if<std::vector<std::byte>>(&answer);
    if (frame == nullptr) return std::nullopt;
    return decode_fixed<local::PortCallDone>(std::span(*frame).subspan(sizeof(local::FrameHeader)));
  }
  std::optional<local::PortCallDone> run(local::Call number, std::initializer_list<std::uint64_t> args,
                                         std::uint32_t task = 0) {
    return run(static_cast<std::uint32_t>(number), args, task);
  }
};

TEST_F(PortCalls, ReachTheEngineAndBringItsAnswer) {
  const auto made = run(local::Call::kAllocate, {MACH_PORT_RIGHT_RECEIVE});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->code, 0U);
  const std::uint32_t name = made->outs[0];
  EXPECT_EQ(run(local::Call::kInsertRight, {name, name, MACH_MSG_TYPE_MAKE_SEND})->code, 0U);
  EXPECT_EQ(run(local::Call::kType, {name})->outs[0], MACH_PORT_TYPE_SEND_RECEIVE);
  EXPECT_EQ(run(local::Call::kModRefs, {name, MACH_PORT_RIGHT_SEND, 2})->code, 0U);
  EXPECT_EQ(run(local::Call::kGetRefs, {name, MACH_PORT_RIGHT_SEND})->outs[0], 3U);
  EXPECT_EQ(run(local::Call::kModRefs, {name, MACH_PORT_RIGHT_SEND, static_cast<std::uint32_t>(-3)})->code,
            0U);
  EXPECT_EQ(run(local::Call::kSetQlimit, {name, 9})->code, 0U);
  const auto status = run(local::Call::kGetReceiveStatus, {name});
  EXPECT_EQ(status->outs[2], 1U) << "mscount";
  EXPECT_EQ(status->outs[3], 9U) << "qlimit";
  const auto extracted = run(local::Call::kExtractRight, {name, MACH_MSG_TYPE_MAKE_SEND_ONCE});
  EXPECT_EQ(extracted->outs[1], static_cast<std::uint32_t>(MACH_MSG_TYPE_PORT_SEND_ONCE));
  EXPECT_EQ(run(local::Call::kDeallocate, {extracted->outs[0]})->code, 0U);
  EXPECT_EQ(run(local::Call::kDestroy, {name})->code, 0U);
  EXPECT_EQ(run(local::Call::kType, {name})->code, static_cast<std::uint32_t>(KERN_INVALID_NAME));
}

TEST_F(PortCalls, GiveNoResultsWithAnError) {
  const auto failed = run(local::Call::kGetReceiveStatus, {12345});
  EXPECT_EQ(failed->code, static_cast<std::uint32_t>(KERN_INVALID_NAME));
  for (const std::uint32_t out : failed->outs) EXPECT_EQ(out, 0U);
}

TEST_F(PortCalls, AreRefusedForAnUnknownNumber) {
  for (const std::uint32_t number : {0U, 5U, 3209U, 3219U, 4000U, 0xFFFFFFFFU})
    EXPECT_FALSE(run(number, {})) << number;
}

TEST_F(PortCalls, AreRefusedForACallThatIsMadeByMessageOnly) {
  for (const std::uint32_t number : {2021U, 2030U, 2033U, 2034U, 2058U, 2059U, 3200U, 3212U, 3223U})
    EXPECT_FALSE(run(number, {})) << number;
}

// The name of the task's own port stands for it as long as it denotes it.
TEST_F(PortCalls, AreAnsweredOnlyForTheTasksOwnPort) {
  const auto allocate = [&](std::uint32_t task) {
    return run(local::Call::kAllocate, {MACH_PORT_RIGHT_RECEIVE}, task)->code;
  };
  EXPECT_EQ(allocate(local::kTaskSelfName), 0U);
  const std::uint32_t host = run(local::Call::kHostSelf, {})->outs[0];
  const std::uint32_t thread = run(local::Call::kThreadSelf, {})->outs[0];
  for (const std::uint32_t task : {host, thread, 4711U, 0xFFFFFFFFU})
    EXPECT_EQ(allocate(task), static_cast<std::uint32_t>(MACH_SEND_INVALID_DEST)) << task;
  EXPECT_EQ(run(local::Call::kRename, {local::kTaskSelfName, 77})->code, 0U);
  EXPECT_EQ(allocate(local::kTaskSelfName), static_cast<std::uint32_t>(MACH_SEND_INVALID_DEST));
  EXPECT_EQ(allocate(77), 0U);
  EXPECT_EQ(allocate(0), 0U);
}

TEST_F(PortCalls, TheTrapsGiveOneReferenceMore) {
  for (const local::Call trap : {local::Call::kTaskSelf, local::Call::kThreadSelf, local::Call::kHostSelf}) {
    const std::uint32_t name = run(trap, {})->outs[0];
    const std::uint32_t before = run(local::Call::kGetRefs, {name, MACH_PORT_RIGHT_SEND})->outs[0];
    EXPECT_EQ(run(trap, {})->outs[0], name);
    EXPECT_EQ(run(local::Call::kGetRefs, {name, MACH_PORT_RIGHT_SEND})->outs[0], before + 1);
  }
}

TEST_F(PortCalls, APayloadHas64Bits) {
  const std::uint32_t name = run(local::Call::kReplyPort, {})->outs[0];
  EXPECT_EQ(run(local::Call::kSetPayload, {name, ~0ULL})->code, 0U);
  EXPECT_FALSE(run(local::Call::kSetPayload, {1ULL << 32, 0}));
  EXPECT_EQ(run(local::Call::kClearPayload, {name})->code, 0U);
}

TEST_F(PortCalls, AreRefusedForAnArgumentOutOfRange) {
  EXPECT_FALSE(run(local::Call::kType, {1ULL << 32}));
  EXPECT_FALSE(run(local::Call::kType, {1, 1})) << "an unused argument";
}

TEST_F(PortCalls, AreRefusedForAWrongLength) {
  auto payload = payload_of({static_cast<std::uint32_t>(local::Call::kType), 0, {}});
  const auto refused = [&](std::span<const std::byte> bytes) {
    return std::holds_alternative<Violation>(run_port_call(space, kThread, 0, bytes));
  };
  EXPECT_FALSE(refused(payload));
  EXPECT_TRUE(refused(std::span(payload).first(55)));
  payload.push_back(std::byte{0});
  EXPECT_TRUE(refused(payload));
  EXPECT_TRUE(refused({}));
}

// Any number and any arguments, most of them near the ones that mean something.
TEST_F(PortCalls, NeverHarmTheEngineWhateverTheyAre) {
  constexpr std::uint32_t kNumbers[] = {1,    2,    3,    4,    3201, 3202, 3203, 3204,
                                        3205, 3206, 3207, 3208, 3210, 3211, 3213, 3214,
                                        3215, 3216, 3217, 3218, 3221, 3222, 3200, 2058};
  std::mt19937 random(test::test_seed());
  const auto any = [&]() -> std::uint64_t {
    switch (random() % 8) {
      case 0:
        return random();
      case 1:
        return std::uint64_t{random()} << 32;
      case 2:
        return 15 + random() % 9;  // dispositions, and what is next to them
      default:
        return random() % 24;  // names, rights, counts
    }
  };
  unsigned made = 0;
  for (int round = 0; round < 50'000; ++round) {
    local::PortCall call{kNumbers[random() % std::size(kNumbers)], 0, {}};
    if (random() % 4 == 0) call.task = static_cast<std::uint32_t>(random() % 8);
    for (auto used = random() % (local::kCallArgsMax + 1); used > 0; --used) call.args[used - 1] = any();
    const auto answer = run_port_call(space, kThread, 5, payload_of(call));
    if (std::holds_alternative<std::vector<std::byte>>(answer)) ++made;
    if (round % 64 == 0) engine.check_invariants();
  }
  EXPECT_GT(made, 1000U);
}

std::vector<std::byte> mach_msg_payload(std::uint32_t option, std::uint32_t send_size, std::size_t bytes) {
  const local::MachMsg request{option, send_size, 1, 2, 3, 4, 0, 0};
  auto frame = encode_frame(local::Kind::kMachMsg, 0, request);
  frame.erase(frame.begin(), frame.begin() + sizeof(local::FrameHeader));
  frame.resize(frame.size() + bytes, std::byte{7});
  return frame;
}

TEST(MachMsgFrames, BringTheArguments) {
  const auto decoded = decode_mach_msg(mach_msg_payload(MACH_SEND_MSG | MACH_RCV_MSG, 40, 40));
  const auto& args = std::get<ipc::MsgArgs>(decoded);
  EXPECT_EQ(args.option, MACH_SEND_MSG | MACH_RCV_MSG);
  EXPECT_EQ(args.rcv_size, 1U);
  EXPECT_EQ(args.rcv_name, 2U);
  EXPECT_EQ(args.timeout_ms, 3U);
  EXPECT_EQ(args.notify, 4U);
  EXPECT_EQ(args.message, ipc::Bytes(40, std::byte{7}));
}

TEST(MachMsgFrames, AreRefusedIfTheSizesDisagree) {
  for (const auto& payload :
       {mach_msg_payload(MACH_SEND_MSG, 40, 39), mach_msg_payload(MACH_SEND_MSG, 40, 41),
        mach_msg_payload(MACH_SEND_MSG, 0xFFFFFFFF, 40), mach_msg_payload(MACH_RCV_MSG, 40, 40)})
    EXPECT_TRUE(std::holds_alternative<Violation>(decode_mach_msg(payload)));
  const auto whole = mach_msg_payload(MACH_SEND_MSG, 0, 0);
  EXPECT_TRUE(std::holds_alternative<Violation>(decode_mach_msg(std::span(whole).first(31))));
}

// ---------------------------------------------------------------- regions

void append(std::vector<std::byte>& bytes, const void* from, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(from);
  bytes.insert(bytes.end(), begin, begin + size);
}

void append_region(std::vector<std::byte>& payload, std::uint64_t said, std::size_t length) {
  const local::SentRegion region{said, 0, 0, 0};
  append(payload, &region, sizeof region);
  payload.resize(payload.size() + length, std::byte{5});
}

// A message of 64 bytes that announces `regions`.
std::vector<std::byte> announcing(std::uint32_t regions, std::uint32_t option = MACH_SEND_MSG) {
  const local::MachMsg request{option, 64, 0, 0, 0, 0, regions, 0};
  std::vector<std::byte> payload;
  append(payload, &request, sizeof request);
  payload.resize(payload.size() + 64, std::byte{7});
  return payload;
}

TEST(MachMsgRegions, BringTheirBytes) {
  auto payload = announcing(2);
  append_region(payload, 3, 3);
  append_region(payload, 0, 0);
  const auto decoded = decode_mach_msg(payload);
  const auto& memory = std::get<ipc::MsgArgs>(decoded).memory;
  ASSERT_EQ(memory.size(), 2U);
  ipc::Bytes bytes(3);
  memory[0].read_here(0, bytes);
  EXPECT_EQ(bytes, ipc::Bytes(3, std::byte{5}));
  EXPECT_EQ(memory[1].length(), 0U);
}

TEST(MachMsgRegions, AreRefusedIfTheFrameIsNotWhatItSays) {
  struct Lie {
    const char* what;
    std::vector<std::byte> payload;
  };
  std::vector<Lie> lies = {{"no region where one is announced", announcing(1)},
                           {"more regions than there can be items", announcing(5)},
                           {"four thousand million regions", announcing(UINT32_MAX)},
                           {"half the head of a region", announcing(1)},
                           {"a region that is cut short", announcing(1)},
                           {"a region of all lengths", announcing(1)},
                           {"bytes behind the last region", announcing(1)},
                           {"regions without a send", announcing(1, MACH_RCV_MSG)},
                           {"the reserved field", announcing(0)}};
  lies[3].payload.resize(lies[3].payload.size() + 4);
  append_region(lies[4].payload, 10, 9);
  append_region(lies[5].payload, UINT64_MAX, 9);
  append_region(lies[6].payload, 10, 11);
  append_region(lies[7].payload, 10, 10);
  lies[8].payload[offsetof(local::MachMsg, zero)] = std::byte{1};
  for (const Lie& lie : lies)
    EXPECT_TRUE(std::holds_alternative<Violation>(decode_mach_msg(lie.payload))) << lie.what;
}

TEST(MachMsgRegions, AreAnsweredBehindTheMessage) {
  ipc::MsgResult result{.code = MACH_MSG_SUCCESS, .bytes = ipc::Bytes(48, std::byte{1})};
  result.regions.push_back({40, 0, ipc::MemoryRef::of(ipc::Bytes(3, std::byte{2}))});
  result.regions.push_back({24, 1, ipc::MemoryRef::of(ipc::Bytes(4, std::byte{3}))});
  result.memory_taken = 7;
  const auto frame = encode_mach_msg_done(9, std::move(result)).head;
  ASSERT_EQ(frame.size(), sizeof(local::FrameHeader) + sizeof(local::MachMsgDone) + 48 +
                              2 * sizeof(local::ReceivedRegion) + 7);
  local::FrameHeader header;
  std::memcpy(&header, frame.data(), sizeof header);
  EXPECT_EQ(header.length, frame.size() - sizeof header);
  local::MachMsgDone done;
  std::memcpy(&done, frame.data() + sizeof header, sizeof done);
  EXPECT_EQ(done.length, 48U);
  EXPECT_EQ(done.regions, 2U);
  EXPECT_EQ(done.memory_taken, 7U);
  local::ReceivedRegion second;
  std::memcpy(&second, frame.data() + frame.size() - 4 - sizeof second, sizeof second);
  EXPECT_EQ(second.slot, 24U);
  EXPECT_EQ(second.length, 4U);
  EXPECT_EQ(frame.back(), std::byte{3});
}

}  // namespace
}  // namespace netmsg::session
