// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/network.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/support/process.h"

namespace netmsg::bench {

namespace {

constexpr const char* kAddresses[] = {"10.77.0.1", "10.77.0.2"};
constexpr const char* kLoopback = "127.0.0.1";

base::UniqueFd own_namespace() {
  return base::UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

void enter(const base::UniqueFd& network) {
  if (::setns(network.get(), CLONE_NEWNET) != 0) throw NotOffered(std::strerror(errno));
}

// Asked for its own namespace first: what cannot be entered again must not be left.
base::UniqueFd new_namespace(const base::UniqueFd& home) {
  enter(home);
  if (::unshare(CLONE_NEWNET) != 0) throw NotOffered(std::strerror(errno));
  base::UniqueFd made = own_namespace();
  enter(home);
  return made;
}

void shell(const std::string& commands) {
  const auto [status, output] = test::run({"/bin/sh", "-ec", "PATH=$PATH:/sbin:/usr/sbin; " + commands});
  if (status != 0) throw NotOffered("ip: " + output.substr(0, output.find('\n')));
}

}  // namespace

Network::Network() : home_(own_namespace()) {
  try {
    for (base::UniqueFd& side : sides_) side = new_namespace(home_);
    join_sides();
    words_ = "network namespaces, joined by a veth pair";
  } catch (const NotOffered& why) {
    for (base::UniqueFd& side : sides_) side.reset();
    words_ = std::string("loopback (no network namespaces: ") + why.what() + ")";
  }
}

void Network::join_sides() const {
  const std::string there = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(sides_[1].get());
  at(Side::kA, [&] {
    shell("ip link set lo up; ip link add bench type veth peer name bench netns " + there + "; ip addr add " +
          kAddresses[0] + "/24 dev bench; ip link set bench up");
  });
  at(Side::kB, [&] {
    shell(std::string("ip link set lo up; ip addr add ") + kAddresses[1] +
          "/24 dev bench; ip link set bench up");
  });
}

const char* Network::address(Side side) const {
  return apart() ? kAddresses[static_cast<unsigned>(side)] : kLoopback;
}

void Network::at(Side side, const std::function<void()>& work) const {
  if (!apart()) return work();
  enter(sides_[static_cast<unsigned>(side)]);
  try {
    work();
  } catch (...) {
    enter(home_);
    throw;
  }
  enter(home_);
}

SocketPair Network::tcp_pair() const {
  TcpListener listener;
  SocketPair pair;
  at(Side::kB, [&] { listener = listen_tcp(address(Side::kB)); });
  at(Side::kA, [&] { pair.client = connect_tcp(address(Side::kB), listener.port); });
  pair.server = accept_tcp(listener);
  return pair;
}

}  // namespace netmsg::bench
