// SPDX-License-Identifier: Apache-2.0
// The daemons of a run, started when they are first needed and shared by all cases: real ones, with their limits
// raised so far that none of them is what is measured.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "tests/bench/host_pair.h"
#include "tests/bench/network.h"
#include "tests/support/host.h"

namespace netmsg::bench {

class Hosts {
 public:
  test::Host& local();
  // Two that are joined in this way.
  HostPair& joined(Between between = Between::kPlain);
  // What is between them.
  const Network& network();
  // Of a and b.
  const test::Certificates& certificates();

 private:
  std::unique_ptr<Network> network_;
  std::unique_ptr<test::Certificates> certificates_;
  std::unique_ptr<test::Host> local_;
  std::map<Between, std::unique_ptr<HostPair>> joined_;
};

// A name that no other server of this run has.
std::string new_service_name();

}  // namespace netmsg::bench
