/* SPDX-License-Identifier: Apache-2.0 */
/* A server that shows what arrives: usage: server NAME
 * It checks in NAME and serves three messages from client.c, printing the names and rights on its side of
 * each: SHOW   the header's two rights are send rights for this very port (the client moved one and copied
 * one) ASK    the header brings a right to answer exactly once FINISH the server ends; its port dies with it
 * Exit status 0 only if all of it was as it should be. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOW = 500, ASK = 501, FINISH = 502, ANSWER = 601, PATIENCE_MS = 60000 };

struct text_message {
  mach_msg_header_t head;
  mach_msg_type_t type;
  char text[64];
};

static void expect(int holds, const char* what) {
  if (holds) return;
  printf("NOT as expected: %s\n", what);
  exit(1);
}

static void succeed(const char* call, kern_return_t code) {
  if (code != KERN_SUCCESS) printf("%s: %s\n", call, mach_error_string(code));
  expect(code == KERN_SUCCESS, call);
}

/* What the name denotes in this task: its rights, and how many references it holds to a send right. */
static void describe(mach_port_t name, mach_port_type_t expected_type, mach_port_urefs_t expected_sends) {
  mach_port_type_t type = 0;
  mach_port_urefs_t sends = 0;
  succeed("mach_port_type", mach_port_type(mach_task_self(), name, &type));
  succeed("mach_port_get_refs", mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, &sends));
  printf("  name %u: type 0x%05x =%s%s%s, send references: %u\n", name, type,
         type & MACH_PORT_TYPE_RECEIVE ? " receive" : "", type & MACH_PORT_TYPE_SEND ? " send" : "",
         type & MACH_PORT_TYPE_SEND_ONCE ? " send-once" : "", sends);
  expect(type == expected_type, "the rights under this name");
  expect(sends == expected_sends, "the send references under this name");
}

static void receive(struct text_message* message, mach_port_t port, mach_msg_id_t id) {
  succeed("receive", mach_msg(&message->head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof *message, port,
                              PATIENCE_MS, MACH_PORT_NULL));
  printf("received message %d, %u bytes, bits 0x%04x, remote %u, local %u\n", message->head.msgh_id,
         message->head.msgh_size, message->head.msgh_bits, message->head.msgh_remote_port,
         message->head.msgh_local_port);
  expect(message->head.msgh_id == id, "the message's id");
  expect(message->head.msgh_local_port == port, "the local port is where we received");
}

static void serve_show(mach_port_t service) {
  struct text_message request;
  receive(&request, service, SHOW);
  expect(request.head.msgh_bits == MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND),
         "bits 0x1111");
  expect(request.head.msgh_remote_port == service,
         "both header rights are for our own port, under its own name");
  printf("  the client's one name went into both fields; here both are our receive name.\n");
  describe(service, MACH_PORT_TYPE_SEND_RECEIVE, 1);
  succeed("mach_port_deallocate", mach_port_deallocate(mach_task_self(), service));
  printf("  we give the extra send right up:\n");
  describe(service, MACH_PORT_TYPE_RECEIVE, 0);
}

static void serve_ask(mach_port_t service) {
  struct text_message message;
  receive(&message, service, ASK);
  expect(MACH_MSGH_BITS_REMOTE(message.head.msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE,
         "a send-once reply right");
  printf("  \"%.64s\"; the reply right is new here:\n", message.text);
  describe(message.head.msgh_remote_port, MACH_PORT_TYPE_SEND_ONCE, 0);
  mach_port_t reply = message.head.msgh_remote_port;
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  message.head.msgh_local_port = MACH_PORT_NULL;
  message.head.msgh_id = ANSWER;
  snprintf(message.text, sizeof message.text, "an answer, sent once");
  succeed("send the answer",
          mach_msg(&message.head, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
  mach_port_type_t type;
  expect(mach_port_type(mach_task_self(), reply, &type) == KERN_INVALID_NAME, "the right is used up");
  printf("  answered; name %u denotes nothing any more\n", reply);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s NAME\n", argv[0]);
    return 2;
  }
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
