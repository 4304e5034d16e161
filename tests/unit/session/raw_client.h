// SPDX-License-Identifier: Apache-2.0
// A client that speaks the frames by hand, well or badly.
#pragma once

#include <mach/kern_return.h>
#include <mach/port.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "proto/local/frame.h"

namespace netmsg::test {

using Frame = std::vector<std::byte>;

// Header and payload, as told; the length is the payload's unless given.
template <typename Payload>
Frame frame(local::Kind kind, std::uint64_t id, const Payload& payload) {
  const local::FrameHeader header{sizeof payload, static_cast<std::uint16_t>(kind), 0, id};
  Frame bytes(sizeof header + sizeof payload);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &payload, sizeof payload);
  return bytes;
}

inline Frame bare_frame(local::Kind kind, std::uint64_t id, std::uint32_t length = 0,
                        std::uint16_t zero = 0) {
  const local::FrameHeader header{length, static_cast<std::uint16_t>(kind), zero, id};
  Frame bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

class RawConnection {
 public:
  explicit RawConnection(base::UniqueFd fd) : fd_(std::move(fd)) {
    const timeval patience{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  static RawConnection connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
    return RawConnection(std::move(fd));
  }

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  bool send(const Frame& bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // With descriptors beside the first byte, any number of them.
  bool send(const Frame& bytes, const std::vector<int>& fds) {
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
    return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // A frame's header and its payload as T (the beginning of it); nothing at the end of the connection.
  template <typename T>
  std::optional<T> receive(local::Kind kind, std::uint64_t* id = nullptr) {
    local::FrameHeader header;
    if (!receive_bytes(&header, sizeof header) || header.kind != static_cast<std::uint16_t>(kind))
      return std::nullopt;
    if (id != nullptr) *id = header.id;
    rest_.resize(header.length);
    if (header.length < sizeof(T) || !receive_bytes(rest_.data(), rest_.size())) return std::nullopt;
    T value;
    std::memcpy(&value, rest_.data(), sizeof value);
    return value;
  }
  // Payload of the last frame, whole.
  const std::vector<char>& payload() const { return rest_; }
  // LaneOpened, InheritanceOpened or WatchOpened, and what came with it.
  template <typename Opened>
  base::UniqueFd receive_with_descriptor(Opened* opened) {
    std::vector<base::UniqueFd> all = receive_with_descriptors(opened);
    return all.empty() ? base::UniqueFd() : std::move(all.front());
  }
  // At most two.
  template <typename Opened>
  std::vector<base::UniqueFd> receive_with_descriptors(Opened* opened) {
    struct {
      local::FrameHeader header;
      Opened payload;
    } bytes{};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    iovec part{&bytes, sizeof bytes};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    std::vector<base::UniqueFd> all;
    if (::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != sizeof bytes) return all;
    *opened = bytes.payload;
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    const std::size_t size = rights != nullptr ? rights->cmsg_len - CMSG_LEN(0) : 0;
    for (std::size_t at = 0; at < size; at += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(rights) + at, sizeof fd);
      all.emplace_back(fd);
    }
    return all;
  }
  // Does the other end hang up, without another word?
  bool ends() {
    char byte;
    const ssize_t got = ::recv(fd_.get(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  bool receive_bytes(void* bytes, std::size_t size) {
    return size == 0 || ::recv(fd_.get(), bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }

  base::UniqueFd fd_;
  std::vector<char> rest_;
};

inline constexpr local::Hello kGoodHello{local::kMagic, local::kVersion, local::kVersion};

// A task with one lane.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : main_(RawConnection::connect(path)), lane_(base::UniqueFd()) {
    main_.send(frame(local::Kind::kHello, 0, kGoodHello));
    if (const auto welcome = main_.receive<local::Welcome>(local::Kind::kWelcome)) welcome_ = *welcome;
    lane_ = open_lane();
  }

  RawConnection& main() { return main_; }
  RawConnection& lane() { return lane_; }
  const local::Welcome& welcome() const { return welcome_; }

  RawConnection open_lane() {
    main_.send(bare_frame(local::Kind::kOpenLane, 0));
    local::LaneOpened opened{};
    return RawConnection(main_.receive_with_descriptor(&opened));
  }

  std::optional<local::PortCallDone> call(local::Call number, std::uint64_t a = 0, std::uint64_t b = 0,
                                          std::uint64_t c = 0) {
    lane_.send(
        frame(local::Kind::kPortCall, 7, local::PortCall{static_cast<std::uint32_t>(number), 0, {a, b, c}}));
    return lane_.receive<local::PortCallDone>(local::Kind::kPortCallDone);
  }
  // Does the daemon still serve this client?
  bool is_served() {
    const auto done = call(local::Call::kAllocate, MACH_PORT_RIGHT_RECEIVE);
    return done && done->code == KERN_SUCCESS;
  }

 private:
  RawConnection main_;
  RawConnection lane_;
  local::Welcome welcome_{};
};

}  // namespace netmsg::test
