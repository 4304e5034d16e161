// SPDX-License-Identifier: Apache-2.0
// A link with a millisecond of delay each way, for kernels that have no way to delay packets: a process of its own takes
// what arrives at port() and hands it on to the target, late. Both are ports of loopback. It dies with its owner.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace netmsg::bench {

class Delay {
 public:
  explicit Delay(std::uint16_t target);
  ~Delay();
  Delay(const Delay&) = delete;
  Delay& operator=(const Delay&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace netmsg::bench
