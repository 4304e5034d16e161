/* SPDX-License-Identifier: Apache-2.0 */
/* Many messages with few crossings: each netmsg_msgv carries a dozen of them to the daemon at once. */
#include <mach.h>
#include <netmsg.h>
#include <servers/netname.h>
#include <stdio.h>

enum { EACH = 5, ROUNDS = 200 }; /* as many as a queue holds unless it is told otherwise */

struct number {
  mach_msg_header_t head;
  mach_msg_type_t type;
  unsigned value;
};

static netmsg_operation_t send_number(struct number* message, mach_port_t port, unsigned value) {
  *message = (struct number){.type = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1}, .value = value};
  message->head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
  message->head.msgh_remote_port = port;
  return (netmsg_operation_t){.msg = &message->head, .option = MACH_SEND_MSG, .send_size = sizeof *message};
}

/* Takes what is there, and waits for nothing. */
static netmsg_operation_t receive_number(struct number* message, mach_port_t port) {
  return (netmsg_operation_t){.msg = &message->head,
                              .option = MACH_RCV_MSG | MACH_RCV_TIMEOUT,
                              .rcv_size = sizeof *message,
                              .rcv_name = port};
}

int main(void) {
  struct number sent[EACH], received[EACH + 1]; /* a buffer for each operation */
  netmsg_operation_t operations[2 * EACH + 1];
  mach_port_t port;
  unsigned next = 0, calls = 0;
  unsigned long sum = 0;
  netname_wait_for_server();
  if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS) return 1;
  for (; calls < ROUNDS; ++calls) {
    unsigned at, begun;
    for (at = 0; at < EACH; ++at) operations[at] = send_number(&sent[at], port, next++);
    for (; at < 2 * EACH + 1; ++at) operations[at] = receive_number(&received[at - EACH], port);
    begun = netmsg_msgv(operations, 2 * EACH + 1, NETMSG_STOP); /* up to the receive that finds nothing */
    for (at = EACH; at < begun && operations[at].result == MACH_MSG_SUCCESS; ++at)
      sum += received[at - EACH].value;
    if (at < begun && operations[at].result != MACH_RCV_TIMED_OUT) return 1;
  }
  printf("%u numbers in %u calls, their sum is %lu\n", next, calls, sum);
  return 0;
}
