/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a number to the server "hello" on the host named by the argument (default: any) and prints the sum. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>
#include <unistd.h>

struct number {
  mach_msg_header_t head;
  mach_msg_type_t type;
  int value;
};

int main(int argc, char** argv) {
  mach_port_t service, reply;
  struct number message = {.type = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1}, .value = 42};
  const char* host = argc > 1 ? argv[1] : "*";
  kern_return_t kr;
  netname_wait_for_server(); /* the daemon may still be starting, and so may the server */
  while ((kr = netname_look_up(name_server_port, host, "hello", &service)) == NETNAME_NOT_CHECKED_IN)
    sleep(1);
  if (kr == KERN_SUCCESS) {
    reply = mach_reply_port();
    /* Our send right is copied, and a right to answer once is made from our reply port. */
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    message.head.msgh_remote_port = service;
    message.head.msgh_local_port = reply;
    message.head.msgh_id = 100;
    kr = mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message, sizeof message, reply,
                  MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  }
  if (kr == KERN_SUCCESS)
    printf("client: the sum is %d\n", message.value);
  else
    printf("client: %s\n", mach_error_string(kr));
  return kr != KERN_SUCCESS;
}
