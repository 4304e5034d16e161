// SPDX-License-Identifier: Apache-2.0
// What processes have used so far, as the kernel accounts for it in /proc: cheap enough to ask before and after a
// measurement, and without a tracer. (System calls are not counted there: system_calls.h.)
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace netmsg::bench {

struct Usage {
  double cpu_us = 0;
  double switches = 0;  // voluntary ones: waits

  Usage& operator+=(const Usage& other) {
    cpu_us += other.cpu_us;
    switches += other.switches;
    return *this;
  }
};
// Of all threads that it has now.
Usage usage_of(pid_t process);
// Of its first thread.
Usage usage_of_leader(pid_t process);

// Resident bytes that are its own (anonymous), and shared ones it has touched.
struct Memory {
  std::uint64_t own_bytes = 0;
  std::uint64_t shared_bytes = 0;
};
Memory memory_of(pid_t process);

}  // namespace netmsg::bench
