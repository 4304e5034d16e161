// SPDX-License-Identifier: Apache-2.0
#include "client/src/main_connection.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

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

// The frame LaneOpened and the descriptor that comes with it (-1 if none).
std::optional<local::LaneOpened> receive_lane(int fd, int* lane) {
  Framed<local::LaneOpened> frame;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{&frame, sizeof frame};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(fd, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  *lane = -1;
  const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
    std::memcpy(lane, CMSG_DATA(rights), sizeof(int));
  if (got != sizeof frame || frame.header.kind != static_cast<std::uint16_t>(local::Kind::kLaneOpened))
    return std::nullopt;
  return frame.payload;
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

std::optional<MainConnection> MainConnection::open(const std::string& path) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAttachTimeoutMs);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0 || !connect_to(socket.fd(), path, deadline)) return std::nullopt;
  const local::Hello hello{local::kMagic, local::kVersion, local::kVersion};
  if (!bound_by(socket.fd(), deadline) || !send_frame(socket.fd(), local::Kind::kHello, hello))
    return std::nullopt;
  const auto welcome = receive_frame<local::Welcome>(socket.fd(), local::Kind::kWelcome);
  if (!welcome || welcome->version != local::kVersion || welcome->task_port != local::kTaskSelfName)
    return std::nullopt;
  unbound(socket.fd());
  return MainConnection(std::move(socket), *welcome);
}

MainConnection::LaneResult MainConnection::open_lane(Descriptor* lane) {
  if (!socket_.still_ours()) return LaneResult::kDaemonGone;
  const local::FrameHeader request{0, static_cast<std::uint16_t>(local::Kind::kOpenLane), 0, 0};
  if (send_all(socket_.fd(), &request, sizeof request) != Io::kOk) return LaneResult::kDaemonGone;
  int fd = -1;
  const auto opened = receive_lane(socket_.fd(), &fd);
  *lane = Descriptor(fd);
  if (!opened) return LaneResult::kDaemonGone;
  // No descriptor although there is a lane: this process had no room for one.
  return lane->fd() >= 0 ? LaneResult::kOk : LaneResult::kNoResources;
}

}  // namespace netmsg::client
