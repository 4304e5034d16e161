// SPDX-License-Identifier: Apache-2.0
#include "client/src/main_connection.h"

#include <mach/kern_return.h>
#include <mach/port.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "client/src/socket_io.h"

namespace netmsg::client {

namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr char kSystemSocket[] = "/run/netmsgd/socket";

// Bounds each blocking call on `fd` by what is left until the deadline; false if nothing is left.
bool bound_by(int fd, Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now())
          .count();
  if (left <= 0) return false;
  timeval limit{};
  limit.tv_sec = static_cast<time_t>(left / 1000000);
  limit.tv_usec = static_cast<suseconds_t>(left % 1000000);
  return ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
         ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0;
}

void unbound(int fd) {
  const timeval none{};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
}

bool connect_to(int fd, const std::string& path, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  while (bound_by(fd, deadline)) {
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    if (errno != EINTR) return false;
  }
  return false;
}

template <typename Payload>
struct Framed {
  local::FrameHeader header;
  Payload payload;
};

template <typename Payload>
bool send_frame(int fd, local::Kind kind, const Payload& payload) {
  const Framed<Payload> frame{{sizeof(Payload), static_cast<std::uint16_t>(kind), 0, 0}, payload};
  return send_all(fd, &frame, sizeof frame) == Io::kOk;
}

// A frame of exactly this kind, or nothing.
template <typename Payload>
std::optional<Payload> receive_frame(int fd, local::Kind kind) {
  Framed<Payload> frame;
  std::size_t done = 0;
  if (receive_all(fd, &frame.header, sizeof frame.header, &done) != Io::kOk) return std::nullopt;
  if (frame.header.kind != static_cast<std::uint16_t>(kind) || frame.header.length != sizeof(Payload))
    return std::nullopt;
  if (receive_all(fd, &frame.payload, sizeof frame.payload, &done) != Io::kOk) return std::nullopt;
  return frame.payload;
}

// A frame of exactly this kind, or nothing, and the descriptors that come with it, at most two.
template <typename Payload>
std::optional<Payload> receive_with_descriptors(int fd, local::Kind kind, Descriptor* first,
                                                Descriptor* second) {
  Framed<Payload> frame;
  static_assert(sizeof frame == sizeof frame.header + sizeof frame.payload, "it is read in one piece");
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  iovec part{&frame, sizeof frame};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(fd, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  int received[2] = {-1, -1};
  const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
    std::memcpy(received, CMSG_DATA(rights), std::min(rights->cmsg_len - CMSG_LEN(0), sizeof received));
  *first = Descriptor(received[0]);
  *second = Descriptor(received[1]);
  if (got != sizeof frame || frame.header.kind != static_cast<std::uint16_t>(kind)) return std::nullopt;
  return frame.payload;
}

// The same where there is one at most.
template <typename Payload>
std::optional<Payload> receive_with_descriptor(int fd, local::Kind kind, Descriptor* descriptor) {
  Descriptor unwanted;
  return receive_with_descriptors<Payload>(fd, kind, descriptor, &unwanted);
}

// What every new task begins with.
local::Inherited usual_ports(const local::Welcome& welcome) {
  return {{welcome.name_service, MACH_PORT_NULL, MACH_PORT_NULL, MACH_PORT_NULL}};
}

std::optional<local::Inherited> claimed_ports(int fd, const local::Welcome& welcome,
                                              const std::optional<Inheritance>& inheritance,
                                              Deadline deadline) {
  if (!inheritance || !inheritance->claim(welcome, deadline)) return usual_ports(welcome);
  return receive_frame<local::Inherited>(fd, local::Kind::kInherited);
}

}  // namespace

std::string socket_path() {
  if (const char* chosen = ::secure_getenv("NETMSGD_SOCKET"); chosen != nullptr && *chosen != '\0')
    return chosen;
  if (const char* runtime = ::secure_getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != '\0') {
    std::string own = std::string(runtime) + "/netmsgd/socket";
    if (::access(own.c_str(), F_OK) == 0) return own;
  }
  return kSystemSocket;
}

MainConnection::LaneKind MainConnection::lane_kind() {
  const char* const chosen = ::secure_getenv("NETMSG_LANE");
  if (chosen == nullptr) return LaneKind::kRingIfPossible;
  if (std::strcmp(chosen, "ring") == 0) return LaneKind::kRing;
  return std::strcmp(chosen, "socket") == 0 ? LaneKind::kSocket : LaneKind::kRingIfPossible;
}

std::optional<MainConnection> MainConnection::open(const std::string& path,
                                                   const std::optional<Inheritance>& inheritance) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAttachTimeoutMs);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0 || !connect_to(socket.fd(), path, deadline)) return std::nullopt;
  const local::Hello hello{local::kMagic, local::kVersion, local::kVersion};
  if (!bound_by(socket.fd(), deadline) || !send_frame(socket.fd(), local::Kind::kHello, hello))
    return std::nullopt;
  const auto welcome = receive_frame<local::Welcome>(socket.fd(), local::Kind::kWelcome);
  if (!welcome || welcome->version != local::kVersion || welcome->task_port != local::kTaskSelfName)
    return std::nullopt;
  const auto ports = claimed_ports(socket.fd(), *welcome, inheritance, deadline);
  if (!ports) return std::nullopt;
  unbound(socket.fd());
  return MainConnection(std::move(socket), *welcome, *ports);
}

bool MainConnection::ask(local::Kind kind) {
  const local::FrameHeader request{0, static_cast<std::uint16_t>(kind), 0, 0};
  return send_all(socket_.fd(), &request, sizeof request) == Io::kOk;
}

bool MainConnection::is_lane_owed() const {
  const auto end = owed_.begin() + static_cast<std::ptrdiff_t>(owed_count_);
  return std::find(owed_.begin(), end, local::Kind::kLaneOpened) != end;
}

bool MainConnection::receive_owed(local::Kind answer) {
  Descriptor unwanted;
  const int fd = socket_.fd();
  if (answer == local::Kind::kLaneOpened)
    return receive_with_descriptors<local::LaneOpened>(fd, answer, &lane_.socket, &lane_.rings).has_value();
  if (answer == local::Kind::kWatchOpened)
    return receive_with_descriptor<local::WatchOpened>(fd, answer, &unwanted).has_value();
  return receive_with_descriptor<local::InheritanceOpened>(fd, answer, &unwanted).has_value();
}

// Reads what is owed. kLate: not all of it has come by the deadline.
MainConnection::Result MainConnection::catch_up(Deadline deadline) {
  while (owed_count_ > 0) {
    if (!poll_until(socket_.fd(), POLLIN, deadline)) return Result::kLate;
    if (!receive_owed(owed_[0])) return Result::kDaemonGone;
    owed_[0] = owed_[1];
    --owed_count_;
  }
  return Result::kOk;
}

MainConnection::Result MainConnection::open_lane(LaneEnds* lane) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLaneTurnMs);
  if (!socket_.still_ours()) return Result::kDaemonGone;
  if (lane_.socket.fd() < 0 && !is_lane_owed()) {
    const bool without = lane_kind() == LaneKind::kSocket;
    if (!ask(without ? local::Kind::kOpenLane : local::Kind::kOpenRingLane)) return Result::kDaemonGone;
    owe(local::Kind::kLaneOpened);
  }
  if (const Result result = catch_up(deadline); result != Result::kOk) return result;
  *lane = std::move(lane_);
  // No descriptor although there is a lane: this process had no room for one.
  return lane->socket.fd() >= 0 ? Result::kOk : Result::kNoResources;
}

// As long as an answer is late, nothing more is asked: a program that forks often waits for a daemon that has stopped
// once only.
MainConnection::Legacy MainConnection::open_inheritance() {
  const auto now = std::chrono::steady_clock::now();
  const auto none = [this](Result result) { return Legacy{result, std::nullopt, usual_ports(welcome_)}; };
  if (!socket_.still_ours()) return none(Result::kDaemonGone);
  if (const Result result = catch_up(now); result != Result::kOk) return none(result);
  if (!ask(local::Kind::kOpenInheritance)) return none(Result::kDaemonGone);
  if (!poll_until(socket_.fd(), POLLIN, now + std::chrono::milliseconds(kInheritanceTimeoutMs))) {
    owe(local::Kind::kInheritanceOpened);
    return none(Result::kLate);
  }
  Descriptor handle;
  const auto opened = receive_with_descriptor<local::InheritanceOpened>(
      socket_.fd(), local::Kind::kInheritanceOpened, &handle);
  if (!opened) return none(Result::kDaemonGone);
  if (opened->code == static_cast<std::uint32_t>(local::InheritanceCode::kNothing)) return none(Result::kOk);
  if (handle.fd() < 0) return none(Result::kNoResources);
  Legacy legacy{Result::kOk, Inheritance(std::move(handle)), {}};
  std::copy(std::begin(opened->names), std::end(opened->names), legacy.ports.names);
  return legacy;
}

MainConnection::Result MainConnection::open_watch(std::uint32_t name, local::WatchOpened* opened,
                                                  Descriptor* watch) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kWatchTimeoutMs);
  if (!socket_.still_ours()) return Result::kDaemonGone;
  if (const Result result = catch_up(deadline); result != Result::kOk) return result;
  if (!send_frame(socket_.fd(), local::Kind::kOpenWatch, local::OpenWatch{name, 0}))
    return Result::kDaemonGone;
  if (!poll_until(socket_.fd(), POLLIN, deadline)) {
    owe(local::Kind::kWatchOpened);
    return Result::kLate;
  }
  const auto answer =
      receive_with_descriptor<local::WatchOpened>(socket_.fd(), local::Kind::kWatchOpened, watch);
  if (!answer) return Result::kDaemonGone;
  *opened = *answer;
  return opened->code == KERN_SUCCESS && watch->fd() < 0 ? Result::kNoResources : Result::kOk;
}

}  // namespace netmsg::client
