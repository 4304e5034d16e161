// SPDX-License-Identifier: Apache-2.0
// usage: sample_program NAME: serves sample.defs on a port that it checks in as NAME.
#include <mach.h>
#include <servers/netname.h>

#include "tests/stubs/sample.h"

int main(int argc, char** argv) {
  constexpr mach_msg_size_t kSizeMax = 4096;
  mach_port_t port = MACH_PORT_NULL;
  if (argc != 2) return 2;
  if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS) return 1;
  if (netname_check_in(name_server_port, argv[1], mach_task_self(), port) != KERN_SUCCESS) return 1;
  mach_msg_server(sample_server, kSizeMax, port);
  return 1;
}
