// SPDX-License-Identifier: Apache-2.0
// The case of two: hosts "a" (the lower node, dials) and "b", linked.
#pragma once

#include "tests/unit/proxy/many_hosts.h"

namespace netmsg::test {

inline namespace in_memory {

class TwoHosts : public ManyHosts {
 protected:
  TwoHosts() : ManyHosts(2) {}

  Host& a = host(0);
  Host& b = host(1);
};

}  // namespace in_memory
}  // namespace netmsg::test
