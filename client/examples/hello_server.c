/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up the numbers it is sent, and answers each request with the sum so far. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>

struct number {
  mach_msg_header_t head;
  mach_msg_type_t type;
  int value;
};

int main(void) {
  mach_port_t service;
  struct number message;
  int sum = 0;
  netname_wait_for_server(); /* the daemon may still be starting */
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service);
  /* The task as signature: the name goes when this program does. */
  if (kr == KERN_SUCCESS) kr = netname_check_in(name_server_port, "hello", mach_task_self(), service);
  while (kr == KERN_SUCCESS) {
    kr = mach_msg(&message.head, MACH_RCV_MSG, 0, sizeof message, service, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL);
    if (kr != MACH_MSG_SUCCESS) break;
    message.value = sum += message.value;
    /* The reply right stands in msgh_remote_port; it moves away with the reply. */
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(message.head.msgh_bits), 0);
    message.head.msgh_local_port = MACH_PORT_NULL;
    if (mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) !=
        MACH_MSG_SUCCESS)
      mach_msg_destroy(&message.head);
  }
  printf("server: %s\n", mach_error_string(kr));
  return 1;
}
