// SPDX-License-Identifier: Apache-2.0
// Lanes with rings (proto/local/ring.h), as clients use them that speak by hand: well, badly, and as enemies of the daemon.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "proto/local/ring_ends.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::Kind;
using local::RingReader;

Frame allocate_call(std::uint64_t id) {
  return frame(
      Kind::kPortCall, id,
      local::PortCall{static_cast<std::uint32_t>(local::Call::kAllocate), 0, {MACH_PORT_RIGHT_RECEIVE}});
}
Frame type_call(std::uint64_t id) {
  return frame(Kind::kPortCall, id, local::PortCall{static_cast<std::uint32_t>(local::Call::kType), 0, {1}});
}
Frame receive_from(std::uint64_t id, std::uint32_t name, std::uint32_t option = MACH_RCV_MSG,
                   std::uint32_t size = 4096) {
  return frame(Kind::kMachMsg, id, local::MachMsg{option, 0, size, name, 0, 0, 0, 0});
}
Frame send_to(std::uint64_t id, std::uint32_t name) {
  struct {
    local::MachMsg request;
    mach_msg_header_t message;
  } both{{MACH_SEND_MSG, sizeof(mach_msg_header_t), 0, 0, 0, 0, 0, 0}, {}};
  both.message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0U);
  both.message.msgh_remote_port = name;
  return frame(Kind::kMachMsg, id, both);
}

constexpr std::uint32_t kLarge = 1U << 20;

// A message of kLarge bytes, which behind its header are all `fill`.
Frame large_send_to(std::uint64_t id, std::uint32_t name, char fill) {
  Frame large = send_to(id, name);
  local::FrameHeader header{};
  std::memcpy(&header, large.data(), sizeof header);
  header.length = sizeof(local::MachMsg) + kLarge;
  std::memcpy(large.data(), &header, sizeof header);
  std::memcpy(large.data() + sizeof header + offsetof(local::MachMsg, send_size), &kLarge, sizeof kLarge);
  large.resize(sizeof header + header.length, static_cast<std::byte>(fill));
  return large;
}

// A mapping of a lane's file: as another process would have one, beside those of the daemon and of the client.
class RingMapping {
 public:
  explicit RingMapping(int file)
      : pair_(static_cast<local::RingPair*>(
            ::mmap(nullptr, sizeof(local::RingPair), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))) {}
  ~RingMapping() { ::munmap(pair_, sizeof *pair_); }
  RingMapping(const RingMapping&) = delete;
  RingMapping& operator=(const RingMapping&) = delete;

  local::RingPair& pair() const { return *pair_; }

 private:
  local::RingPair* pair_;
};

// A task with one lane, which has rings.
class RingClient {
 public:
  explicit RingClient(const std::string& path)
      : main_(RawConnection::connect(path)), socket_(base::UniqueFd()) {
    main_.send(frame(Kind::kHello, 0, kGoodHello));
    main_.receive<local::Welcome>(Kind::kWelcome);
    main_.send(bare_frame(Kind::kOpenRingLane, 0));
    local::LaneOpened opened{};
    std::vector<base::UniqueFd> ends = main_.receive_with_descriptors(&opened);
    if (ends.size() != 2) throw std::runtime_error("no ring lane");
    socket_ = RawConnection(std::move(ends[0]));
    file_ = std::move(ends[1]);
    mapping_.emplace(file_.get());
    writer_.emplace(pair().to_daemon);
    reader_.emplace(pair().to_client);
  }

  RawConnection& main() { return main_; }
  RawConnection& socket() { return socket_; }
  int file() const { return file_.get(); }
  local::RingPair& pair() { return mapping_->pair(); }
  RingReader& reader() { return *reader_; }

  // False: there is no room.
  bool put(const Frame& bytes) {
    if (!writer_->begin(bytes.size())) return false;
    writer_->put(bytes.data(), bytes.size());
    writer_->publish();
    if (writer_->wake_due()) ring();
    return true;
  }
  // The same, with the payload in the window. Also if that may not be used.
  void put_in_window(const Frame& bytes) {
    local::FrameHeader header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (!writer_->begin_in_window(header)) throw std::runtime_error("no room in the window");
    writer_->put(bytes.data() + sizeof header, bytes.size() - sizeof header);
    writer_->publish();
    if (writer_->wake_due()) ring();
  }
  // The payload of the next answer, which has to be in the window.
  Frame answer_in_window() {
    local::FrameHeader header{};
    if (!becomes_ready()) return {};
    reader_->take(&header, sizeof header);
    if (header.zero != local::kInWindow || !reader_->go_to_window(header.length)) return {};
    Frame payload(header.length);
    reader_->take(payload.data(), payload.size());
    reader_->release();
    return payload;
  }
  std::size_t memory_bytes() const {
    struct stat status {};
    return ::fstat(file_.get(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks) * 512 : 0;
  }
  void ring() { socket_.send(bare_frame(Kind::kBell, 0)); }
  void punch() {
    ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, sizeof(local::RingPair));
  }

  // The next answer in the ring, within ten seconds; its id. Its payload, or the beginning of it, as T.
  template <typename T>
  std::optional<T> answer(std::uint64_t* id = nullptr) {
    local::FrameHeader header;
    T value;
    if (!becomes_ready()) return std::nullopt;
    reader_->take(&header, sizeof header);
    reader_->take(&value, sizeof value);
    reader_->skip(header.length - sizeof value);
    reader_->release();
    if (id != nullptr) *id = header.id;
    return value;
  }
  std::optional<local::PortCallDone> call(const Frame& request) {
    return put(request) ? answer<local::PortCallDone>() : std::nullopt;
  }
  bool is_served() {
    const auto done = call(allocate_call(1));
    return done && done->code == KERN_SUCCESS;
  }
  // Has the daemon ended this task?
  bool is_ended() { return main_.ends(); }
  bool becomes_ready() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (reader_->look() == RingReader::Look::kEmpty) {
      if (std::chrono::steady_clock::now() > deadline || hung_up()) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  bool hung_up() {
    pollfd waiting{main_.fd(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

  RawConnection main_;
  RawConnection socket_;
  base::UniqueFd file_;
  std::optional<RingMapping> mapping_;
  std::optional<local::RingWriter> writer_;
  std::optional<RingReader> reader_;
};

class RingLanes : public testing::Test {
 protected:
  TestDaemon daemon;
  // Whatever one client does, another one is served.
  void TearDown() override {
    RawClient by_socket(daemon.path());
    EXPECT_TRUE(by_socket.is_served());
    RingClient by_ring(daemon.path());
    EXPECT_TRUE(by_ring.is_served());
  }
};

TEST_F(RingLanes, CarryRequestsAndAnswers) {
  RingClient client(daemon.path());
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    ASSERT_TRUE(client.put(type_call(id)));
    std::uint64_t answered = 0;
    const auto done = client.answer<local::PortCallDone>(&answered);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->code, KERN_SUCCESS);
    EXPECT_EQ(answered, id);
  }
}

TEST_F(RingLanes, AnswerOnTheSocketWhatWasAskedThere) {
  RingClient client(daemon.path());
  client.socket().send(type_call(5));
  EXPECT_TRUE(client.socket().receive<local::PortCallDone>(Kind::kPortCallDone));
  EXPECT_EQ(client.reader().elsewhere(), 1U);
  EXPECT_EQ(client.reader().look(), RingReader::Look::kEmpty);
  EXPECT_TRUE(client.is_served());
}

TEST_F(RingLanes, AreOfASizeThatNobodyCanChange) {
  RingClient client(daemon.path());
  EXPECT_NE(::ftruncate(client.file(), 0), 0);
  EXPECT_NE(::ftruncate(client.file(), 1 << 30), 0);
  EXPECT_NE(::fcntl(client.file(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
}

TEST_F(RingLanes, RingForAClientThatSleepsAndForNoOther) {
  RingClient client(daemon.path());
  ASSERT_TRUE(client.is_served());
  pollfd bell{client.socket().fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&bell, 1, 0), 0);
  ASSERT_TRUE(client.reader().fall_asleep());
  ASSERT_TRUE(client.put(type_call(1)));
  EXPECT_EQ(::poll(&bell, 1, 10'000), 1);
  local::FrameHeader header{};
  EXPECT_EQ(::recv(bell.fd, &header, sizeof header, MSG_WAITALL), ssize_t{sizeof header});
  EXPECT_EQ(header.kind, static_cast<std::uint16_t>(Kind::kBell));
  EXPECT_TRUE(client.answer<local::PortCallDone>());
  EXPECT_TRUE(client.is_served());
  EXPECT_EQ(::poll(&bell, 1, 0), 0) << "one bell for one sleep";
}

// Until the word is not `value` any more, as a client does that sleeps there. False: nobody has woken us.
bool sleeps_at(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  const timespec most{10, 0};
  while (word == value) {
    if (::syscall(SYS_futex, &word, FUTEX_WAIT, value, &most, nullptr, 0) != 0 && errno == ETIMEDOUT)
      return false;
  }
  return true;
}

TEST_F(RingLanes, WakeAClientAtTheWordWhereItSleeps) {
  RingClient client(daemon.path());
  ASSERT_TRUE(client.is_served());
  for (std::uint64_t id = 1; id <= 100; ++id) {
    ASSERT_TRUE(client.reader().fall_asleep(local::Sleep::kAtTheWord));
    ASSERT_TRUE(client.put(type_call(id)));
    ASSERT_TRUE(sleeps_at(client.pair().to_client.words.asleep, 2));
    EXPECT_TRUE(client.answer<local::PortCallDone>());
  }
  pollfd bell{client.socket().fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&bell, 1, 0), 0) << "and not by the bell";
}

TEST_F(RingLanes, WakeAClientAtTheWordForAnAnswerInTheSocketToo) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  client.socket().send(large_send_to(2, port, 'a'));
  client.socket().receive<local::MachMsgDone>(Kind::kMachMsgDone);
  ASSERT_TRUE(client.reader().fall_asleep(local::Sleep::kAtTheWord));
  const std::uint32_t elsewhere = client.reader().elsewhere();
  client.socket().send(receive_from(3, port, MACH_RCV_MSG, kLarge + 4096));
  ASSERT_TRUE(sleeps_at(client.pair().to_client.words.asleep, 2));
  EXPECT_NE(client.reader().elsewhere(), elsewhere);
}

// Two requests at once are nobody's right, but no reason to forget somebody who sleeps.
TEST_F(RingLanes, WakeAClientForAnAnswerThoughItsNextRequestIsThere) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  for (std::uint64_t id = 2; id < 100; id += 2) {
    Frame both = type_call(id);
    const Frame next = receive_from(id + 1, port);
    both.insert(both.end(), next.begin(), next.end());
    ASSERT_TRUE(client.reader().fall_asleep(local::Sleep::kAtTheWord));
    ASSERT_TRUE(client.put(both));
    ASSERT_TRUE(sleeps_at(client.pair().to_client.words.asleep, 2));
    EXPECT_TRUE(client.answer<local::PortCallDone>());
    ASSERT_TRUE(client.put(bare_frame(Kind::kCancel, id + 1)));
    EXPECT_TRUE(client.answer<local::MachMsgDone>());
  }
}

// What comes from somebody who waits for an answer is Cancel, or breaks the rules: nobody looks for it.
TEST_F(RingLanes, WantABellFromAClientThatWaitsForAnAnswer) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  ASSERT_TRUE(client.put(receive_from(2, port)));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (client.pair().to_daemon.words.asleep == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ASSERT_EQ(client.pair().to_daemon.words.asleep, 1U);
  ASSERT_TRUE(client.put(bare_frame(Kind::kCancel, 2)));
  const auto done = client.answer<local::MachMsgDone>();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_RCV_INTERRUPTED));
}

TEST_F(RingLanes, CancelABlockedReceiveOnce) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  ASSERT_TRUE(client.put(receive_from(2, port)));
  ASSERT_TRUE(client.put(bare_frame(Kind::kCancel, 2)));
  ASSERT_TRUE(client.put(bare_frame(Kind::kCancel, 2)));
  std::uint64_t id = 0;
  const auto done = client.answer<local::MachMsgDone>(&id);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_RCV_INTERRUPTED));
  EXPECT_EQ(id, 2U);
  EXPECT_TRUE(client.is_served());
}

TEST_F(RingLanes, TakeWhatIsInTheRingBeforeTheSocket) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  ASSERT_TRUE(client.put(receive_from(2, port)));
  client.socket().send(bare_frame(Kind::kCancel, 2));
  const auto done = client.answer<local::MachMsgDone>();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_RCV_INTERRUPTED));
}

// 09.6: messages that a client had sent stay.
TEST_F(RingLanes, TakeWhatWasWrittenBeforeTheEnd) {
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  client.main().send(bare_frame(Kind::kOpenLane, 0));
  local::LaneOpened opened{};
  RawConnection other(client.main().receive_with_descriptor(&opened));
  ASSERT_TRUE(client.put(send_to(2, port)));
  client.socket().close();
  other.send(receive_from(3, port));
  const auto done = other.receive<local::MachMsgDone>(Kind::kMachMsgDone);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
}

// What has no room in the ring takes the socket; nothing is lost, and once it is read the client is listened to again.
TEST_F(RingLanes, AnswerAClientThatReadsLateOnceForEachRequest) {
  RingClient client(daemon.path());
  const Frame request = type_call(1);
  int asked = 0;
  const auto stuck_since = [] { return std::chrono::steady_clock::now(); };
  for (auto since = stuck_since();
       std::chrono::steady_clock::now() - since < std::chrono::milliseconds(300);) {
    if (!client.put(request)) continue;
    ++asked;
    since = stuck_since();
  }
  const int per_ring = static_cast<int>(local::kRingBytes / request.size());
  EXPECT_GT(asked, 3 * per_ring) << "both rings and some of the socket";
  int answered = 0;
  while (answered < asked) {
    while (client.reader().look() == RingReader::Look::kSome && client.answer<local::PortCallDone>())
      ++answered;
    pollfd waiting{client.socket().fd(), POLLIN, 0};
    if (::poll(&waiting, 1, 10) <= 0) continue;
    ASSERT_TRUE(client.socket().receive<local::PortCallDone>(Kind::kPortCallDone)) << answered;
    ++answered;
  }
  EXPECT_TRUE(client.is_served());
}

// ---------------------------------------------------------------- windows

class RingWindows : public RingLanes {
 protected:
  // Sends one large message through the socket, which opens the windows.
  std::uint32_t port_of(RingClient& client) {
    const std::uint32_t port = client.call(allocate_call(1))->outs[0];
    client.socket().send(large_send_to(2, port, 'a'));
    const auto done = client.socket().receive<local::MachMsgDone>(Kind::kMachMsgDone);
    EXPECT_TRUE(done && done->code == static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
    EXPECT_TRUE(daemon.becomes([&] { return client.pair().to_daemon.words.window == 1; }));
    return port;
  }
  std::uint32_t open_windows() {
    return daemon.on_owner([this] { return daemon.users().find(::getuid()).windows; });
  }
};

bool is_message_of(const Frame& payload, char fill) {
  const std::size_t head = sizeof(local::MachMsgDone) + sizeof(mach_msg_header_t);
  return payload.size() == sizeof(local::MachMsgDone) + kLarge &&
         std::all_of(payload.begin() + static_cast<std::ptrdiff_t>(head), payload.end(),
                     [fill](std::byte byte) { return byte == static_cast<std::byte>(fill); });
}

TEST_F(RingWindows, CarryLargeMessagesBothWays) {
  RingClient client(daemon.path());
  const std::uint32_t port = port_of(client);
  for (const char fill : {'b', 'c'}) {
    client.put_in_window(large_send_to(3, port, fill));
    const auto done = client.answer<local::MachMsgDone>();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
  }
  for (const char fill : {'a', 'b', 'c'}) {
    ASSERT_TRUE(client.put(receive_from(4, port, MACH_RCV_MSG, kLarge)));
    EXPECT_TRUE(is_message_of(client.answer_in_window(), fill));
  }
  EXPECT_TRUE(client.is_served());
}

// 09.5: who is idle keeps none.
TEST_F(RingWindows, GoWhenTheyAreNotUsedAndComeAgain) {
  RingClient client(daemon.path());
  for (int round = 0; round < 2; ++round) {
    const std::uint32_t port = port_of(client);
    client.put_in_window(large_send_to(3, port, 'b'));
    ASSERT_TRUE(client.answer<local::MachMsgDone>());
    EXPECT_EQ(open_windows(), 1U);
    EXPECT_GT(client.memory_bytes(), kLarge);
    EXPECT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).windows == 0; }));
    EXPECT_EQ(client.pair().to_daemon.words.window, 0U);
    EXPECT_LT(client.memory_bytes(), kLarge);
    EXPECT_TRUE(client.is_served());
  }
}

TEST_F(RingWindows, GoWithTheirLane) {
  {
    RingClient client(daemon.path());
    port_of(client);
    EXPECT_EQ(open_windows(), 1U);
  }
  EXPECT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).windows == 0; }));
}

TEST_F(RingWindows, AreNotForAnswersToWhoHasNotReadTheLast) {
  RingClient client(daemon.path());
  const std::uint32_t port = port_of(client);
  client.put_in_window(large_send_to(3, port, 'b'));
  ASSERT_TRUE(client.answer<local::MachMsgDone>());
  ASSERT_TRUE(client.put(receive_from(4, port, MACH_RCV_MSG, kLarge)));
  ASSERT_TRUE(client.becomes_ready());
  ASSERT_TRUE(client.put(receive_from(5, port, MACH_RCV_MSG, kLarge)));
  const auto second = client.socket().receive<local::MachMsgDone>(Kind::kMachMsgDone);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->code, static_cast<std::uint32_t>(MACH_MSG_SUCCESS));
  EXPECT_TRUE(is_message_of(client.answer_in_window(), 'a'));
}

TEST(RingWindowLimits, LeaveLargeMessagesToTheSocket) {
  session::UserLimits limits;
  limits.windows = 0;
  TestDaemon daemon(limits);
  RingClient client(daemon.path());
  const std::uint32_t port = client.call(allocate_call(1))->outs[0];
  for (int i = 0; i < 2; ++i) {
    client.socket().send(large_send_to(2, port, 'a'));
    ASSERT_TRUE(client.socket().receive<local::MachMsgDone>(Kind::kMachMsgDone));
    EXPECT_EQ(client.pair().to_daemon.words.window, 0U);
  }
}

TEST(RingLaneLimits, LeaveOthersWithoutRings) {
  session::UserLimits limits;
  limits.ring_lanes = 2;
  limits.ring_lanes_of_all = 3;
  TestDaemon daemon(limits);
  RawClient client(daemon.path());
  std::vector<std::vector<base::UniqueFd>> lanes;
  const auto descriptors_of_another = [&] {
    client.main().send(bare_frame(Kind::kOpenRingLane, 0));
    local::LaneOpened opened{};
    lanes.push_back(client.main().receive_with_descriptors(&opened));
    EXPECT_EQ(opened.code, static_cast<std::uint32_t>(local::LaneCode::kOk));
    return lanes.back().size();
  };
  EXPECT_EQ(descriptors_of_another(), 2U);
  EXPECT_EQ(descriptors_of_another(), 2U);
  EXPECT_EQ(descriptors_of_another(), 1U) << "a lane without";
  lanes.erase(lanes.begin());
  ASSERT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).ring_lanes == 1; }));
  EXPECT_EQ(descriptors_of_another(), 2U) << "what was given back";
}

// 09.5: an idle daemon uses no processor, though a lane was busy just before.
TEST_F(RingLanes, CostNothingWhenIdle) {
  RingClient client(daemon.path());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.is_served());
  std::atomic<std::uint32_t>& asleep = client.pair().to_daemon.words.asleep;
  ASSERT_TRUE(daemon.becomes([&] { return asleep == 1; }));
  const auto used_ms = [this] {
    return daemon.on_owner([] {
      timespec used{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
      return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
    });
  };
  const auto before = used_ms();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the time that is measured
  EXPECT_LT(used_ms() - before, 30);
  EXPECT_TRUE(client.is_served());
}

// ---------------------------------------------------------------- enemies (spec 09 §3)

// 09.3
TEST_F(RingLanes, EndTheTaskOfWhoBreaksTheRules) {
  struct {
    const char* name;
    void (*act)(RingClient&);
  } const cases[] = {
      {"a tail beyond the ring",
       [](RingClient& c) { c.pair().to_daemon.words.tail = local::kRingBytes + 1; }},
      {"a tail far beyond", [](RingClient& c) { c.pair().to_daemon.words.tail = UINT64_MAX; }},
      {"a start behind the tail",
       [](RingClient& c) {
         c.pair().to_daemon.words.start = 100;
         c.pair().to_daemon.words.tail = 50;
       }},
      {"half a header", [](RingClient& c) { c.put(Frame(8)); }},
      {"half a frame", [](RingClient& c) { c.put(bare_frame(Kind::kPortCall, 1, 56)); }},
      {"a frame that says it is huge",
       [](RingClient& c) { c.put(bare_frame(Kind::kMachMsg, 1, UINT32_MAX)); }},
      {"a reserved field", [](RingClient& c) { c.put(bare_frame(Kind::kCancel, 1, 0, 1)); }},
      {"zeros", [](RingClient& c) { c.put(Frame(64)); }},
      {"a frame in a window that is not open",
       [](RingClient& c) { c.put_in_window(large_send_to(1, 1, 'a')); }},
      {"a frame longer than a window",
       [](RingClient& c) {
         c.put(bare_frame(Kind::kMachMsg, 1, local::kWindowBytes + 1, local::kInWindow));
       }},
      {"a bell in the ring", [](RingClient& c) { c.put(bare_frame(Kind::kBell, 0)); }},
      {"a bell with an id", [](RingClient& c) { c.socket().send(bare_frame(Kind::kBell, 1)); }},
      {"Hello", [](RingClient& c) { c.put(frame(Kind::kHello, 0, kGoodHello)); }},
      {"a bell on the main connection", [](RingClient& c) { c.main().send(bare_frame(Kind::kBell, 0)); }},
  };
  for (const auto& one : cases) {
    RingClient offender(daemon.path());
    ASSERT_TRUE(offender.is_served());
    RingClient other(daemon.path());
    one.act(offender);
    offender.ring();
    EXPECT_TRUE(offender.is_ended()) << one.name;
    EXPECT_TRUE(other.is_served()) << one.name;
  }
}

TEST_F(RingLanes, AreDeadForWhoPunchesTheirPages) {
  RingClient client(daemon.path());
  ASSERT_TRUE(client.is_served());
  client.punch();
  client.ring();
  EXPECT_TRUE(client.is_ended()) << "the positions went back";
}

TEST_F(RingLanes, TakeAHeadThatLiesForAFullRing) {
  RingClient client(daemon.path());
  ASSERT_TRUE(client.is_served());
  client.pair().to_client.words.head = UINT64_MAX;
  ASSERT_TRUE(client.put(type_call(1)));
  EXPECT_TRUE(client.socket().receive<local::PortCallDone>(Kind::kPortCallDone));
}

// Memory that changes while it is read, holes that come and go, positions that jump: whatever becomes of that client,
// the daemon lives (and the sanitizers look on). Who scribbles has a mapping of its own: what it does to the client
// that it shares the file with is no race of ours.
TEST_F(RingLanes, SurviveWhateverIsWrittenMeanwhile) {
  std::mt19937_64 random{test_seed()};
  for (int round = 0, rounds = scaled(100); round < rounds; ++round) {
    RingClient client(daemon.path());
    std::atomic<bool> over{false};
    std::thread scribbler([&, seed = random()] {
      std::mt19937_64 own{seed};
      const RingMapping mapping(client.file());
      auto* const bytes = reinterpret_cast<std::byte*>(&mapping.pair());
      while (!over) {
        const std::uint64_t where = own();
        bytes[where % 8 != 0 ? 4096 + where % 512 : where / 8 % 128] = static_cast<std::byte>(own() >> 60);
        if (where % 1024 == 0) client.punch();
      }
    });
    for (int i = 0; i < 200; ++i) {
      client.put(i % 2 == 0 ? type_call(1) : receive_from(2, 1, MACH_RCV_MSG | MACH_RCV_TIMEOUT));
      if (i % 16 == 0) client.ring();
    }
    over = true;
    scribbler.join();
  }
}

TEST_F(RingLanes, ServeOthersWhileBellsAreRung) {
  RingClient flooder(daemon.path());
  RingClient other(daemon.path());
  std::atomic<bool> over{false};
  std::thread flood([&] {
    while (!over) flooder.ring();
  });
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(other.is_served());
  over = true;
  flood.join();
  EXPECT_TRUE(flooder.is_served());
}

TEST_F(RingLanes, ServeOthersWhileOneNeverReads) {
  RingClient flooder(daemon.path());
  RingClient other(daemon.path());
  std::atomic<bool> over{false};
  std::thread flood([&] {
    while (!over) flooder.put(type_call(1));
  });
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(other.is_served());
  over = true;
  flood.join();
}

}  // namespace
}  // namespace netmsg::test
