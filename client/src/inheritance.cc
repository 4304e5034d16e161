// SPDX-License-Identifier: Apache-2.0
#include "client/src/inheritance.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "client/src/socket_io.h"

namespace netmsg::client {

namespace {

// What waits in a handle; nothing if that is none. It is left there for others.
std::optional<local::InheritanceHead> head_of(int fd) {
  local::InheritanceHead head{};
  const ssize_t got = ::recv(fd, &head, sizeof head, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
  if (got != sizeof head || head.magic != local::kInheritanceMagic) return std::nullopt;
  return head;
}

// The number that the whole text is, or -1.
int number_of(const char* text) {
  int number = -1;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end ? number : -1;
}

}  // namespace

std::optional<Inheritance> Inheritance::from_environment() {
  const char* const text = ::secure_getenv("NETMSG_INHERIT");
  const int fd = text != nullptr ? number_of(text) : -1;
  if (fd < 0 || !head_of(fd)) return std::nullopt;
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Inheritance(Descriptor(fd));
}

bool Inheritance::claim(const local::Welcome& welcome, std::chrono::steady_clock::time_point deadline) const {
  const auto head = handle_.still_ours() ? head_of(handle_.fd()) : std::nullopt;
  if (!head || head->daemon != welcome.daemon) return false;
  const auto size = static_cast<ssize_t>(sizeof welcome.claim);
  do {
    const ssize_t sent =
        ::send(handle_.fd(), welcome.claim, sizeof welcome.claim, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 || (errno != EAGAIN && errno != EINTR)) return sent == size;
  } while (poll_until(handle_.fd(), POLLOUT, deadline));
  return false;
}

int Inheritance::copy() const {
  return handle_.still_ours() ? ::fcntl(handle_.fd(), F_DUPFD, STDERR_FILENO + 1) : -1;
}

}  // namespace netmsg::client
