// SPDX-License-Identifier: Apache-2.0
// Sessions over a real socket: the order of things, deaths, and clients that break the rules.
#include "daemon/session/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <mach/notify.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/support/seed.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::Kind;

local::MachMsg receive_request(std::uint32_t name, std::uint32_t option = MACH_RCV_MSG,
                               std::uint32_t timeout_ms = 0) {
  return {option, 0, 4096, name, timeout_ms, 0, 0, 0};
}

Frame send_frame(std::uint64_t id, std::uint32_t option, const mach_msg_header_t& message) {
  struct {
    local::MachMsg request;
    mach_msg_header_t message;
  } both{{option, sizeof message, 4096, 0, 0, 0, 0, 0}, message};
  return frame(Kind::kMachMsg, id, both);
}

mach_msg_header_t header_to(std::uint32_t name, unsigned disposition, mach_msg_id_t id = 1) {
  mach_msg_header_t header{};
  header.msgh_bits = MACH_MSGH_BITS(disposition, 0U);
  header.msgh_remote_port = name;
  header.msgh_id = id;
  return header;
}

class Sessions : public ::testing::Test {
 protected:
  TestDaemon daemon;

  RawConnection connect() { return RawConnection::connect(daemon.path()); }
  std::uint32_t new_port(RawClient& client) {
    return client.call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE)->outs[0];
  }
  bool tasks_become(std::size_t count) {
    return daemon.tasks_become([count](const auto& rows) { return rows.size() == count; });
  }
};

TEST_F(Sessions, BeginWithHelloAndWelcome) {
  RawClient client(daemon.path());
  EXPECT_EQ(client.welcome().version, local::kVersion);
  EXPECT_EQ(client.welcome().task_port, local::kTaskSelfName);
  EXPECT_EQ(client.welcome().inline_max, 1U << 20);
  EXPECT_TRUE(client.is_served());
  ASSERT_EQ(daemon.tasks().size(), 1U);
  EXPECT_EQ(daemon.tasks()[0].pid, ::getpid());
  EXPECT_EQ(daemon.tasks()[0].uid, ::getuid());
  EXPECT_EQ(daemon.tasks()[0].lanes, 1U);
}

TEST_F(Sessions, RefuseAVersionTheyDoNotSpeak) {
  auto connection = connect();
  connection.send(frame(Kind::kHello, 0, local::Hello{local::kMagic, 7, 9}));
  const auto refused = connection.receive<local::Refused>(Kind::kRefused);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, static_cast<std::uint32_t>(local::RefusedReason::kNoCommonVersion));
  EXPECT_EQ(refused->version_max, local::kVersion);
  EXPECT_TRUE(connection.ends());
}

TEST_F(Sessions, EndWithTheMainConnection) {
  RawClient client(daemon.path());
  ASSERT_TRUE(client.is_served());
  client.main().close();
  EXPECT_TRUE(client.lane().ends());
  EXPECT_TRUE(tasks_become(0));
}

// What the event loop still has to say about descriptors that are closed must not be taken for news of the next client's.
TEST_F(Sessions, AreNotEndedByTheEndOfOthers) {
  for (int i = 0; i < 200; ++i) {
    auto leaver = std::make_unique<RawClient>(daemon.path());
    leaver->main().close();
    leaver.reset();
    RawClient next(daemon.path());
    ASSERT_TRUE(next.is_served()) << "round " << i;
  }
}

TEST_F(Sessions, GiveLanesAndTakeThemBack) {
  RawClient client(daemon.path());
  {
    const auto second = client.open_lane();
    const auto third = client.open_lane();
    EXPECT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.at(0).lanes == 3; }));
  }
  EXPECT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.at(0).lanes == 1; }));
  EXPECT_TRUE(client.is_served());
}

TEST(SessionLimits, RefuseALaneTooMany) {
  TestDaemon daemon({}, 2);
  RawClient client(daemon.path());
  const auto second = client.open_lane();
  EXPECT_GE(second.fd(), 0);
  client.main().send(bare_frame(Kind::kOpenLane, 0));
  local::LaneOpened opened{};
  EXPECT_FALSE(client.main().receive_with_descriptor(&opened));
  EXPECT_EQ(opened.code, static_cast<std::uint32_t>(local::LaneCode::kTooMany));
  EXPECT_TRUE(client.is_served());
}

TEST(SessionLimits, RefuseATaskTooMany) {
  session::UserLimits limits;
  limits.tasks = 1;
  TestDaemon daemon(limits);
  RawClient first(daemon.path());
  auto second = RawConnection::connect(daemon.path());
  second.send(frame(Kind::kHello, 0, kGoodHello));
  const auto refused = second.receive<local::Refused>(Kind::kRefused);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, static_cast<std::uint32_t>(local::RefusedReason::kTooManyTasks));
  first.main().close();
  EXPECT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.empty(); }));
  RawClient third(daemon.path());
  EXPECT_TRUE(third.is_served()) << "the place is free again";
}

TEST(SessionLimits, TurnAwayWhoConnectsTooOftenWithoutAWord) {
  session::UserLimits limits;
  limits.handshakes = 2;
  TestDaemon daemon(limits);
  auto first = RawConnection::connect(daemon.path());
  auto second = RawConnection::connect(daemon.path());
  auto third = RawConnection::connect(daemon.path());
  EXPECT_TRUE(third.ends());
  first.send(frame(Kind::kHello, 0, kGoodHello));
  EXPECT_TRUE(first.receive<local::Welcome>(Kind::kWelcome));
  auto fourth = RawConnection::connect(daemon.path());
  fourth.send(frame(Kind::kHello, 0, kGoodHello));
  EXPECT_TRUE(fourth.receive<local::Welcome>(Kind::kWelcome));
}

TEST_F(Sessions, EndAConnectionThatSaysNothing) {
  auto silent = connect();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(silent.ends());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(local::kHandshakeMs - 100));
}

TEST_F(Sessions, CarryAMessage) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  ASSERT_TRUE(
      client.lane().send(send_frame(21, MACH_SEND_MSG, header_to(port, MACH_MSG_TYPE_MAKE_SEND, 1234))));
  std::uint64_t id = 0;
  auto done = client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone, &id);
  ASSERT_TRUE(done);
  EXPECT_EQ(id, 21U);
  EXPECT_EQ(done->code, 0U);
  EXPECT_EQ(done->length, 0U);
  client.lane().send(frame(Kind::kMachMsg, 22, receive_request(port)));
  done = client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone, &id);
  ASSERT_TRUE(done);
  EXPECT_EQ(id, 22U);
  ASSERT_EQ(done->length, sizeof(mach_msg_header_t));
  mach_msg_header_t received;
  std::memcpy(&received, client.lane().payload().data() + sizeof *done, sizeof received);
  EXPECT_EQ(received.msgh_id, 1234);
  EXPECT_EQ(received.msgh_local_port, port);
}

TEST_F(Sessions, KeepDeadlines) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  client.lane().send(frame(Kind::kMachMsg, 1, receive_request(port, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 30)));
  const auto done = client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_RCV_TIMED_OUT));
}

TEST_F(Sessions, AnswerACancelledRequestOnceAndTheCancelNever) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  client.lane().send(frame(Kind::kMachMsg, 5, receive_request(port)));
  client.lane().send(bare_frame(Kind::kCancel, 4));  // another request's: nothing
  client.lane().send(bare_frame(Kind::kCancel, 5));
  client.lane().send(bare_frame(Kind::kCancel, 5));
  std::uint64_t id = 0;
  const auto done = client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone, &id);
  ASSERT_TRUE(done);
  EXPECT_EQ(id, 5U);
  EXPECT_EQ(done->code, static_cast<std::uint32_t>(MACH_RCV_INTERRUPTED));
  client.lane().send(bare_frame(Kind::kCancel, 5));
  EXPECT_TRUE(client.is_served()) << "the next answer is the next call's";
}

TEST_F(Sessions, CancelWhatAClosedLaneLeavesBlocked) {
  RawClient client(daemon.path());
  const std::uint32_t port = new_port(client);
  {
    auto second = client.open_lane();
    second.send(frame(Kind::kMachMsg, 1, receive_request(port)));
    second.send(Frame(5));  // half a frame
  }
  ASSERT_TRUE(daemon.tasks_become([](const auto& rows) { return rows.size() == 1 && rows[0].lanes == 1; }));
  client.lane().send(send_frame(3, MACH_SEND_MSG, header_to(port, MACH_MSG_TYPE_MAKE_SEND)));
  ASSERT_TRUE(client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone));
  client.lane().send(frame(Kind::kMachMsg, 4, receive_request(port, MACH_RCV_MSG | MACH_RCV_TIMEOUT)));
  EXPECT_EQ(client.lane().receive<local::MachMsgDone>(Kind::kMachMsgDone)->code, 0U) << "nobody else took it";
}

// What a broken rule costs: the offender's task, nobody else's.
struct Offence {
  const char* what;
  bool on_main;
  Frame bytes;
};

// The largest message, and the most memory in the most regions that it can have.
constexpr std::uint32_t kLongestMachMsg =
    sizeof(local::MachMsg) + (1U << 20) + (1U << 16) * sizeof(local::SentRegion) + (1U << 30);

Frame announcing_regions(std::uint32_t regions) {
  const struct {
    local::MachMsg request;
    mach_msg_header_t message;
  } both{{MACH_SEND_MSG, sizeof(mach_msg_header_t), 0, 0, 0, 0, regions, 0}, {}};
  return frame(Kind::kMachMsg, 1, both);
}

std::vector<Offence> offences() {
  const auto call = [](std::uint32_t number, std::uint64_t a, std::uint64_t b) {
    return frame(Kind::kPortCall, 1, local::PortCall{number, 0, {a, b}});
  };
  const auto msg = [](std::uint32_t option, std::uint32_t send_size) {
    return frame(Kind::kMachMsg, 1, local::MachMsg{option, send_size, 0, 0, 0, 0, 0, 0});
  };
  return {
      {"Hello again", true, frame(Kind::kHello, 0, kGoodHello)},
      {"OpenLane with a payload", true, frame(Kind::kOpenLane, 0, std::uint64_t{0})},
      {"OpenLane with an id", true, bare_frame(Kind::kOpenLane, 1)},
      {"a lane's frame on the main connection", true, bare_frame(Kind::kCancel, 0)},
      {"a daemon's frame on the main connection", true, bare_frame(Kind::kWelcome, 0)},
      {"a long frame on the main connection", true, bare_frame(Kind::kOpenLane, 0, 4096)},
      {"an unknown kind on the main connection", true, bare_frame(static_cast<Kind>(999), 0)},
      {"OpenLane on a lane", false, bare_frame(Kind::kOpenLane, 0)},
      {"an answer on a lane", false, frame(Kind::kPortCallDone, 1, local::PortCallDone{})},
      {"an unknown kind on a lane", false, bare_frame(static_cast<Kind>(0), 0)},
      {"a frame of four gigabytes", false, bare_frame(Kind::kMachMsg, 1, 0xFFFFFFFF)},
      {"a message one byte too long", false, bare_frame(Kind::kMachMsg, 1, kLongestMachMsg + 1)},
      {"a reserved field", false, bare_frame(Kind::kPortCall, 1, sizeof(local::PortCall), 1)},
      {"an unknown call", false, call(3209, 0, 0)},
      {"a call that is made by message only", false, call(2058, 1, 0)},
      {"an argument too many", false, call(3201, 1, 1)},
      {"an argument too wide", false, call(3201, 1ULL << 40, 0)},
      {"a call cut short", false, frame(Kind::kPortCall, 1, std::uint64_t{3201})},
      {"a MachMsg without its arguments", false, frame(Kind::kMachMsg, 1, std::uint64_t{0})},
      {"a MachMsg without its bytes", false, msg(MACH_SEND_MSG, 32)},
      {"a size without a send", false, msg(MACH_RCV_MSG, 32)},
      {"a region that is not there", false, announcing_regions(1)},
      {"four thousand million regions", false, announcing_regions(UINT32_MAX)},
      {"a Cancel with a payload", false, frame(Kind::kCancel, 1, std::uint64_t{1})},
  };
}

TEST_F(Sessions, EndTheOffenderAndNobodyElse) {
  RawClient bystander(daemon.path());
  for (const Offence& offence : offences()) {
    SCOPED_TRACE(offence.what);
    RawClient offender(daemon.path());
    ASSERT_TRUE(offender.is_served());
    (offence.on_main ? offender.main() : offender.lane()).send(offence.bytes);
    EXPECT_TRUE(offender.main().ends());
    EXPECT_TRUE(offender.lane().ends());
    EXPECT_TRUE(bystander.is_served());
  }
  EXPECT_TRUE(tasks_become(1));
}

TEST_F(Sessions, EndAClientThatAsksTwiceOnOneLane) {
  RawClient bystander(daemon.path());
  for (const bool second_is_call : {false, true}) {
    RawClient offender(daemon.path());
    const std::uint32_t port = new_port(offender);
    offender.lane().send(frame(Kind::kMachMsg, 1, receive_request(port)));
    if (second_is_call)
      offender.lane().send(frame(Kind::kPortCall, 2, local::PortCall{3201, 0, {port}}));
    else
      offender.lane().send(frame(Kind::kMachMsg, 2, receive_request(port)));
    EXPECT_TRUE(offender.main().ends());
  }
  EXPECT_TRUE(bystander.is_served());
}

TEST_F(Sessions, EndAConnectionWithAnythingButHelloFirst) {
  for (const Frame& first :
       {bare_frame(Kind::kOpenLane, 0), frame(Kind::kHello, 1, kGoodHello),
        frame(Kind::kHello, 0, std::uint64_t{0}), frame(Kind::kHello, 0, local::Hello{local::kMagic, 2, 1}),
        frame(Kind::kHello, 0, std::uint32_t{0})}) {
    auto connection = connect();
    connection.send(first);
    EXPECT_TRUE(connection.ends());
  }
}

TEST_F(Sessions, SurviveNoiseOnBothConnections) {
  const std::uint32_t seed = test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  RawClient bystander(daemon.path());
  for (int round = 0; round < 200; ++round) {
    RawClient offender(daemon.path());
    Frame noise(1 + random() % 300);
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
    // Half of the rounds begin with a sensible header, so that the noise gets further.
    if (round % 2 == 0) {
      const local::FrameHeader header{static_cast<std::uint32_t>(random() % 100),
                                      static_cast<std::uint16_t>(16 + random() % 6), 0, 0};
      Frame framed(sizeof header);
      std::memcpy(framed.data(), &header, sizeof header);
      noise.insert(noise.begin(), framed.begin(), framed.end());
    }
    (random() % 4 == 0 ? offender.main() : offender.lane()).send(noise);
    ASSERT_TRUE(bystander.is_served());
  }
  EXPECT_TRUE(tasks_become(1));
}

TEST_F(Sessions, TellOthersOfADeath) {
  RawClient victim(daemon.path());
  const std::uint32_t port = new_port(victim);
  const std::uint64_t victims_space = daemon.tasks().at(0).space;
  RawClient watcher(daemon.path());
  std::uint64_t watchers_space = 0;
  for (const auto& row : daemon.tasks())
    if (row.space != victims_space) watchers_space = row.space;
  const std::uint32_t right = daemon.on_owner([&] {
    ipc::Engine& engine = daemon.engine();
    auto send = engine.copy_send(*engine.find_space(victims_space), port);
    return engine.insert_send(*engine.find_space(watchers_space), std::move(send.value())).value();
  });
  EXPECT_EQ(watcher.call(local::Call::kType, right)->outs[0], MACH_PORT_TYPE_SEND);
  victim.main().close();
  ASSERT_TRUE(tasks_become(1));
  EXPECT_EQ(watcher.call(local::Call::kType, right)->outs[0], MACH_PORT_TYPE_DEAD_NAME);
}

// A process that is killed while a child of its still holds the connection: the process decides.
TEST_F(Sessions, EndWithTheProcessWhoeverHoldsTheConnection) {
  int report[2];
  ASSERT_EQ(::pipe2(report, O_CLOEXEC), 0);
  const pid_t client = ::fork();
  if (client == 0) {
    const RawClient task(daemon.path());
    const pid_t grandchild = ::fork();
    if (grandchild != 0) {
      if (::write(report[1], &grandchild, sizeof grandchild) < 0) ::_exit(1);
    }
    for (;;) ::pause();
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(report[0], &grandchild, sizeof grandchild), static_cast<ssize_t>(sizeof grandchild));
  ASSERT_TRUE(tasks_become(1));
  ::kill(client, SIGKILL);
  EXPECT_TRUE(tasks_become(0));
  EXPECT_EQ(::kill(grandchild, 0), 0) << "the holder of the connection still lives";
  ::kill(grandchild, SIGKILL);
  ::waitpid(client, nullptr, 0);
  ::close(report[0]);
  ::close(report[1]);
}

TEST_F(Sessions, StopListeningToWhoDoesNotListen) {
  RawClient deaf(daemon.path());
  ASSERT_EQ(::fcntl(deaf.lane().fd(), F_SETFL, O_NONBLOCK), 0);
  const Frame call = frame(Kind::kPortCall, 1, local::PortCall{3201, 0, {1}});
  std::size_t sent = 0;
  const auto begin = std::chrono::steady_clock::now();
  // Everything is asked, nothing is read: at some point the daemon takes no more, and stays well.
  while (sent < 100'000 && std::chrono::steady_clock::now() - begin < std::chrono::seconds(5)) {
    if (::send(deaf.lane().fd(), call.data(), call.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(call.size()))
      ++sent;
    else
      break;
  }
  RawClient other(daemon.path());
  EXPECT_TRUE(other.is_served());
  ASSERT_EQ(::fcntl(deaf.lane().fd(), F_SETFL, 0), 0);
  for (std::size_t i = 0; i < std::min<std::size_t>(sent, 1000); ++i)
    ASSERT_TRUE(deaf.lane().receive<local::PortCallDone>(Kind::kPortCallDone));
}

}  // namespace
}  // namespace netmsg::test
