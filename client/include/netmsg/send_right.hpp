// SPDX-License-Identifier: Apache-2.0
// The rights to send to a port: SendRight, one reference to a send right, and SendOnceRight, the right to send one
// message. When the port dies the object goes on owning its reference, to a dead name now.
#pragma once

#include <mach.h>

#include <netmsg/owned_name.hpp>
#include <netmsg/result.hpp>

namespace netmsg {

class ReceiveRight;
class SendOnceRight;

class SendRight : public detail::OwnedName<detail::drop_reference> {
 public:
  SendRight() = default;
  // Takes over one reference that the caller has under this name. MACH_PORT_NULL and MACH_PORT_DEAD may be given.
  [[nodiscard]] static SendRight adopt(mach_port_name_t name) { return SendRight(name); }
  // A reference of its own, beside the caller's: of name_server_port, say. KERN_INVALID_NAME;
  // KERN_INVALID_RIGHT: no send right, or one that has died; KERN_UREFS_OVERFLOW.
  static Result<SendRight> copy_of(mach_port_name_t name) {
    const kern_return_t code = mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, 1);
    if (code != KERN_SUCCESS) return Error(code);
    return adopt(name);
  }

  // As copy_of.
  Result<SendRight> copy() const { return copy_of(name()); }

  // Asks the daemon: has the port died? An empty one counts as dead.
  bool is_dead() const {
    mach_port_type_t type = MACH_PORT_TYPE_NONE;
    mach_port_type(mach_task_self(), name(), &type);
    return (type & MACH_PORT_TYPE_SEND) == 0;
  }

  // A dead-name notification (spec 06 §3) is sent to `to` when the port dies, or at once if it has. One request per
  // name, not per object: another one takes its place, and the right it had is given back here.
  // KERN_RESOURCE_SHORTAGE; on a failure `to` may get a send-once notification.
  Result<SendOnceRight> request_dead_name(const ReceiveRight& to) const;
  // The right of the request that was there; empty: there was none.
  Result<SendOnceRight> cancel_dead_name() const;

 private:
  using OwnedName::OwnedName;
};

class SendOnceRight : public detail::OwnedName<detail::drop_reference> {
 public:
  SendOnceRight() = default;
  // Takes over the caller's right. MACH_PORT_NULL and MACH_PORT_DEAD may be given. One that is given up unused
  // tells its port so: a send-once notification.
  [[nodiscard]] static SendOnceRight adopt(mach_port_name_t name) { return SendOnceRight(name); }

 private:
  using OwnedName::OwnedName;
};

}  // namespace netmsg
