// SPDX-License-Identifier: Apache-2.0
// Counts the system calls of running processes by the kernel's tracepoint for them, which stops nobody, unlike a tracer.
// Needs tracefs and the right to use it (root).
#pragma once

#include <sys/types.h>

#include <vector>

#include "daemon/base/unique_fd.h"

namespace netmsg::bench {

class SystemCalls {
 public:
  // Throws NotOffered.
  SystemCalls();
  // All threads that it has now, and those that they make. Throws NotOffered.
  void watch(pid_t process);
  // Since each was watched.
  double count() const;

 private:
  unsigned long long tracepoint_;
  std::vector<base::UniqueFd> counters_;  // one for each thread
};

}  // namespace netmsg::bench
