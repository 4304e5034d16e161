/* SPDX-License-Identifier: Apache-2.0 */
/* A program outside of the tree, in C and in C++: it gives a port a name, finds it again, and sends itself a message.
 * Headers of the C library with names like ours are included beside them, and used. */
#include <error.h>
#include <mach.h>
#include <mach/error.h>
#include <mach/machine.h>
#include <mach/mig_support.h>
#include <mach_error.h>
#include <servers/netname.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef __cplusplus
#include <netmsg.hpp>
#include <string>
#include <vector>
#endif

struct number {
  mach_msg_header_t head;
  mach_msg_type_t type;
  int value;
};

static void check(const char* what, kern_return_t code) {
  if (code != KERN_SUCCESS) error(1, 0, "%s: %s", what, mach_error_string(code));
}

/* The C++ face, and templates that the static library uses as well. */
static void check_cxx(void) {
#ifdef __cplusplus
  std::vector<netmsg::ReceiveRight> ports;
  for (const std::string name : {"one", "two"}) {
    netmsg::Result<netmsg::ReceiveRight> made = netmsg::ReceiveRight::make();
    if (!made) error(1, 0, "%s", name.c_str());
    ports.push_back(std::move(made).value());
  }
#endif
}

int main(void) {
  mach_port_t port, found;
  struct number message;
  netname_wait_for_server();
  check_cxx();
  check("allocate", mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port));
  check("check in", netname_check_in(name_server_port, "installed", mach_task_self(), port));
  check("look up", netname_look_up(name_server_port, "", "installed", &found));
  memset(&message, 0, sizeof message);
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0);
  message.head.msgh_remote_port = found;
  message.type.msgt_name = MACH_MSG_TYPE_INTEGER_32;
  message.type.msgt_size = 32;
  message.type.msgt_inline = 1;
  message.type.msgt_number = 1;
  message.value = 42;
  check("message", mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message, sizeof message, port,
                            MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL));
  printf("received %d, a page is %lu, %s\n", message.value, (unsigned long)vm_page_size,
         found == port ? "one name" : "two names");
  return 0;
}
