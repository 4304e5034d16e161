/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a number to the server "hello" on the host named by the argument (default: any) and prints the sum. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>
#include <unistd.h>

enum { ADD = 100 };

struct request {
  mach_msg_header_t head;
  mach_msg_type_t type;
  unsigned number;
};
struct reply {
  mig_reply_header_t result; /* header and return code */
  mach_msg_type_t type;
  unsigned sum;
};
union message { /* the reply comes where the request was */
  struct request request;
  struct reply reply;
};

static kern_return_t add(mach_port_t service, unsigned number, unsigned* sum) {
  union message message = {
      .request = {.type = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1}, .number = number}};
  mach_msg_header_t* head = &message.request.head;
  mach_port_t reply_port = mach_reply_port();
  /* Our send right is copied, and a right to answer once is made from our reply port. */
  head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  head->msgh_remote_port = service;
  head->msgh_local_port = reply_port;
  head->msgh_id = ADD;
  kern_return_t kr = mach_msg(head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message.request, sizeof message,
                              reply_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
  mach_port_mod_refs(mach_task_self(), reply_port, MACH_PORT_RIGHT_RECEIVE, -1);
  if (kr != KERN_SUCCESS) return kr;
  if (head->msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
  if (head->msgh_id != ADD + 100) return MIG_REPLY_MISMATCH;
  if (message.reply.result.RetCode == KERN_SUCCESS) *sum = message.reply.sum;
  return message.reply.result.RetCode;
}

int main(int argc, char** argv) {
  mach_port_t service;
  unsigned sum = 0;
  const char* host = argc > 1 ? argv[1] : "*";
  kern_return_t kr;
  netname_wait_for_server(); /* the daemon may still be starting, and so may the server */
  while ((kr = netname_look_up(name_server_port, host, "hello", &service)) == NETNAME_NOT_CHECKED_IN ||
         kr == NETNAME_HOST_NOT_FOUND)
    sleep(1);
  if (kr == KERN_SUCCESS) kr = add(service, 42, &sum);
  if (kr == KERN_SUCCESS)
    printf("client: the sum is %u\n", sum);
  else
    printf("client: %s\n", mach_error_string(kr));
  return kr != KERN_SUCCESS;
}
