// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is readable while a port or a set has something to receive, for poll, epoll and other loops;
// owned, and closed in the destructor. When it says so, receive with kNoWait; MACH_RCV_TIMED_OUT may be the answer.
// Contract: netmsg_port_descriptor in <netmsg.h>.
#pragma once

#include <netmsg.h>
#include <unistd.h>

#include <netmsg/result.hpp>
#include <utility>

namespace netmsg {

class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this == &other) return *this;
    reset();
    number_ = other.release();
    return *this;
  }

  // Of a receive right or a set. KERN_INVALID_NAME, KERN_RESOURCE_SHORTAGE.
  static Result<Descriptor> of(mach_port_name_t name) {
    Descriptor descriptor;
    const kern_return_t code = netmsg_port_descriptor(name, &descriptor.number_);
    if (code != KERN_SUCCESS) return Error(code);
    return descriptor;
  }

  // -1: none.
  int number() const { return number_; }
  // The caller's now, to be closed by hand.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }
  void reset() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_ = -1;
};

}  // namespace netmsg
