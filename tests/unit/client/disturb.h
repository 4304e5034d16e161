// SPDX-License-Identifier: Apache-2.0
// What cases need that disturb blocked calls: handlers for signals, and a look at how many calls of this task block.
#pragma once

#include <gtest/gtest.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {

inline std::atomic<int> handled{0};
inline thread_local sigjmp_buf escape;

// Handlers.
inline void count_signal(int) {
  ++handled;
}
inline void jump_away(int) {
  ::siglongjmp(escape, 1);
}

inline void handle(int signal, void (*handler)(int), int flags = 0) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ASSERT_EQ(::sigaction(signal, &action, nullptr), 0);
}

inline std::uint32_t blocked_calls() {
  return daemon().on_owner([] { return daemon().engine().spaces().at(0).blocked_calls; });
}
// True when exactly so many calls of this task are blocked.
inline bool calls_block(std::uint32_t count) {
  return daemon().tasks_become([count](const auto&) { return blocked_calls() == count; });
}
inline bool one_call_blocks() {
  return calls_block(1);
}

}  // namespace netmsg::test
