/* SPDX-License-Identifier: Apache-2.0 */
/* A server that shows what arrives: usage: server NAME
 * It checks in NAME and serves three messages from client.c, printing the names and rights on its side of each:
 *   SHOW   the header's two rights are send rights for this very port (the client moved one and copied one)
 *   ASK    the header brings a right to answer exactly once
 *   FINISH the server ends; its port dies with it
 * Exit status 0 only if all of it was as it should be. */
#include <servers/netname.h>

#include "client/examples/story.h"

static void receive(struct text_message* message, mach_port_t port, mach_msg_id_t id) {
  mach_msg_header_t* head = &message->head;
  succeed("receive",
          mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof *message, port, PATIENCE_MS, 0));
  printf("received message %d, %u bytes, bits 0x%04x, remote %u, local %u\n", head->msgh_id, head->msgh_size,
         head->msgh_bits, head->msgh_remote_port, head->msgh_local_port);
  expect("the message's id", head->msgh_id == id);
  expect("the local port is where we received", head->msgh_local_port == port);
}

static void serve_show(mach_port_t service) {
  struct text_message request;
  receive(&request, service, SHOW);
  expect("bits 0x1111",
         request.head.msgh_bits == MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND));
  expect("both header rights are for our own port, under its own name",
         request.head.msgh_remote_port == service);
  printf("  the client's one name went into both fields; here both are our receive name.\n");
  describe(service, MACH_PORT_TYPE_SEND_RECEIVE, 1);
  succeed("mach_port_deallocate", mach_port_deallocate(mach_task_self(), service));
  printf("  we give the extra send right up:\n");
  describe(service, MACH_PORT_TYPE_RECEIVE, 0);
}

static void serve_ask(mach_port_t service) {
  struct text_message message;
  receive(&message, service, ASK);
  expect("a send-once reply right",
         MACH_MSGH_BITS_REMOTE(message.head.msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE);
  printf("  \"%.64s\"; the reply right is new here:\n", message.text);
  const mach_port_t reply = message.head.msgh_remote_port;
  describe(reply, MACH_PORT_TYPE_SEND_ONCE, 0);
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  message.head.msgh_local_port = MACH_PORT_NULL;
  message.head.msgh_id = ANSWER;
  snprintf(message.text, sizeof message.text, "an answer, sent once");
  succeed("send the answer", mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, 0, 0, 0));
  printf("  answered; the right is used up:\n");
  expect_nothing(reply);
}

int main(int argc, char** argv) {
  if (argc != 2) return fprintf(stderr, "usage: %s NAME\n", argv[0]), 2;
  mach_port_t service;
  succeed("mach_port_allocate", mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service));
  printf("a new port:\n");
  describe(service, MACH_PORT_TYPE_RECEIVE, 0);
  /* With the task as signature the name goes when this program does. */
  succeed("netname_check_in", netname_check_in(name_server_port, argv[1], mach_task_self(), service));
  printf("checked in as \"%s\"\n", argv[1]);
  serve_show(service);
  serve_ask(service);
  struct text_message last;
  receive(&last, service, FINISH);
  printf("the server ends, and its port with it\n");
  return 0;
}
