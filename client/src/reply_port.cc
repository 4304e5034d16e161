// SPDX-License-Identifier: Apache-2.0
#include "client/src/reply_port.h"

#include <mach/mach_traps.h>

#include <utility>

#include "client/src/mach_calls.h"
#include "client/src/task.h"

namespace netmsg::client {

mach_port_t reply_port() {
  ThreadState* const thread = Task::current().this_thread();
  if (thread == nullptr) return MACH_PORT_NULL;
  if (thread->reply_awaited) forget_reply_port();
  if (thread->reply_port == MACH_PORT_NULL) thread->reply_port = mach_reply_port();
  return thread->reply_port;
}

void forget_reply_port() {
  ThreadState* const thread = Task::current().this_thread();
  if (thread == nullptr) return;
  thread->reply_awaited = false;
  const mach_port_t port = std::exchange(thread->reply_port, MACH_PORT_NULL);
  if (port != MACH_PORT_NULL) drop_receive_right(port);
}

}  // namespace netmsg::client
