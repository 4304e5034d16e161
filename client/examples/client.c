/* SPDX-License-Identifier: Apache-2.0 */
/* A client that shows what becomes of its rights: usage: client NAME HOST
 * It looks NAME up on HOST ("" for this host, "*" for any), where server.c runs, and
 *   1. sends SHOW: one send right is the destination (moved) and the reply port (copied) at once
 *   2. sends ASK with a right to answer once, and gets the answer
 *   3. asks to be told when the server's port dies, sends FINISH, and is told
 * printing the names and rights on its side. Exit status 0 only if all of it was as it should be. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOW = 500, ASK = 501, FINISH = 502, ANSWER = 601, PATIENCE_MS = 20000 };

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

/* What the name denotes in this task, and the references it holds to that kind of right. */
static void describe(mach_port_t name, mach_port_right_t right, mach_port_urefs_t expected_refs) {
  mach_port_type_t type = 0;
  mach_port_urefs_t refs = 0;
  succeed("mach_port_type", mach_port_type(mach_task_self(), name, &type));
  succeed("mach_port_get_refs", mach_port_get_refs(mach_task_self(), name, right, &refs));
  printf("  name %u: type 0x%06x =%s%s%s, references: %u\n", name, type,
         type & MACH_PORT_TYPE_RECEIVE ? " receive" : "", type & MACH_PORT_TYPE_SEND ? " send" : "",
         type & MACH_PORT_TYPE_DEAD_NAME ? " dead name" : "", refs);
  expect((type & MACH_PORT_TYPE_ALL_RIGHTS) == MACH_PORT_TYPE(right), "the right under this name");
  expect(refs == expected_refs, "the references under this name");
}

static void expect_nothing(mach_port_t name) {
  mach_port_type_t type;
  expect(mach_port_type(mach_task_self(), name, &type) == KERN_INVALID_NAME, "the name denotes nothing");
  printf("  name %u denotes nothing any more\n", name);
}

static mach_port_t look_up(const char* host, const char* name) {
  mach_port_t service;
  succeed("netname_look_up", netname_look_up(name_server_port, host, name, &service));
  printf("looked \"%s\" up on host \"%s\": a send right\n", name, host);
  describe(service, MACH_PORT_RIGHT_SEND, 1);
  return service;
}

static struct text_message new_message(mach_msg_bits_t bits, mach_port_t remote, mach_port_t local,
                                       mach_msg_id_t id) {
  struct text_message message = {.head = {.msgh_bits = bits, .msgh_id = id}};
  message.head.msgh_remote_port = remote;
  message.head.msgh_local_port = local;
  message.type = (mach_msg_type_t){.msgt_name = MACH_MSG_TYPE_STRING_C,
                                   .msgt_size = 8 * sizeof message.text,
                                   .msgt_inline = 1,
                                   .msgt_longform = 1,
                                   .msgt_number = 1};
  snprintf(message.text, sizeof message.text, "the text of message %d", id);
  return message;
}

static void send_message(struct text_message* message) {
  succeed("send", mach_msg(&message->head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof *message, 0,
                           MACH_PORT_NULL, PATIENCE_MS, MACH_PORT_NULL));
}

static void show(mach_port_t service) {
  struct text_message request =
      new_message(MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_COPY_SEND), service, service, SHOW);
  send_message(&request);
  printf("sent message %d: name %u as destination (MOVE_SEND) and as reply port (COPY_SEND)\n", SHOW,
         service);
  expect_nothing(service);
}

static void ask(mach_port_t service) {
  const mach_port_t reply = mach_reply_port();
  struct text_message message =
      new_message(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), service, reply, ASK);
  succeed("ask", mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof message,
                          sizeof message, reply, PATIENCE_MS, MACH_PORT_NULL));
  printf("asked with a send-once right made from name %u; answer %d: \"%.64s\"\n", reply,
         message.head.msgh_id, message.text);
  expect(message.head.msgh_id == ANSWER, "the answer's id");
  expect(message.head.msgh_local_port == reply, "it came to our reply port");
  describe(reply, MACH_PORT_RIGHT_RECEIVE, 1);
}

static void see_it_die(mach_port_t service) {
  const mach_port_t notify = mach_reply_port();
  mach_port_t previous;
  succeed("mach_port_request_notification",
          mach_port_request_notification(mach_task_self(), service, MACH_NOTIFY_DEAD_NAME, 0, notify,
                                         MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  printf("asked to be told on name %u when name %u dies\n", notify, service);
  struct text_message last =
      new_message(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), service, MACH_PORT_NULL, FINISH);
  send_message(&last);
  mach_dead_name_notification_t death;
  succeed("wait for the notification", mach_msg(&death.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
                                                sizeof death, notify, PATIENCE_MS, MACH_PORT_NULL));
  printf("the server has ended; notification %d about name %u\n", death.not_header.msgh_id, death.not_port);
  expect(death.not_header.msgh_id == MACH_NOTIFY_DEAD_NAME, "a dead-name notification");
  expect(death.not_port == service, "it is about the server's port");
  describe(service, MACH_PORT_RIGHT_DEAD_NAME,
           2); /* our reference, and the one that came with the notification */
  succeed("mach_port_mod_refs", mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_DEAD_NAME, -2));
  expect_nothing(service);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s NAME HOST\n", argv[0]);
    return 2;
  }
  show(look_up(argv[2], argv[1]));
  const mach_port_t service = look_up(argv[2], argv[1]);
  ask(service);
  see_it_die(service);
  return 0;
}
