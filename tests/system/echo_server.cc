// SPDX-License-Identifier: Apache-2.0
// usage: echo_server NAME: checks in NAME and sends every message back to its reply port, as it came: rights and
// memory are moved.
#include <mach.h>
#include <servers/netname.h>

#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  mach_port_t port = MACH_PORT_NULL;
  if (argc != 2) return 2;
  if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS) return 1;
  if (netname_check_in(name_server_port, argv[1], mach_task_self(), port) != KERN_SUCCESS) return 1;
  std::vector<char> buffer(1U << 20);
  auto* const head = reinterpret_cast<mach_msg_header_t*>(buffer.data());
  const auto size = static_cast<mach_msg_size_t>(buffer.size());
  while (mach_msg(head, MACH_RCV_MSG, 0, size, port, 0, 0) == MACH_MSG_SUCCESS) {
    head->msgh_bits &= ~MACH_MSGH_BITS_LOCAL_MASK;
    head->msgh_local_port = MACH_PORT_NULL;
    if (mach_msg(head, MACH_SEND_MSG, head->msgh_size, 0, 0, 0, 0) != MACH_MSG_SUCCESS)
      mach_msg_destroy(head);
  }
  return 1;
}
