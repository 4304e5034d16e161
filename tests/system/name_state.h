// SPDX-License-Identifier: Apache-2.0
// What a name denotes, as the tests say it: "R", "R+S2", "S1", "SO", "DN1", "PS" or "free". Through
// mach_port_type and mach_port_get_refs alone.
#pragma once

#include <mach.h>

#include <string>

namespace netmsg::test {

inline std::string state_text(mach_port_type_t type, unsigned urefs) {
  switch (type & MACH_PORT_TYPE_ALL_RIGHTS) {
    case MACH_PORT_TYPE_NONE:
      return "free";
    case MACH_PORT_TYPE_RECEIVE:
      return "R";
    case MACH_PORT_TYPE_SEND_RECEIVE:
      return "R+S" + std::to_string(urefs);
    case MACH_PORT_TYPE_SEND:
      return "S" + std::to_string(urefs);
    case MACH_PORT_TYPE_SEND_ONCE:
      return "SO";
    case MACH_PORT_TYPE_PORT_SET:
      return "PS";
    default:
      return "DN" + std::to_string(urefs);
  }
}

inline std::string state_of(mach_port_t name, mach_port_t task = mach_task_self()) {
  mach_port_type_t type = 0;
  if (mach_port_type(task, name, &type) != KERN_SUCCESS) return "free";
  const bool dead = (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
  mach_port_urefs_t urefs = 0;
  mach_port_get_refs(task, name, dead ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND, &urefs);
  return state_text(type, urefs);
}

}  // namespace netmsg::test
