// SPDX-License-Identifier: Apache-2.0
// Sleeping at a word of memory that processes share, and waking who sleeps there.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace netmsg::bench {

// FUTEX_WAIT: sleeps as long as the word has that value, perhaps shorter. FUTEX_WAKE: wakes at most so many.
inline void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

}  // namespace netmsg::bench
