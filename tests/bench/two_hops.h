// SPDX-License-Identifier: Apache-2.0
// Client and server with a socket between them: the floors with two hops, and the references that all others are
// measured beside (measure_reference, case.h).
#pragma once

#include <memory>

#include "tests/bench/case.h"
#include "tests/bench/socket_wire.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

// What the client does with its wire.
struct Work {
  std::size_t bytes = kReplyBytes;
  unsigned window = 1;

  void run(Crew& crew, Wire& wire) const;
};

using MakeWire = std::unique_ptr<Wire> (*)(int fd, std::size_t bytes_max);
std::unique_ptr<Wire> packets(int fd, std::size_t bytes_max);
std::unique_ptr<Wire> stream(int fd, std::size_t bytes_max);

Figure two_hops(const Setting& setting, const SocketPair& pair, MakeWire make, Work work);

}  // namespace netmsg::bench
