// SPDX-License-Identifier: Apache-2.0
// Two real daemons in a session with each other, a on one side of a network and b on the other.
#pragma once

#include <memory>

#include "tests/bench/delay.h"
#include "tests/bench/network.h"
#include "tests/support/certificates.h"
#include "tests/support/host.h"

namespace netmsg::bench {

// How the two talk.
enum class Between {
  kPlain,    // in plain text, over the network
  kTls,      // with mutual TLS, over the network
  kDelayed,  // in plain text, over loopback with a millisecond of delay each way
};

class HostPair {
 public:
  // `certificates`: of a and b.
  HostPair(Between between, const Network& network, const test::Certificates& certificates);

  test::Host& a() { return *a_; }
  test::Host& b() { return *b_; }

 private:
  std::unique_ptr<Delay> delay_;
  std::unique_ptr<test::Host> b_;
  std::unique_ptr<test::Host> a_;
};

}  // namespace netmsg::bench
