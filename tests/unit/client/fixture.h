// SPDX-License-Identifier: Apache-2.0
// The library's calls, with a daemon of the test's own behind them. A process attaches once, so there is one
// daemon for the whole program; a case that needs another fate runs in a forked process, which is a task of
// its own.
#pragma once

#include <gtest/gtest.h>
#include <mach.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/scale.h"
#include "tests/unit/session/test_daemon.h"

namespace netmsg::test {

// The daemon of this process. In a forked process: the parent's, which cannot be looked into.
TestDaemon& daemon();

struct SmallMessage {
  mach_msg_header_t head;
  char text[32];
};

mach_port_t new_port();
// With a send right under the same name.
mach_port_t new_port_with_send();
mach_msg_return_t send_to(mach_port_t port, mach_msg_id_t id, mach_msg_option_t option = 0,
                          mach_msg_timeout_t timeout_ms = 0);
mach_msg_return_t receive_from(mach_port_t port, SmallMessage* message, mach_msg_option_t option = 0,
                               mach_msg_timeout_t timeout_ms = 0);
mach_port_type_t type_of(mach_port_t name);
mach_port_urefs_t refs_of(mach_port_t name, mach_port_right_t right);

// Runs `body`, with its expectations, in a forked process that looks for a daemon on `socket`. True if
// nothing failed there.
bool in_process(const std::string& socket, const std::function<void()>& body);

}  // namespace netmsg::test
