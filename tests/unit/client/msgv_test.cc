// SPDX-License-Identifier: Apache-2.0
// netmsg_msgv: as if mach_msg were called for each operation in turn, whatever goes together on the way.
#include <netmsg.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <latch>
#include <random>
#include <thread>

#include "tests/support/mach_message.h"
#include "tests/support/seed.h"
#include "tests/unit/client/disturb.h"
#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr mach_msg_option_t kSendNow = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
constexpr mach_msg_option_t kReceiveNow = MACH_RCV_MSG | MACH_RCV_TIMEOUT;

netmsg_operation_t operation(mach_msg_option_t option, std::size_t send_size, std::size_t rcv_size,
                             mach_port_t rcv_name) {
  return {nullptr,
          option,
          static_cast<mach_msg_size_t>(send_size),
          static_cast<mach_msg_size_t>(rcv_size),
          rcv_name,
          0,
          MACH_PORT_NULL,
          -1};
}

// The operations of one call, each with a buffer of its own.
class Operations {
 public:
  Operations& send(mach_port_t to, mach_msg_id_t id, mach_msg_option_t option = MACH_SEND_MSG,
                   std::size_t size = sizeof(mach_msg_header_t)) {
    mach_msg_header_t* const head = add(size, operation(option, size, 0, 0));
    head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0U);
    head->msgh_remote_port = to;
    head->msgh_id = id;
    return *this;
  }
  Operations& send(const Bytes& message) {
    std::memcpy(add(message.size(), operation(MACH_SEND_MSG, message.size(), 0, 0)), message.data(),
                message.size());
    return *this;
  }
  Operations& receive(mach_port_t from, mach_msg_option_t option = MACH_RCV_MSG, std::size_t size = 128) {
    add(size, operation(option, 0, size, from));
    return *this;
  }
  Operations& nothing(mach_msg_option_t option) {
    operations_.push_back(operation(option, 0, 0, 0));
    return *this;
  }

  unsigned run(int flags = 0) {
    return netmsg_msgv(operations_.data(), static_cast<unsigned>(operations_.size()), flags);
  }
  std::vector<mach_msg_return_t> results() const {
    std::vector<mach_msg_return_t> all;
    for (const netmsg_operation_t& one : operations_) all.push_back(one.result);
    return all;
  }
  netmsg_operation_t& at(std::size_t index) { return operations_[index]; }
  mach_msg_id_t id_at(std::size_t index) const { return operations_[index].msg->msgh_id; }
  Bytes bytes_at(std::size_t index) const {
    const auto* const first = reinterpret_cast<const std::byte*>(operations_[index].msg);
    return {first, first + operations_[index].msg->msgh_size};
  }
  std::size_t size() const { return operations_.size(); }

 private:
  // Null if there is no room for anything.
  mach_msg_header_t* add(std::size_t size, netmsg_operation_t asked) {
    buffers_.emplace_back((size + 7) / 8);
    asked.msg = reinterpret_cast<mach_msg_header_t*>(buffers_.back().data());
    operations_.push_back(asked);
    return asked.msg;
  }

  std::deque<std::vector<std::uint64_t>> buffers_;
  std::vector<netmsg_operation_t> operations_;
};

using Codes = std::vector<mach_msg_return_t>;

TEST(Msgv, RunsInOrderAndEachHasItsResult) {
  const mach_port_t port = new_port();
  Operations all;
  all.send(port, 1).send(port, 2).receive(port).send(port, 3).receive(port).receive(port);
  all.receive(port, kReceiveNow).send(4711, 9).receive(4711).send(port, 4).receive(port);
  EXPECT_EQ(all.run(), 11U) << "one that fails holds up nobody";
  EXPECT_EQ(all.results(), (Codes{0, 0, 0, 0, 0, 0, MACH_RCV_TIMED_OUT, MACH_SEND_INVALID_DEST,
                                  MACH_RCV_INVALID_NAME, 0, 0}));
  EXPECT_EQ(all.id_at(2), 1);
  EXPECT_EQ(all.id_at(4), 2);
  EXPECT_EQ(all.id_at(5), 3);
  EXPECT_EQ(all.id_at(10), 4);
}

TEST(Msgv, OfNothingDoesNothing) {
  EXPECT_EQ(netmsg_msgv(nullptr, 0, 0), 0U);
  Operations all;
  all.nothing(0).nothing(MACH_SEND_TIMEOUT);
  errno = 4711;
  EXPECT_EQ(all.run(), 2U);
  EXPECT_EQ(all.results(), (Codes{0, 0}));
  EXPECT_EQ(errno, 4711);
}

TEST(Msgv, StopsAtTheFirstThatFailsIfAsked) {
  const mach_port_t port = new_port_with_send();
  Operations all;
  all.send(port, 1).receive(port).receive(port, kReceiveNow).send(port, 2).receive(port);
  all.at(3).msg->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0U);
  EXPECT_EQ(all.run(NETMSG_STOP), 3U);
  EXPECT_EQ(all.results(), (Codes{0, 0, MACH_RCV_TIMED_OUT, NETMSG_NOT_BEGUN, NETMSG_NOT_BEGUN}));
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U) << "still ours";
}

TEST(Msgv, TakesWhatThereIs) {
  const mach_port_t port = new_port();
  for (int id = 0; id < 3; ++id) ASSERT_EQ(send_to(port, id), MACH_MSG_SUCCESS);
  Operations all;
  for (int i = 0; i < 100; ++i) all.receive(port, kReceiveNow);
  EXPECT_EQ(all.run(NETMSG_STOP), 4U);
  for (int id = 0; id < 3; ++id) EXPECT_EQ(all.id_at(static_cast<std::size_t>(id)), id);
  EXPECT_EQ(all.at(3).result, MACH_RCV_TIMED_OUT);
  EXPECT_EQ(all.at(4).result, NETMSG_NOT_BEGUN);
}

// More than a crossing holds, in number and in bytes, and single messages that are larger than it.
TEST(Msgv, HasNoLimit) {
  const mach_port_t port = new_port();
  for (const std::size_t size : {std::size_t{32}, std::size_t{3000}, std::size_t{80000}}) {
    Operations all;
    constexpr int kPairs = 300;
    for (int id = 0; id < kPairs; ++id)
      all.send(port, id, MACH_SEND_MSG, size).receive(port, MACH_RCV_MSG, size);
    EXPECT_EQ(all.run(), all.size());
    for (std::size_t at = 0; at < all.size(); ++at) {
      ASSERT_EQ(all.at(at).result, MACH_MSG_SUCCESS) << at;
      ASSERT_EQ(all.id_at(at), static_cast<mach_msg_id_t>(at / 2));
    }
  }
}

// Rights, a combined call, and memory that comes and goes, in the midst of others.
TEST(Msgv, CarriesRightsAndMemory) {
  const mach_port_t port = new_port();
  const mach_port_t moved = new_port();
  vm_address_t pages = 0;
  ASSERT_EQ(vm_allocate(mach_task_self(), &pages, 1U << 20, TRUE), KERN_SUCCESS);
  std::memset(reinterpret_cast<void*>(pages), 'x', 1U << 20);
  Item region = memory({}, pages);
  region.descriptor.msgt_number = 1U << 20;
  region.descriptor.msgt_deallocate = 1;
  const auto message = [port](std::vector<Item> items) {
    return Outgoing{.remote = port,
                    .remote_type = MACH_MSG_TYPE_MAKE_SEND,
                    .bits = MACH_MSGH_BITS_COMPLEX,
                    .items = std::move(items)}
        .encode();
  };
  Operations all;
  all.send(port, 1).send(message({rights(MACH_MSG_TYPE_MOVE_RECEIVE, {moved})}));
  all.send(message({memory({}, 0), numbers({5})})).send(message({region})).send(port, 2);
  all.receive(port).receive(port).receive(port).receive(port).receive(port).receive(port, kReceiveNow);
  all.send(port, 3).receive(port);
  EXPECT_EQ(all.run(), all.size());
  EXPECT_EQ(all.results(), (Codes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, MACH_RCV_TIMED_OUT, 0, 0}));
  EXPECT_EQ(all.id_at(5), 1);
  const std::vector<std::uint32_t> names = values_of(all.bytes_at(6));
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(type_of(names[0]), MACH_PORT_TYPE_RECEIVE);
  vm_address_t there = 0;
  std::memcpy(&there, all.bytes_at(8).data() + sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t),
              sizeof there);
  ASSERT_NE(there, 0U);
  EXPECT_EQ(reinterpret_cast<const char*>(there)[(1U << 20) - 1], 'x');
  EXPECT_EQ(vm_deallocate(mach_task_self(), there, 1U << 20), KERN_SUCCESS);
  EXPECT_EQ(all.id_at(9), 2);
  EXPECT_EQ(all.id_at(12), 3);
}

TEST(Msgv, TellsOfMemoryThatCannotBeReadOrWritten) {
  const mach_port_t port = new_port();
  auto* const hole =
      static_cast<mach_msg_header_t*>(::mmap(nullptr, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  Operations all;
  all.send(port, 1).send(port, 2).send(port, 3).receive(port).receive(port).receive(port, kReceiveNow);
  all.send(port, 4).receive(port);
  all.at(1).msg = hole;
  all.at(3).msg = hole;
  EXPECT_EQ(all.run(), all.size());
  EXPECT_EQ(all.results(),
            (Codes{0, MACH_SEND_INVALID_DATA, 0, MACH_RCV_INVALID_DATA, 0, MACH_RCV_TIMED_OUT, 0, 0}));
  EXPECT_EQ(all.id_at(4), 3);
  EXPECT_EQ(all.id_at(7), 4);
  ::munmap(hole, 8192);
}

TEST(Msgv, GivesBackWhatTimedOut) {
  const mach_port_t port = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 1), KERN_SUCCESS);
  Operations all;
  all.send(port, 1, kSendNow).send(port, 2, kSendNow).receive(port).send(port, 3, kSendNow).receive(port);
  all.at(1).msg->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0U);
  EXPECT_EQ(all.run(), all.size());
  EXPECT_EQ(all.results(), (Codes{0, MACH_SEND_TIMED_OUT, 0, 0, 0}));
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  EXPECT_EQ(all.id_at(4), 3);
}

// One that blocks holds up those behind it, and nobody else.
TEST(Msgv, WaitsWhereMachMsgWould) {
  const mach_port_t port = new_port();
  const mach_port_t answers = new_port();
  Operations all;
  all.send(port, 1).receive(answers).send(port, 2).receive(answers).send(port, 3);
  unsigned begun = 0;
  std::thread streamer([&] { begun = all.run(); });
  SmallMessage message;
  for (mach_msg_id_t id = 1; id <= 3; ++id) {
    ASSERT_EQ(receive_from(port, &message), MACH_MSG_SUCCESS);
    EXPECT_EQ(message.head.msgh_id, id);
    EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT) << "the next waits";
    if (id == 3) break;
    EXPECT_EQ(send_to(answers, id), MACH_MSG_SUCCESS);
  }
  streamer.join();
  EXPECT_EQ(begun, 5U);
}

// ---------------------------------------------------------------- signals

// 03.16
TEST(Msgv, AnInterruptionIsToldByTheOneThatBlocksAndNothingElseBegins) {
  handle(SIGUSR1, count_signal);
  const mach_port_t empty = new_port();
  const mach_port_t full = new_port_with_send();
  const mach_port_t right = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), full, 0), KERN_SUCCESS);
  for (const bool sends : {false, true}) {
    Operations all;
    all.send(empty, 1).receive(empty);
    if (sends)
      all.send(full, 2, MACH_SEND_MSG | MACH_SEND_INTERRUPT);
    else
      all.receive(empty, MACH_RCV_MSG | MACH_RCV_INTERRUPT);
    all.send(right, 3).send(empty, 4);
    all.at(3).msg->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0U);
    unsigned begun = 0;
    std::thread streamer([&] { begun = all.run(); });
    ASSERT_TRUE(one_call_blocks());
    ::pthread_kill(streamer.native_handle(), SIGUSR1);
    streamer.join();
    EXPECT_EQ(begun, 3U);
    const mach_msg_return_t told = sends ? MACH_SEND_INTERRUPTED : MACH_RCV_INTERRUPTED;
    EXPECT_EQ(all.results(), (Codes{0, 0, told, NETMSG_NOT_BEGUN, NETMSG_NOT_BEGUN}));
    EXPECT_EQ(refs_of(right, MACH_PORT_RIGHT_SEND), 1U) << "still ours";
    SmallMessage message;
    EXPECT_EQ(receive_from(empty, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
  }
}

// The one that waits has not asked, though another one has: all goes on.
TEST(Msgv, AnInterruptionIsNotToldToWhoDoesNotAsk) {
  handle(SIGUSR1, count_signal);
  const mach_port_t port = new_port();
  Operations all;
  all.send(port, 1)
      .receive(port)
      .receive(port)
      .receive(port, kReceiveNow | MACH_RCV_INTERRUPT)
      .send(port, 3)
      .receive(port);
  unsigned begun = 0;
  std::thread streamer([&] { begun = all.run(); });
  ASSERT_TRUE(one_call_blocks());
  const int before = handled;
  ::pthread_kill(streamer.native_handle(), SIGUSR1);
  ASSERT_TRUE(daemon().tasks_become([&](const auto&) { return handled > before; }));
  ASSERT_TRUE(one_call_blocks()) << "it goes on";
  EXPECT_EQ(send_to(port, 2), MACH_MSG_SUCCESS);
  streamer.join();
  EXPECT_EQ(begun, 6U);
  EXPECT_EQ(all.results(), (Codes{0, 0, 0, MACH_RCV_TIMED_OUT, 0, 0}));
  EXPECT_EQ(all.id_at(2), 2);
  EXPECT_EQ(all.id_at(5), 3);
}

TEST(Msgv, ThatAJumpHasLeftBeginsNothingMore) {
  handle(SIGUSR2, jump_away);
  const mach_port_t port = new_port();
  const mach_port_t other = new_port();
  for (const mach_msg_option_t option : {0, MACH_RCV_INTERRUPT}) {
    Operations all;
    all.send(other, 1).receive(port, MACH_RCV_MSG | option).send(other, 2);
    std::thread jumper([&] {
      if (sigsetjmp(escape, 1) == 0) all.run();
      SmallMessage message;
      EXPECT_EQ(receive_from(other, &message, MACH_RCV_TIMEOUT), MACH_MSG_SUCCESS);
      EXPECT_EQ(receive_from(other, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
      Operations again;
      again.send(other, 3).receive(other);
      EXPECT_EQ(again.run(), 2U) << "the next call is in order";
    });
    ASSERT_TRUE(one_call_blocks());
    ::pthread_kill(jumper.native_handle(), SIGUSR2);
    jumper.join();
  }
}

TEST(Msgv, EndsWithACancelledThread) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer does not clear its marks when a cancelled thread's stack is unwound";
#endif
  const mach_port_t port = new_port();
  Operations all;
  all.receive(port).send(port, 2);
  std::thread streamer([&] { all.run(); });
  ASSERT_TRUE(one_call_blocks());
  ::pthread_cancel(streamer.native_handle());
  streamer.join();
  EXPECT_TRUE(daemon().tasks_become([](const auto&) { return blocked_calls() == 0; }));
  SmallMessage message;
  EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT);
}

// ---------------------------------------------------------------- the world

TEST(Msgv, WithoutADaemonEachHasItsCode) {
  EXPECT_TRUE(in_process("/dev/null/none", [] {
    Operations all;
    all.send(5, 1).receive(5).send(5, 2);
    EXPECT_EQ(all.run(), 3U);
    EXPECT_EQ(all.results(), (Codes{MACH_SEND_INVALID_DEST, MACH_RCV_INVALID_NAME, MACH_SEND_INVALID_DEST}));
    EXPECT_EQ(all.run(NETMSG_STOP), 1U);
  }));
}

TEST(Msgv, EndsWithTheDaemon) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  EXPECT_TRUE(in_process("/dev/null/none", [] {
    auto own = std::make_unique<TestDaemon>();
    ::setenv("NETMSGD_SOCKET", own->path().c_str(), 1);
    const mach_port_t port = new_port();
    Operations all;
    for (int i = 0; i < 300; ++i) all.receive(port);
    std::thread streamer([&] { all.run(); });
    EXPECT_TRUE(own->becomes([&] { return own->engine().spaces().at(0).blocked_calls == 1; }));
    own.reset();
    streamer.join();
    EXPECT_EQ(all.at(0).result, MACH_RCV_PORT_DIED);
    EXPECT_EQ(all.at(299).result, MACH_RCV_INVALID_NAME);
  }));
}

// An account that cannot bear a batch bears the operations one by one.
TEST(Msgv, GoesOneByOneWhereTheQuotaHasNoRoom) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer follows no threads in a process forked from one that has threads";
#endif
  EXPECT_TRUE(in_process("/dev/null/none", [] {
    session::UserLimits limits;
    limits.account.bytes = 4096;
    const TestDaemon own(limits);
    ::setenv("NETMSGD_SOCKET", own.path().c_str(), 1);
    const mach_port_t port = new_port();
    Operations all;
    for (int id = 0; id < 200; ++id) all.send(port, id).receive(port);
    EXPECT_EQ(all.run(), 400U);
    for (int id = 0; id < 200; ++id) EXPECT_EQ(all.id_at(static_cast<std::size_t>(2 * id + 1)), id);
    EXPECT_EQ(all.results(), Codes(400, 0));
  }));
}

// ---------------------------------------------------------------- as if one by one

struct Ports {
  std::vector<mach_port_t> names;
  Ports() {
    for (int i = 0; i < 3; ++i) names.push_back(new_port());
    names.push_back(4711);
  }
};

// The same random operation, which does not wait, on the same port of two equal sets.
void add_to_both(std::mt19937& random, Operations& a, const Ports& a_ports, Operations& b,
                 const Ports& b_ports) {
  const std::size_t port = random() % a_ports.names.size();
  const auto id = static_cast<mach_msg_id_t>(random() % 1000);
  const std::size_t size = 8 * (random() % 16 == 0 ? random() % 10000 : random() % 12);
  const mach_msg_option_t large = random() % 2 == 0 ? MACH_RCV_LARGE : 0;
  const bool sends = random() % 2 == 0;
  for (auto [operations, ports] : {std::pair{&a, &a_ports}, std::pair{&b, &b_ports}}) {
    if (sends)
      operations->send(ports->names[port], id, kSendNow, std::max(size, sizeof(mach_msg_header_t)));
    else
      operations->receive(ports->names[port], kReceiveNow | large, size);
  }
}

void expect_same_as_one_by_one(const netmsg_operation_t& together, const netmsg_operation_t& one) {
  EXPECT_EQ(together.result,
            mach_msg(one.msg, one.option, one.send_size, one.rcv_size, one.rcv_name, 0, MACH_PORT_NULL));
  if (one.rcv_size < sizeof(mach_msg_header_t)) return;
  EXPECT_EQ(together.msg->msgh_id, one.msg->msgh_id);
  EXPECT_EQ(together.msg->msgh_size, one.msg->msgh_size);
}

TEST(Msgv, IsTheSameAsOneByOne) {
  std::mt19937 random(test_seed());
  const Ports together;
  const Ports single;
  for (int round = 0; round < scaled(200) && !HasFailure(); ++round) {
    Operations a;
    Operations b;
    for (auto left = 1 + random() % 300; left > 0; --left) add_to_both(random, a, together, b, single);
    const unsigned begun = a.run(random() % 4 == 0 ? NETMSG_STOP : 0);
    for (unsigned at = 0; at < begun; ++at) expect_same_as_one_by_one(a.at(at), b.at(at));
    for (std::size_t at = begun; at < a.size(); ++at) EXPECT_EQ(a.at(at).result, NETMSG_NOT_BEGUN);
    EXPECT_TRUE(begun == a.size() || a.at(begun - 1).result != MACH_MSG_SUCCESS);
  }
}

// Two programs that stream to each other: everything comes, in order.
TEST(Msgv, StreamsBothWays) {
  const mach_port_t there = new_port();
  const mach_port_t back = new_port();
  const int rounds = scaled(500);
  constexpr int kInFlight = 16;
  for (const mach_port_t port : {there, back})
    ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, kInFlight), KERN_SUCCESS);
  std::thread echo([&] {
    for (int round = 0; round < rounds; ++round) {
      Operations in;
      for (int i = 0; i < kInFlight; ++i) in.receive(there);
      ASSERT_EQ(in.run(), in.size());
      Operations out;
      for (std::size_t at = 0; at < in.size(); ++at) out.send(back, in.id_at(at));
      ASSERT_EQ(out.run(), out.size());
    }
  });
  for (int round = 0; round < rounds; ++round) {
    Operations all;
    for (int i = 0; i < kInFlight; ++i) all.send(there, round * kInFlight + i);
    for (int i = 0; i < kInFlight; ++i) all.receive(back);
    ASSERT_EQ(all.run(), all.size());
    for (int i = 0; i < kInFlight; ++i)
      ASSERT_EQ(all.id_at(static_cast<std::size_t>(kInFlight + i)), round * kInFlight + i);
  }
  echo.join();
}

}  // namespace
}  // namespace netmsg::test
