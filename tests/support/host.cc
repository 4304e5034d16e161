// SPDX-License-Identifier: Apache-2.0
#include "tests/support/host.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace netmsg::test {

namespace {

bool is_free(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return free;
}

}  // namespace

// Below the ports that the kernel gives to whoever asks for any, and each process begins elsewhere: so nobody takes one
// between the look and the daemon's start.
std::uint16_t free_port() {
  constexpr unsigned kFirst = 10000;
  constexpr unsigned kCount = 22000;
  constexpr unsigned kOfEachProcess = 16;
  static unsigned next = static_cast<unsigned>(::getpid()) * kOfEachProcess;
  for (unsigned tried = 0; tried < kCount; ++tried) {
    const auto port = static_cast<std::uint16_t>(kFirst + next++ % kCount);
    if (is_free(port)) return port;
  }
  throw std::runtime_error("no free port");
}

Host::Host(std::string name, std::uint16_t port, std::vector<Peer> peers, std::vector<std::string> options)
    : name_(std::move(name)) {
  command_ = {NETMSGD_PROGRAM,
              "--node",
              name_,
              "--socket",
              socket(),
              "--control",
              folder_.path() + "/control",
              "--state",
              folder_.path() + "/state",
              "--log-level",
              "warn"};
  if (port != 0) command_.insert(command_.end(), {"--listen", "127.0.0.1:" + std::to_string(port)});
  for (const Peer& peer : peers) {
    const std::string where = peer.port == 0 ? "" : "=127.0.0.1:" + std::to_string(peer.port);
    command_.insert(command_.end(), {"--peer", peer.name + where});
  }
  if (!peers.empty()) command_.push_back("--insecure-peers");
  command_.insert(command_.end(), options.begin(), options.end());
  start();
}

void Host::start() {
  daemon_ = std::make_unique<Process>(command_);
  const bool answers = eventually([this] { return control({"status"}).first == 0 || !daemon_->running(); });
  if (!answers || !daemon_->running())
    throw std::runtime_error("netmsgd does not start:\n" + daemon_->output());
}

std::pair<int, std::string> Host::control(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {NETMSGCTL_PROGRAM, "--control", folder_.path() + "/control"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv);
}

std::string Host::peer_state(const std::string& peer) const {
  const std::string rows = control({"peers"}).second;
  const std::size_t row = rows.find("\n" + peer + " ");
  if (row == std::string::npos) return "";
  const std::size_t state = rows.find_first_not_of(' ', row + 1 + peer.size());
  return rows.substr(state, rows.find(' ', state) - state);
}

bool Host::connected_to(const std::string& peer) const {
  return eventually([&] { return peer_state(peer) == "open"; });
}

void Host::restart(int signal) {
  daemon_->stop(signal);
  start();
}

std::optional<int> Host::stop() {
  return daemon_->stop(SIGTERM);
}

std::string balanced(const std::vector<const Host*>& hosts) {
  std::vector<std::string> settle;
  for (const Host* host : hosts)
    settle.insert(settle.end(), {"--control", host->folder_.path() + "/control"});
  settle.insert(settle.begin(), NETMSGCTL_PROGRAM);
  settle.push_back("settle");
  if (const auto [status, output] = run(settle); status != 0) return "they do not settle: " + output;
  for (const Host* host : hosts) {
    const auto [status, output] = host->control({"audit"});
    if (status != 0) return host->name() + ": " + output;
  }
  return "";
}

TwoHosts::TwoHosts() {
  if (!a.connected_to("b") || !b.connected_to("a")) throw std::runtime_error("no session between the hosts");
}

}  // namespace netmsg::test
