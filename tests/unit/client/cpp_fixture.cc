// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/cpp_fixture.h"

#include <mach/mig_support.h>

namespace netmsg::test {

const void* never_read() {
  static const char byte = 0;
  return &byte;
}

Holdings holdings() {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_EQ(mach_port_names(mach_task_self(), &names, &count, &types, &count), KERN_SUCCESS);
  const auto names_memory =
      Memory::adopt(reinterpret_cast<vm_address_t>(names), count * sizeof(mach_port_name_t));
  const auto types_memory =
      Memory::adopt(reinterpret_cast<vm_address_t>(types), count * sizeof(mach_port_type_t));
  Holdings found;
  for (mach_msg_type_number_t at = 0; at < count; ++at) {
    const bool is_dead = (types[at] & MACH_PORT_TYPE_DEAD_NAME) != 0;
    const mach_port_right_t right = is_dead ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND;
    found[names[at]] = {types[at], refs_of(names[at], right)};
  }
  found.erase(mig_get_reply_port());
  return found;
}

}  // namespace netmsg::test
