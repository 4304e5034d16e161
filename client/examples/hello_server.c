/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up the numbers it is sent, and answers each request with the sum so far. */
#include <mach.h>
#include <mach/mig_support.h>
#include <servers/netname.h>
#include <stdio.h>

enum { ADD = 100 }; /* the request's id; the reply's is 100 more */

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

static unsigned sum;

/* Makes the reply to one request. Anybody may have sent it, so its size and types are looked at first. */
static boolean_t serve(mach_msg_header_t* head, mach_msg_header_t* reply_head) {
  const mach_msg_type_t number_type = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1};
  const struct request* request = (const struct request*)head;
  struct reply* reply = (struct reply*)reply_head;
  mig_reply_setup(head, reply_head); /* for whoever waits for it: MIG_BAD_ID */
  if (head->msgh_id != ADD) return FALSE;
  reply->result.RetCode = MIG_BAD_ARGUMENTS;
  if (head->msgh_size != sizeof *request || memcmp(&request->type, &number_type, sizeof number_type) != 0)
    return TRUE;
  reply->result.RetCode = KERN_SUCCESS;
  reply->result.Head.msgh_size = sizeof *reply;
  reply->type = number_type;
  reply->sum = sum += request->number;
  return TRUE;
}

int main(void) {
  mach_port_t service;
  netname_wait_for_server(); /* the daemon may still be starting */
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service);
  /* The task as signature: the name goes when this program does. */
  if (kr == KERN_SUCCESS) kr = netname_check_in(name_server_port, "hello", mach_task_self(), service);
  if (kr == KERN_SUCCESS) kr = mach_msg_server(serve, 0, service); /* for ever, unless something is wrong */
  printf("server: %s\n", mach_error_string(kr));
  return 1;
}
