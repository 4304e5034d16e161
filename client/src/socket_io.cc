// SPDX-License-Identifier: Apache-2.0
#include "client/src/socket_io.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "proto/local/frame.h"

namespace netmsg::client {

namespace {

Io failure() {
  return errno == EFAULT ? Io::kBadMemory : Io::kClosed;
}

// EBADF: the program has closed one of them; ETOOMANYREFS: its user has too many on their way.
bool is_about_files() {
  return errno == EBADF || errno == ETOOMANYREFS;
}

using Control = std::array<char, CMSG_SPACE(local::kFilesMax * sizeof(int))>;

void attach(std::span<const int> files, Control& control, msghdr& message) {
  if (files.empty()) return;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(files.size_bytes());
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(files.size_bytes());
  std::memcpy(CMSG_DATA(rights), files.data(), files.size_bytes());
}

// Takes `size` sent bytes off the front of message.msg_iov.
void consume(msghdr& message, std::size_t size) {
  while (message.msg_iovlen > 0 && size >= message.msg_iov->iov_len) {
    size -= message.msg_iov->iov_len;
    ++message.msg_iov;
    --message.msg_iovlen;
  }
  if (size == 0) return;
  message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + size;
  message.msg_iov->iov_len -= size;
}

}  // namespace

Io send_parts(int fd, std::span<iovec> parts, bool* started, std::span<const int> files) {
  msghdr message{};
  alignas(cmsghdr) Control control;
  attach(files, control, message);
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  *started = false;
  consume(message, 0);  // leaves out empty parts at the front
  while (message.msg_iovlen > 0) {
    msghdr piece = message;
    piece.msg_iovlen = std::min<std::size_t>(message.msg_iovlen, IOV_MAX);
    const ssize_t sent = ::sendmsg(fd, &piece, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return message.msg_controllen > 0 && is_about_files() ? Io::kNoFiles : failure();
    *started = true;
    message.msg_controllen = 0;
    consume(message, static_cast<std::size_t>(sent));
  }
  return Io::kOk;
}

Io send_all(int fd, const void* bytes, std::size_t size) {
  iovec part{const_cast<void*>(bytes), size};
  bool started = false;
  return send_parts(fd, {&part, 1}, &started);
}

Io receive_all(int fd, void* bytes, std::size_t size, std::size_t* done) {
  for (*done = 0; *done < size;) {
    const ssize_t got = ::recv(fd, static_cast<char*>(bytes) + *done, size - *done, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure();
    if (got == 0) return Io::kClosed;
    *done += static_cast<std::size_t>(got);
  }
  return Io::kOk;
}

Io discard(int fd, std::size_t size) {
  std::array<char, 4096> scratch;
  while (size > 0) {
    std::size_t done = 0;
    const std::size_t piece = std::min(size, scratch.size());
    if (const Io io = receive_all(fd, scratch.data(), piece, &done); io != Io::kOk) return io;
    size -= piece;
  }
  return Io::kOk;
}

bool poll_until(int fd, short events, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() < 0) return false;
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace netmsg::client
