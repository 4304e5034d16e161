// SPDX-License-Identifier: Apache-2.0
// NATS: its server between a client and a server that speak its text protocol over TCP, which is all it has.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "tests/bench/not_offered.h"
#include "tests/bench/patience.h"
#include "tests/bench/peers/peer.h"
#include "tests/support/host.h"

namespace netmsg::bench {
namespace {

int connection(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Patience patience;
  for (;;) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    patience.rest("nats-server does not come");
  }
}

// Subscribes to one subject and publishes to another.
class NatsWire final : public Wire {
 public:
  NatsWire(std::uint16_t port, const std::string& from, const std::string& to)
      : fd_(connection(port)), publish_("PUB " + to + " ") {
    out_ = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB " + from + " 1\r\nPING\r\n";
    flush();
    while (!answered_) read_more(0), next();
  }

  void send(std::span<const std::byte> frame) override {
    out_ += publish_ + std::to_string(frame.size()) + "\r\n";
    out_.append(reinterpret_cast<const char*>(frame.data()), frame.size());
    out_ += "\r\n";
  }
  void flush() override {
    for (std::size_t sent = 0; sent < out_.size();) {
      const ssize_t some = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (some <= 0) throw NotOffered("nats-server has gone");
      sent += static_cast<std::size_t>(some);
    }
    out_.clear();
  }
  std::span<const std::byte> receive() override {
    for (;;) {
      const std::span<const std::byte> frame = next();
      if (!frame.empty()) return frame;
      read_more(0);
    }
  }
  std::span<const std::byte> poll() override {
    const std::span<const std::byte> frame = next();
    if (!frame.empty() || !read_more(MSG_DONTWAIT)) return frame;
    return next();
  }

 private:
  // The payload of the next whole MSG; other lines are answered on the way.
  std::span<const std::byte> next() {
    for (;;) {
      const std::size_t end = in_.find("\r\n", begin_);
      if (end == std::string::npos) return {};
      const std::string line = in_.substr(begin_, end - begin_);
      if (line.rfind("MSG ", 0) == 0) return payload(line, end + 2);
      begin_ = end + 2;
      if (line == "PONG") answered_ = true;
      if (line == "PING") out_ += "PONG\r\n", flush();
    }
  }
  std::span<const std::byte> payload(const std::string& line, std::size_t start) {
    const std::size_t length = std::stoul(line.substr(line.rfind(' ') + 1));
    if (in_.size() < start + length + 2) return {};
    begin_ = start + length + 2;
    return {reinterpret_cast<const std::byte*>(in_.data()) + start, length};
  }
  bool read_more(int flags) {
    in_.erase(0, begin_);
    begin_ = 0;
    const std::size_t had = in_.size();
    in_.resize(had + kReadBytes);
    const ssize_t got = ::recv(fd_, in_.data() + had, kReadBytes, flags);
    in_.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) throw NotOffered("nats-server has gone");
    return got > 0;
  }

  static constexpr std::size_t kReadBytes = std::size_t{256} << 10;
  int fd_;
  std::string publish_;
  std::string out_;
  std::string in_;
  std::size_t begin_ = 0;
  bool answered_ = false;
};

std::uint16_t& port() {
  static std::uint16_t number = 0;  // of the measurement under way
  return number;
}

void start(const PeerScene& scene) {
  port() = test::free_port();
  const std::string config = scene.folder + "/nats.conf";
  std::FILE* const file = std::fopen(config.c_str(), "w");
  std::fprintf(file, "host: 127.0.0.1\nport: %u\nmax_payload: 2097152\nlog_file: \"%s/log\"\n", port(),
               scene.folder.c_str());
  std::fclose(file);
  scene.crew.start(Seat::kBetween, [&] { become({"nats-server", "-c", config}); });
  scene.crew.start(Seat::kServer, [&] {
    NatsWire wire(port(), "requests", "answers");
    std::fclose(std::fopen((scene.folder + "/ready").c_str(), "w"));
    serve(wire);
  });
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  await_file(scene.folder + "/ready");
  return std::make_unique<NatsWire>(port(), "answers", "requests");
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv, {{"nats", start, open_wire}});
}
