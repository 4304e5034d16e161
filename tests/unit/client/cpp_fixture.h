// SPDX-License-Identifier: Apache-2.0
// The C++ face with a daemon behind it. Every case of CppFace is a test of leaks too: what the task holds at its end
// is what it held at its beginning, to the reference.
#pragma once

#include <cstdint>
#include <map>
#include <netmsg.hpp>
#include <utility>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {

// Some address, of which the compiler knows nothing: for more data than there can be.
const void* never_read();

// Name -> what it denotes, and references to send rights or a dead name. Without the thread's reply port, which calls
// make and give up as they need it.
using Holdings = std::map<mach_port_name_t, std::pair<mach_port_type_t, mach_port_urefs_t>>;
Holdings holdings();

// How often this thread has allocated memory in C++.
std::uint64_t allocations();

// While it lives, only so many more allocations of this thread in C++ succeed.
class ShortOfMemory {
 public:
  explicit ShortOfMemory(std::uint64_t possible);
  ~ShortOfMemory();
  ShortOfMemory(const ShortOfMemory&) = delete;
  ShortOfMemory& operator=(const ShortOfMemory&) = delete;
};

// A port, and a right to send there.
struct Pair {
  ReceiveRight port = ReceiveRight::make().value();
  SendRight send = port.make_send().value();
};

class CppFace : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(before_, holdings()); }

 private:
  Holdings before_ = holdings();
};

}  // namespace netmsg::test
