// SPDX-License-Identifier: Apache-2.0
#include "tests/support/linked_hosts.h"

#include <algorithm>
#include <stdexcept>

namespace netmsg::test {

LinkedHosts::LinkedHosts(const std::vector<std::string>& names, const std::vector<std::string>& options) {
  std::vector<std::uint16_t> ports;
  for (std::size_t index = 0; index < names.size(); ++index) ports.push_back(free_port());
  for (std::size_t own = 0; own < names.size(); ++own) {
    std::vector<Host::Peer> peers;
    for (std::size_t other = 0; other < names.size(); ++other) {
      if (other < own) peers.push_back({names[other], 0});
      if (other <= own) continue;
      auto& link = links_[{own, other}] = std::make_unique<FaultLink>(ports[other]);
      peers.push_back({names[other], link->port()});
    }
    hosts_.push_back(std::make_unique<Host>(names[own], ports[own], peers, options));
  }
  if (!connected()) throw std::runtime_error("no session between the hosts");
}

bool LinkedHosts::connected() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& one) {
    return std::all_of(hosts_.begin(), hosts_.end(),
                       [&](const auto& other) { return one == other || one->connected_to(other->name()); });
  });
}

std::string LinkedHosts::balanced() const {
  std::vector<const Host*> all;
  for (const auto& host : hosts_) all.push_back(host.get());
  return test::balanced(all);
}

FaultLink& LinkedHosts::link(std::size_t one, std::size_t other) {
  return *links_.at(std::minmax(one, other));
}

void LinkedHosts::heal() {
  for (const auto& [ends, link] : links_) link->heal();
}

}  // namespace netmsg::test
