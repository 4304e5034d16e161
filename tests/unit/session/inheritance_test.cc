// SPDX-License-Identifier: Apache-2.0
// Handles and claims, made by hand, well and badly (proto/local/frame.h, "Inheritance").
#include <gtest/gtest.h>
#include <mach/mach_types.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "daemon/ipc/core.h"
#include "daemon/session/socket_channel.h"
#include "tests/unit/session/raw_client.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {
namespace {

using local::InheritanceCode;
using local::Kind;

// A task whose bootstrap port is its own task port, so that there is something to inherit.
class Parent {
 public:
  explicit Parent(TestDaemon& daemon) : client_(daemon.path()) {
    daemon.on_owner([&] {
      ipc::Space* const space = daemon.engine().find_space(daemon.engine().spaces().back().id);
      auto port = daemon.engine().copy_send(*space, local::kTaskSelfName);
      daemon.engine().register_port(*space, 1, std::move(port.value()));
    });
  }

  base::UniqueFd open(local::InheritanceOpened* opened) {
    client_.main().send(bare_frame(Kind::kOpenInheritance, 0));
    return client_.main().receive_with_descriptor(opened);
  }
  RawConnection handle() {
    local::InheritanceOpened opened{};
    base::UniqueFd fd = open(&opened);
    EXPECT_EQ(opened.code, static_cast<std::uint32_t>(InheritanceCode::kOk));
    return RawConnection(std::move(fd));
  }
  RawClient& client() { return client_; }

 private:
  RawClient client_;
};

// A task that has been welcomed and has asked for nothing yet.
class NewTask {
 public:
  explicit NewTask(TestDaemon& daemon) : main_(RawConnection::connect(daemon.path())) {
    main_.send(frame(Kind::kHello, 0, kGoodHello));
    welcome_ = main_.receive<local::Welcome>(Kind::kWelcome).value();
  }
  bool claims(RawConnection& handle) {
    return ::send(handle.fd(), welcome_.claim, sizeof welcome_.claim, MSG_NOSIGNAL) == sizeof welcome_.claim;
  }
  std::optional<local::Inherited> inherits() { return main_.receive<local::Inherited>(Kind::kInherited); }
  // Nothing has been said on the main connection when the daemon has answered something that was asked later.
  bool inherits_nothing() {
    main_.send(bare_frame(Kind::kOpenLane, 0));
    local::LaneOpened opened{};
    return static_cast<bool>(main_.receive_with_descriptor(&opened));
  }
  RawConnection& main() { return main_; }
  const local::Welcome& welcome() const { return welcome_; }

 private:
  RawConnection main_;
  local::Welcome welcome_{};
};

bool hangs_up(RawConnection& handle) {
  pollfd waiting{handle.fd(), POLLRDHUP, 0};
  return ::poll(&waiting, 1, 10'000) == 1 && (waiting.revents & (POLLHUP | POLLRDHUP)) != 0;
}

// How many senders the parent's task port has, without the parent's name for it.
bool is_kept(TestDaemon& daemon) {
  return daemon.on_owner([&] { return !daemon.engine().core().inheritances.empty(); });
}
bool is_given_up(TestDaemon& daemon) {
  return daemon.becomes([&] { return daemon.engine().core().inheritances.empty(); });
}

TEST(Inheritances, AreGivenToWhoHoldsTheHandle) {
  TestDaemon daemon;
  Parent parent(daemon);
  RawConnection handle = parent.handle();
  parent.client().main().close();
  for (int i = 0; i < 3; ++i) {
    NewTask heir(daemon);
    ASSERT_TRUE(heir.claims(handle));
    const auto inherited = heir.inherits();
    ASSERT_TRUE(inherited);
    EXPECT_NE(inherited->names[1], 0U);
    EXPECT_EQ(inherited->names[3], 0U);
  }
  EXPECT_TRUE(is_kept(daemon));
  handle.close();
  EXPECT_TRUE(is_given_up(daemon));
}

TEST(Inheritances, SayWhoseTheyAre) {
  TestDaemon daemon;
  Parent parent(daemon);
  RawConnection handle = parent.handle();
  for (int look = 0; look < 2; ++look) {
    local::InheritanceHead head{};
    EXPECT_EQ(::recv(handle.fd(), &head, sizeof head, MSG_PEEK), ssize_t{sizeof head});
    EXPECT_EQ(head.magic, local::kInheritanceMagic);
    EXPECT_EQ(head.daemon, NewTask(daemon).welcome().daemon);
  }
}

TEST(Inheritances, AreNotMadeOfWhatEveryTaskHas) {
  TestDaemon daemon;
  RawClient client(daemon.path());
  client.main().send(bare_frame(Kind::kOpenInheritance, 0));
  local::InheritanceOpened opened{};
  EXPECT_FALSE(client.main().receive_with_descriptor(&opened));
  EXPECT_EQ(opened.code, static_cast<std::uint32_t>(InheritanceCode::kNothing));
  EXPECT_FALSE(is_kept(daemon));
}

TEST(Inheritances, AreBoundedForAUser) {
  session::UserLimits limits;
  limits.inheritances = 2;
  TestDaemon daemon(limits);
  Parent parent(daemon);
  RawConnection first = parent.handle();
  RawConnection second = parent.handle();
  local::InheritanceOpened opened{};
  EXPECT_FALSE(parent.open(&opened));
  EXPECT_EQ(opened.code, static_cast<std::uint32_t>(InheritanceCode::kOutOfResources));
  first.close();
  EXPECT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).inheritances == 1; }));
  EXPECT_TRUE(parent.open(&opened));
}

TEST(Claims, AreUsedUp) {
  TestDaemon daemon;
  Parent parent(daemon);
  RawConnection handle = parent.handle();
  NewTask heir(daemon);
  ASSERT_TRUE(heir.claims(handle));
  ASSERT_TRUE(heir.inherits());
  ASSERT_TRUE(heir.claims(handle));
  NewTask next(daemon);
  ASSERT_TRUE(next.claims(handle));
  ASSERT_TRUE(next.inherits()) << "the daemon has seen the second claim";
  EXPECT_TRUE(heir.inherits_nothing());
}

TEST(Claims, EndWithTheFirstLane) {
  TestDaemon daemon;
  Parent parent(daemon);
  RawConnection handle = parent.handle();
  NewTask late(daemon);
  ASSERT_TRUE(late.inherits_nothing());
  ASSERT_TRUE(late.claims(handle));
  NewTask next(daemon);
  ASSERT_TRUE(next.claims(handle));
  ASSERT_TRUE(next.inherits());
  EXPECT_TRUE(late.inherits_nothing());
}

// 09 §2.9: what is no claim gives nobody anything, and takes nothing from anybody.
TEST(Claims, ThatAreNobodysDoNothing) {
  TestDaemon daemon;
  Parent parent(daemon);
  RawConnection handle = parent.handle();
  const std::uint32_t guess[local::kClaimWords] = {1, 2, 3, 4};
  for (int i = 0; i < 100; ++i) ::send(handle.fd(), guess, sizeof guess, MSG_NOSIGNAL);
  {
    NewTask dead(daemon);
    ASSERT_TRUE(dead.claims(handle));
  }
  NewTask heir(daemon);
  ASSERT_TRUE(heir.claims(handle));
  EXPECT_TRUE(heir.inherits());
  EXPECT_TRUE(parent.client().is_served());
}

TEST(Claims, OfAnotherSizeEndTheHandleAndNothingElse) {
  TestDaemon daemon;
  Parent parent(daemon);
  const char bytes[200] = {};
  for (const std::size_t size : {0, 1, 15, 17, 200}) {
    RawConnection handle = parent.handle();
    ASSERT_EQ(::send(handle.fd(), bytes, size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
    EXPECT_TRUE(hangs_up(handle)) << size;
    EXPECT_TRUE(is_given_up(daemon));
  }
  EXPECT_TRUE(parent.client().is_served());
}

// A TCP connection with bytes that nobody reads: who closes its last descriptor waits for half a minute.
base::UniqueFd lingering(base::UniqueFd* peer) {
  const base::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  peer->reset(::accept(listener.get(), nullptr, nullptr));
  const linger wait{1, 30};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait), 0);
  const std::vector<char> bytes(1U << 16);
  while (::send(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  return fd;
}

// On the owner thread, so that the daemon's descriptor is the last one.
void send_with(RawConnection& handle, const void* bytes, std::size_t size, base::UniqueFd fd, int flags = 0) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = fd.get();
  std::memcpy(CMSG_DATA(rights), &number, sizeof number);
  EXPECT_EQ(::sendmsg(handle.fd(), &message, MSG_NOSIGNAL | flags), static_cast<ssize_t>(size));
}

// 09 §3: descriptors that come with a packet, or stay in the handle, hold nobody up. They end it.
TEST(Claims, WithDescriptorsThatDoNotCloseHoldNobodyUp) {
  TestDaemon daemon;
  Parent parent(daemon);
  const char bytes[sizeof(local::Welcome::claim)] = {};
  for (const std::size_t size : {sizeof bytes, std::size_t{3}}) {
    base::UniqueFd peers[2];
    RawConnection handle = parent.handle();
    daemon.on_owner([&] {
      for (base::UniqueFd& peer : peers) send_with(handle, bytes, size, lingering(&peer));
    });
    EXPECT_TRUE(hangs_up(handle));
    EXPECT_TRUE(is_given_up(daemon));
    EXPECT_TRUE(parent.client().is_served()) << "within 10 seconds";
  }
}

// The same for a connection that is ended before they were read.
TEST(Descriptors, ThatWereNeverReadHoldNobodyUp) {
  TestDaemon daemon;
  RawClient other(daemon.path());
  base::UniqueFd peer;
  RawConnection hostile = RawConnection::connect(daemon.path());
  const Frame garbage(session::SocketChannel::kReadSize + 4096, std::byte{255});
  daemon.on_owner([&] {
    EXPECT_TRUE(hostile.send(garbage));
    send_with(hostile, "", 1, lingering(&peer));
  });
  EXPECT_TRUE(hostile.ends());
  EXPECT_TRUE(other.is_served()) << "within 10 seconds";
}

// Bytes out of band come in their order, or the kernel drops them, with the descriptors, while the next are read.
TEST(Descriptors, OutOfBandHoldNobodyUp) {
  TestDaemon daemon;
  RawClient other(daemon.path());
  for (const bool on_main : {false, true}) {
    base::UniqueFd peers[2];
    RawClient hostile(daemon.path());
    RawConnection& connection = on_main ? hostile.main() : hostile.lane();
    daemon.on_owner([&] {
      for (base::UniqueFd& peer : peers) send_with(connection, "", 1, lingering(&peer), MSG_OOB);
    });
    connection.send(Frame(100, std::byte{255}));
    EXPECT_TRUE(hostile.main().ends());
    EXPECT_TRUE(other.is_served()) << "within 10 seconds";
  }
}

// What a user may not have the kernel must not close in the daemon's read either.
TEST(Descriptors, WithoutRoomHoldNobodyUp) {
  session::UserLimits limits;
  limits.files = 0;
  TestDaemon daemon(limits);
  RawClient other(daemon.path());
  RawClient hostile(daemon.path());
  base::UniqueFd peers[3];
  const Frame call = frame(Kind::kPortCall, 7, local::PortCall{3204, 0, {MACH_PORT_RIGHT_RECEIVE}});
  for (base::UniqueFd& peer : peers) {
    daemon.on_owner([&] { send_with(hostile.lane(), call.data(), call.size(), lingering(&peer)); });
    EXPECT_TRUE(hostile.lane().receive<local::PortCallDone>(Kind::kPortCallDone));
    EXPECT_TRUE(other.is_served()) << "within 10 seconds";
  }
}

// Who sends more of them than can be closed waits until there is room again, and nobody else does.
TEST(Descriptors, ThatCannotBeClosedInTimeWaitOutside) {
  session::UserLimits limits;
  limits.files = 0;
  limits.files_of_all = 0;
  TestDaemon daemon(limits);
  RawClient other(daemon.path());
  RawClient hostile(daemon.path());
  base::UniqueFd peer;
  const Frame call = frame(Kind::kPortCall, 7, local::PortCall{3204, 0, {MACH_PORT_RIGHT_RECEIVE}});
  const auto is_answered = [&] {
    return hostile.lane().receive<local::PortCallDone>(Kind::kPortCallDone).has_value();
  };
  daemon.on_owner([&] { send_with(hostile.lane(), call.data(), call.size(), lingering(&peer)); });
  EXPECT_TRUE(is_answered());
  hostile.lane().send(call, std::vector<int>(local::kFilesMax - 1, peer.get()));
  EXPECT_TRUE(is_answered());
  EXPECT_EQ(daemon.users().files(), local::kFilesMax);
  hostile.lane().send(call, {peer.get()});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(other.is_served());
  EXPECT_EQ(daemon.users().files(), local::kFilesMax) << "no more have been taken";
  std::vector<char> unread(1U << 16);
  while (::recv(peer.get(), unread.data(), unread.size(), 0) > 0) {
  }
  EXPECT_TRUE(is_answered());
  EXPECT_TRUE(daemon.files_become(0));
}

// 09 §5: what a user's closing cannot get rid of counts against him, with its bytes, and against nobody else.
TEST(Descriptors, ThatDoNotCloseCountForTheirUserAlone) {
  TestDaemon daemon;
  session::User& hostile = daemon.users().find(1);
  session::User& other = daemon.users().find(2);
  base::UniqueFd peer;
  const auto take = [&](session::User& user, base::UniqueFd fd) {
    daemon.users().take_file(user, fd.release()).count_bytes(100);
  };
  daemon.on_owner([&] {
    take(hostile, lingering(&peer));
    take(hostile, base::UniqueFd(::dup(STDERR_FILENO)));
    take(other, base::UniqueFd(::dup(STDERR_FILENO)));
  });
  EXPECT_TRUE(daemon.becomes([&] { return other.files->files == 0; }));
  EXPECT_EQ(other.files->bytes, 0U);
  EXPECT_EQ(hostile.files->files, 2U);
  EXPECT_EQ(hostile.files->bytes, 200U);
}

// Lanes are no end of descriptors: no user can take all that the daemon has for them.
TEST(Descriptors, OfLanesAreBoundedForAUser) {
  session::UserLimits limits;
  limits.lanes = 2;
  TestDaemon daemon(limits);
  RawClient first(daemon.path());
  RawClient second(daemon.path());
  local::LaneOpened opened{};
  first.main().send(bare_frame(Kind::kOpenLane, 0));
  EXPECT_FALSE(first.main().receive_with_descriptor(&opened));
  EXPECT_EQ(opened.code, static_cast<std::uint32_t>(local::LaneCode::kTooMany));
  second.lane().close();
  EXPECT_TRUE(daemon.becomes([&] { return daemon.users().find(::getuid()).lanes == 1; }));
  first.main().send(bare_frame(Kind::kOpenLane, 0));
  EXPECT_TRUE(first.main().receive_with_descriptor(&opened));
}

TEST(Claims, OnTheMainConnectionAreAViolation) {
  TestDaemon daemon;
  NewTask task(daemon);
  task.main().send(bare_frame(Kind::kInherited, 0));
  EXPECT_TRUE(task.main().ends());
}

}  // namespace
}  // namespace netmsg::test
