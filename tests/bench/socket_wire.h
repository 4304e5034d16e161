// SPDX-License-Identifier: Apache-2.0
// The socket floors: packets (SEQPACKET, one system call each), blocking streams, and gathered streams: frames that
// were sent since the last flush go out in one call, and one call reads all there is.
#pragma once

#include <vector>

#include "daemon/base/unique_fd.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

struct SocketPair {
  base::UniqueFd client;
  base::UniqueFd server;
};
SocketPair unix_pair(int type);

// TCP without delays for small packets.
struct TcpListener {
  base::UniqueFd socket;
  std::uint16_t port = 0;
};
TcpListener listen_tcp(const char* address);
base::UniqueFd connect_tcp(const char* address, std::uint16_t port);
base::UniqueFd accept_tcp(const TcpListener& listener);

class PacketWire final : public Wire {
 public:
  explicit PacketWire(int fd, std::size_t bytes_max) : fd_(fd), frame_(bytes_max) {}
  void send(std::span<const std::byte> frame) override;
  std::span<const std::byte> receive() override { return take(0); }
  std::span<const std::byte> poll() override;
  bool gathers() const override { return false; }

 private:
  std::span<const std::byte> take(int flags);

  int fd_;
  std::vector<std::byte> frame_;
};

// Frames on a stream: eight bytes of length each. Reads as much as there is.
class StreamWire final : public Wire {
 public:
  explicit StreamWire(int fd) : fd_(fd) {}
  void send(std::span<const std::byte> frame) override;
  void flush() override;
  std::span<const std::byte> receive() override;
  std::span<const std::byte> poll() override;

 private:
  std::span<const std::byte> next_in_buffer();
  bool read_more(int flags);

  int fd_;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::size_t begin_ = 0;  // of what has been read and not been taken
  std::size_t end_ = 0;
};

// Sleeps in epoll until one of the two can be read.
std::function<void()> epoll_of(int one, int other);

}  // namespace netmsg::bench
