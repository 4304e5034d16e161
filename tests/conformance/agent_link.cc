// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/agent_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace netmsg::conformance {

namespace {

bool send_all(int socket, const void* from, std::size_t size) {
  const auto* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* to, std::size_t size) {
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::recv(socket, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

bool Link::send(const Packet& packet) const {
  Packet whole;
  whole.put_all(packet.bytes());
  return send_all(socket_.get(), whole.bytes().data(), whole.bytes().size());
}

std::optional<Packet> Link::receive() const {
  std::uint32_t size = 0;
  if (!receive_all(socket_.get(), &size, sizeof size)) return std::nullopt;
  Bytes bytes(size);
  if (!receive_all(socket_.get(), bytes.data(), size)) return std::nullopt;
  return Packet(std::move(bytes));
}

bool Link::ready(int patience_ms) const {
  pollfd end{socket_.get(), POLLIN, 0};
  int ready = -1;
  do {
    ready = ::poll(&end, 1, patience_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace netmsg::conformance
