// SPDX-License-Identifier: Apache-2.0
// Where the answer to a request goes: the send-once or send right that stood in its header. Empty: nobody waits.
#pragma once

#include <mach.h>

#include <netmsg/owned_name.hpp>

namespace netmsg {

class ReplyRight : public detail::OwnedName<detail::drop_reference> {
 public:
  ReplyRight() = default;
  // `type` is MACH_MSG_TYPE_PORT_SEND or MACH_MSG_TYPE_PORT_SEND_ONCE.
  [[nodiscard]] static ReplyRight adopt(mach_port_name_t name, mach_msg_type_name_t type) {
    return {name, type};
  }
  mach_msg_type_name_t type() const { return type_; }

 private:
  ReplyRight(mach_port_name_t name, mach_msg_type_name_t type) : OwnedName(name), type_(type) {}

  mach_msg_type_name_t type_ = MACH_MSG_TYPE_PORT_SEND_ONCE;
};

}  // namespace netmsg
