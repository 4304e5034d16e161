/* SPDX-License-Identifier: Apache-2.0 */
/* One wait for the messages of several ports. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>

static kern_return_t add_port(mach_port_t set, mach_port_t* port) {
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);
  return kr == KERN_SUCCESS ? mach_port_move_member(mach_task_self(), *port, set) : kr;
}

static kern_return_t send_empty(mach_port_t port, mach_msg_id_t id) {
  mach_msg_header_t head = {.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0), .msgh_id = id};
  head.msgh_remote_port = port;
  return mach_msg(&head, MACH_SEND_MSG, sizeof head, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

int main(void) {
  mach_port_t set, first, second;
  netname_wait_for_server();
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
  if (kr == KERN_SUCCESS) kr = add_port(set, &first);
  if (kr == KERN_SUCCESS) kr = add_port(set, &second);
  if (kr == KERN_SUCCESS) kr = send_empty(second, 2);
  if (kr == KERN_SUCCESS) kr = send_empty(first, 1);
  while (kr == KERN_SUCCESS) {
    mach_msg_header_t head;
    kr = mach_msg(&head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof head, set, 0, MACH_PORT_NULL);
    if (kr == KERN_SUCCESS) /* the port it came to stands in msgh_local_port */
      printf("message %d for the %s port\n", head.msgh_id,
             head.msgh_local_port == first ? "first" : "second");
  }
  printf("then: %s\n", mach_error_string(kr));
  return kr != MACH_RCV_TIMED_OUT;
}
