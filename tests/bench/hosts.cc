// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/hosts.h"

#include <vector>

namespace netmsg::bench {

test::Host& Hosts::local() {
  const std::vector<std::string> limits = {
      "--limit-names",      "4000000", "--limit-user-ports",      "4000000",
      "--limit-user-tasks", "100000",  "--limit-user-bytes",      "17179869184",
      "--limit-rights",     "65536",   "--limit-user-file-bytes", "17179869184"};
  if (local_ == nullptr)
    local_ = std::make_unique<test::Host>("bench", 0, std::vector<test::Host::Peer>{}, limits);
  return *local_;
}

HostPair& Hosts::joined(Between between) {
  std::unique_ptr<HostPair>& pair = joined_[between];
  if (pair == nullptr) pair = std::make_unique<HostPair>(between, network(), certificates());
  return *pair;
}

const Network& Hosts::network() {
  if (network_ == nullptr) network_ = std::make_unique<Network>();
  return *network_;
}

const test::Certificates& Hosts::certificates() {
  if (certificates_ == nullptr)
    certificates_ = std::make_unique<test::Certificates>(std::vector<std::string>{"a", "b"});
  return *certificates_;
}

std::string new_service_name() {
  static unsigned number = 0;
  return "bench " + std::to_string(++number);
}

}  // namespace netmsg::bench
