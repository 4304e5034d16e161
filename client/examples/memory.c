/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a megabyte out of line, to itself: the message holds its address, the receiver gets memory of its own. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 20 };

struct message {
  mach_msg_header_t head;
  mach_msg_type_t type;
  vm_address_t address;
};

static kern_return_t send_memory(mach_port_t port) {
  struct message message = {.type = {.msgt_name = MACH_MSG_TYPE_BYTE,
                                     .msgt_size = 8,
                                     .msgt_inline = 0,
                                     .msgt_deallocate = 1, /* ours goes with the message */
                                     .msgt_number = SIZE}};
  kern_return_t kr = vm_allocate(mach_task_self(), &message.address, SIZE, TRUE);
  if (kr != KERN_SUCCESS) return kr;
  memset((void*)message.address, 'm', SIZE);
  /* COMPLEX: there is more in the body than data. */
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
  message.head.msgh_remote_port = port;
  kr = mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
  if (kr != KERN_SUCCESS) vm_deallocate(mach_task_self(), message.address, SIZE);
  return kr;
}

static kern_return_t receive_memory(mach_port_t port) {
  struct message message;
  kern_return_t kr = mach_msg(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, MACH_PORT_NULL);
  if (kr != KERN_SUCCESS) return kr;
  const char* data = (const char*)message.address;
  printf("received %u bytes, from '%c' to '%c'\n", message.type.msgt_number, data[0], data[SIZE - 1]);
  mach_msg_destroy(&message.head); /* the memory too; or keep it, and vm_deallocate it one day */
  return KERN_SUCCESS;
}

int main(void) {
  netname_wait_for_server();
  const mach_port_t port = mach_reply_port();
  kern_return_t kr = send_memory(port);
  if (kr == KERN_SUCCESS) kr = receive_memory(port);
  if (kr != KERN_SUCCESS) printf("%s\n", mach_error_string(kr));
  return kr != KERN_SUCCESS;
}
