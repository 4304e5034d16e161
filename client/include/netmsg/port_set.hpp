// SPDX-License-Identifier: Apache-2.0
// A set of ports: one wait for the messages of all its members. It owns none of them: a receive right that goes
// away leaves the set, and with the set's object the members are in no set. Threads: const functions may be
// called by several at once.
#pragma once

#include <mach.h>

#include <netmsg/descriptor.hpp>
#include <netmsg/owned_name.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/timeout.hpp>

namespace netmsg {

class PortSet : public detail::OwnedName<detail::drop_set> {
 public:
  PortSet() = default;
  [[nodiscard]] static PortSet adopt(mach_port_name_t name) { return PortSet(name); }
  // A new one without members. KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE, KERN_FAILURE (no daemon).
  static Result<PortSet> make() {
    mach_port_name_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &name);
    if (code != KERN_SUCCESS) return Error(code);
    return adopt(name);
  }

  // From the set it is in, if any. Receives that wait on the port itself end with MACH_RCV_PORT_CHANGED.
  Result<void> add(const ReceiveRight& port) const {
    return Result<void>::of(mach_port_move_member(mach_task_self(), port.name(), name()));
  }
  // Out of whatever set it is in. KERN_NOT_IN_SET.
  static Result<void> remove(const ReceiveRight& port) {
    return Result<void>::of(mach_port_move_member(mach_task_self(), port.name(), MACH_PORT_NULL));
  }

  // The next message of any member; its arrived_at() says which. Codes: as ReceiveRight::receive.
  Result<ReceivedMessage> receive(Timeout timeout = kForever) const;
  Result<void> receive_into(ReceivedMessage& message, Timeout timeout = kForever) const;

  // Readable while any member has something to receive.
  Result<Descriptor> descriptor() const { return Descriptor::of(name()); }

 private:
  using OwnedName::OwnedName;
};

}  // namespace netmsg
