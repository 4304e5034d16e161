// SPDX-License-Identifier: Apache-2.0
// Bytes that are not the protocol, on every socket a daemon listens to:
// from local programs and from the network. The sender is turned away; the
// daemon, its other clients and its peers go on as if nothing had happened.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "proto/local/frame.h"
#include "tests/support/host.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

TwoHosts& hosts() {
  static TwoHosts both;
  return both;
}

class Connection {
 public:
  static Connection to_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return Connection(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  static Connection to_port(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return Connection(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const void* data, std::size_t size) const {
    (void)!::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Does the other side end the connection?
  bool ends() const {
    char buffer[4096];
    return eventually([&] {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 0) <= 0) return false;
      return ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT) <= 0;
    });
  }

 private:
  Connection(int family, const sockaddr* address, socklen_t length)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::connect(fd_, address, length), 0);
  }
  int fd_;
};

class HostileBytes : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(hosts().a, hosts().b);
    return only;
  }
  void SetUp() override { server(); }
  // Everybody else is as before: a call across both hosts works, and rights balance.
  void TearDown() override {
    EXPECT_EQ(state_of(server().new_port()), "S1");
    EXPECT_TRUE(hosts().a.daemon().running() && hosts().b.daemon().running());
    EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
  }

  std::vector<char> random_bytes(std::size_t size) {
    std::vector<char> bytes(size);
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::mt19937 random_{test_seed()};
};

TEST_F(HostileBytes, RandomBytesOnTheProgramsSocketEndThatConnection) {
  for (int at = 0, times = scaled(300); at < times; ++at) {
    const Connection connection = Connection::to_socket(hosts().a.socket());
    const std::vector<char> bytes = random_bytes(sizeof(local::FrameHeader) + random_() % 200);
    connection.send(bytes.data(), bytes.size());
    EXPECT_TRUE(connection.ends()) << "time " << at;
  }
}

TEST_F(HostileBytes, FramesThatLieAboutLengthKindOrOrderEndThatConnection) {
  for (const std::uint32_t length : {0U, 1U, 7U, 4096U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    for (unsigned kind = 0; kind < 16; ++kind) {
      const Connection connection = Connection::to_socket(hosts().a.socket());
      const local::FrameHeader header{length, static_cast<std::uint16_t>(kind), 0, 1};
      connection.send(&header, sizeof header);
      const std::vector<char> bytes = random_bytes(64);
      connection.send(bytes.data(), bytes.size());
      EXPECT_TRUE(connection.ends()) << "length " << length << ", kind " << kind;
    }
  }
}

TEST_F(HostileBytes, ConnectionsThatSayNothingAreEndedAfterAWhileAndStopNobody) {
  const Connection silent = Connection::to_socket(hosts().a.socket());
  EXPECT_EQ(state_of(server().new_port()), "S1");
  EXPECT_TRUE(silent.ends());
}

TEST_F(HostileBytes, RandomBytesOnThePeersPortStopNobody) {
  for (int at = 0, times = scaled(100); at < times; ++at) {
    const Connection connection = Connection::to_port(hosts().port_a);
    const std::vector<char> bytes = random_bytes(1 + random_() % 2000);
    connection.send(bytes.data(), bytes.size());
  }
}

}  // namespace
}  // namespace netmsg::test
