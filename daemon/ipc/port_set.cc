// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/port_set.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

void PortSet::add(Port& port) {
  NETMSG_CHECK(port.set == nullptr);
  port.core().wake_all(port.receivers, Wake::kPortChanged);
  port.set = this;
  members.push_back(port);
  touch(port.watch);
  MessageQueue waiting = std::move(port.queue);
  while (MessagePtr message = waiting.pop()) line_up(std::move(message));
}

void PortSet::remove(Port& port) {
  NETMSG_CHECK(port.set == this);
  touch(port.watch);
  touch(watch);
  port.set = nullptr;
  port.base::ListNode<MemberTag>::unlink();
  port.queue.for_each([](Message& message) { message.unlink(); });
}

void PortSet::dissolve(Core& core) {
  if (watch != nullptr) watch->over();
  core.wake_all(receivers, Wake::kPortDied);
  while (Port* member = members.front()) remove(*member);
}

}  // namespace netmsg::ipc
