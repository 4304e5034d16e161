// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/socket_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace netmsg::bench {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);

void must(bool well, const char* what) {
  if (!well) throw NotOffered(what);
}

int no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

sockaddr_in tcp_address(const char* address, std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &where.sin_addr);
  return where;
}

}  // namespace

SocketPair unix_pair(int type) {
  int pair[2];
  must(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0, "no socket pair");
  const int room = 4 << 20;
  for (const int fd : pair) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return {base::UniqueFd(pair[0]), base::UniqueFd(pair[1])};
}

TcpListener listen_tcp(const char* address) {
  TcpListener listener{base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in where = tcp_address(address, 0);
  socklen_t length = sizeof where;
  auto* const any = reinterpret_cast<sockaddr*>(&where);
  must(::bind(listener.socket.get(), any, length) == 0 && ::listen(listener.socket.get(), 1) == 0 &&
           ::getsockname(listener.socket.get(), any, &length) == 0,
       "nobody can listen on TCP");
  listener.port = ntohs(where.sin_port);
  return listener;
}

base::UniqueFd connect_tcp(const char* address, std::uint16_t port) {
  base::UniqueFd client(no_delay(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  const sockaddr_in where = tcp_address(address, port);
  must(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0,
       "no connection over TCP");
  return client;
}

base::UniqueFd accept_tcp(const TcpListener& listener) {
  return base::UniqueFd(no_delay(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

void PacketWire::send(std::span<const std::byte> frame) {
  must(::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()),
       "a packet was not sent");
}

std::span<const std::byte> PacketWire::take(int flags) {
  const ssize_t got = ::recv(fd_, frame_.data(), frame_.size(), flags);
  must(got != 0, "the other side has gone");
  return {frame_.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

std::span<const std::byte> PacketWire::poll() {
  return take(MSG_DONTWAIT);
}

void StreamWire::send(std::span<const std::byte> frame) {
  const std::uint64_t length = frame.size();
  const auto* const bytes = reinterpret_cast<const std::byte*>(&length);
  out_.insert(out_.end(), bytes, bytes + kLengthBytes);
  out_.insert(out_.end(), frame.begin(), frame.end());
}

void StreamWire::flush() {
  for (std::size_t sent = 0; sent < out_.size();) {
    const ssize_t some = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    must(some > 0, "the other side has gone");
    sent += static_cast<std::size_t>(some);
  }
  out_.clear();
}

std::span<const std::byte> StreamWire::next_in_buffer() {
  if (end_ - begin_ < kLengthBytes) return {};
  std::uint64_t length = 0;
  std::memcpy(&length, in_.data() + begin_, kLengthBytes);
  if (end_ - begin_ - kLengthBytes < length) return {};
  const std::byte* const frame = in_.data() + begin_ + kLengthBytes;
  begin_ += kLengthBytes + length;
  return {frame, length};
}

bool StreamWire::read_more(int flags) {
  if (begin_ < end_) std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
  end_ -= std::exchange(begin_, 0);
  if (in_.size() - end_ < kReadBytes) in_.resize(std::max(2 * in_.size(), end_ + kReadBytes));
  const ssize_t got = ::recv(fd_, in_.data() + end_, in_.size() - end_, flags);
  must(got != 0, "the other side has gone");
  end_ += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  return got > 0;
}

std::span<const std::byte> StreamWire::receive() {
  for (;;) {
    const std::span<const std::byte> frame = next_in_buffer();
    if (!frame.empty()) return frame;
    read_more(0);
  }
}

std::span<const std::byte> StreamWire::poll() {
  const std::span<const std::byte> frame = next_in_buffer();
  if (!frame.empty() || !read_more(MSG_DONTWAIT)) return frame;
  return next_in_buffer();
}

std::function<void()> epoll_of(int one, int other) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {one, other}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  }
  return [set] {
    epoll_event events[2];
    ::epoll_wait(set, events, 2, -1);
  };
}

}  // namespace netmsg::bench
