// SPDX-License-Identifier: Apache-2.0
#include "client/src/incoming_files.h"

#include <cerrno>
#include <cstring>
#include <iterator>

#include "client/src/descriptor.h"

namespace netmsg::client {

// The control buffer says by itself whether anything is in it: its header is cleared before the kernel gets it.
Io IncomingFiles::receive(int socket, void* bytes, std::size_t size, std::span<std::byte> ahead,
                          std::size_t* ahead_size) {
  clear();
  *ahead_size = 0;
  iovec parts[] = {{bytes, size}, {ahead.data(), ahead.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  ssize_t got;
  do {
    message.msg_control = control_;
    message.msg_controllen = sizeof control_;
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return got < 0 && errno == EFAULT ? Io::kBadMemory : Io::kClosed;
  const auto done = static_cast<std::size_t>(got);
  if (done >= size) return *ahead_size = done - size, Io::kOk;
  std::size_t rest = 0;
  return receive_all(socket, static_cast<char*>(bytes) + done, size - done, &rest);
}

int IncomingFiles::take() {
  return taken_ < count() ? at(taken_++) : -1;
}

void IncomingFiles::clear() {
  while (taken_ < count()) close_number(at(taken_++));
  std::memset(control_, 0, sizeof(cmsghdr));
  taken_ = 0;
}

std::size_t IncomingFiles::count() const {
  cmsghdr head;
  std::memcpy(&head, control_, sizeof head);
  const bool has_files =
      head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS && head.cmsg_len > CMSG_LEN(0);
  return has_files ? (head.cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
}

int IncomingFiles::at(std::size_t index) const {
  int fd;
  std::memcpy(&fd, control_ + CMSG_LEN(index * sizeof fd), sizeof fd);
  return fd;
}

}  // namespace netmsg::client
