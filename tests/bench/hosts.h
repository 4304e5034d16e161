// SPDX-License-Identifier: Apache-2.0
// The daemons of a run, started when they are first needed and shared by all cases: real ones, with their limits
// raised so far that none of them is what is measured.
#pragma once

#include <memory>
#include <string>

#include "tests/support/host.h"

namespace netmsg::bench {

class Hosts {
 public:
  test::Host& local();
  // Two on this machine, joined over loopback in plain text; nothing between them but the kernel.
  test::TwoHosts& joined();

 private:
  std::unique_ptr<test::Host> local_;
  std::unique_ptr<test::TwoHosts> joined_;
};

// A name that no other server of this run has.
std::string new_service_name();

}  // namespace netmsg::bench
