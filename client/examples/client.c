/* SPDX-License-Identifier: Apache-2.0 */
/* A client that shows what becomes of its rights: usage: client NAME HOST
 * It looks NAME up on HOST ("" for this host, "*" for any), where server.c runs, and
 *   1. sends SHOW: one send right is the destination (moved) and the reply port (copied) at once
 *   2. sends ASK with a right to answer once, and gets the answer
 *   3. asks to be told when the server's port dies, sends FINISH, and is told
 * printing the names and rights on its side. Exit status 0 only if all of it was as it should be. */
#include <servers/netname.h>

#include "client/examples/story.h"

static mach_port_t look_up(const char* host, const char* name) {
  mach_port_t service;
  succeed("netname_look_up", netname_look_up(name_server_port, host, name, &service));
  printf("looked \"%s\" up on host \"%s\": a send right\n", name, host);
  describe(service, MACH_PORT_TYPE_SEND, 1);
  return service;
}

/* A message with a text; with a reply port, the answer comes in its place. */
static struct text_message send_text(mach_msg_bits_t bits, mach_port_t remote, mach_port_t local,
                                     mach_msg_id_t id) {
  struct text_message message = {.head = {.msgh_bits = bits, .msgh_id = id},
                                 .type = {MACH_MSG_TYPE_STRING_C, 8, 0, 1, 0, 0, sizeof message.text}};
  const int answered = MACH_MSGH_BITS_LOCAL(bits) == MACH_MSG_TYPE_MAKE_SEND_ONCE;
  message.head.msgh_remote_port = remote;
  message.head.msgh_local_port = local;
  snprintf(message.text, sizeof message.text, "the text of message %d", id);
  succeed("send",
          mach_msg(&message.head,
                   MACH_SEND_MSG | MACH_SEND_TIMEOUT | (answered ? MACH_RCV_MSG | MACH_RCV_TIMEOUT : 0),
                   sizeof message, sizeof message, answered ? local : MACH_PORT_NULL, PATIENCE_MS, 0));
  return message;
}

static void ask(mach_port_t service) {
  const mach_port_t reply = mach_reply_port();
  const struct text_message answer =
      send_text(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), service, reply, ASK);
  printf("asked with a send-once right made from name %u; answer %d: \"%.64s\"\n", reply, answer.head.msgh_id,
         answer.text);
  expect("the answer's id", answer.head.msgh_id == ANSWER);
  expect("it came to our reply port", answer.head.msgh_local_port == reply);
  describe(reply, MACH_PORT_TYPE_RECEIVE, 0);
}

static void see_it_die(mach_port_t service) {
  const mach_port_t notify = mach_reply_port();
  mach_port_t previous;
  succeed("mach_port_request_notification",
          mach_port_request_notification(mach_task_self(), service, MACH_NOTIFY_DEAD_NAME, 0, notify,
                                         MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  printf("asked to be told on name %u when name %u dies\n", notify, service);
  send_text(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), service, MACH_PORT_NULL, FINISH);
  mach_dead_name_notification_t death;
  succeed("wait for the notification", mach_msg(&death.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
                                                sizeof death, notify, PATIENCE_MS, MACH_PORT_NULL));
  printf("the server has ended; notification %d about name %u\n", death.not_header.msgh_id, death.not_port);
  expect("a dead-name notification", death.not_header.msgh_id == MACH_NOTIFY_DEAD_NAME);
  expect("it is about the server's port", death.not_port == service);
  describe(service, MACH_PORT_TYPE_DEAD_NAME,
           2); /* our reference, and that which came with the notification */
  succeed("mach_port_mod_refs", mach_port_mod_refs(mach_task_self(), service, MACH_PORT_RIGHT_DEAD_NAME, -2));
  expect_nothing(service);
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: %s NAME HOST\n", argv[0]), 2;
  mach_port_t service = look_up(argv[2], argv[1]);
  send_text(MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_COPY_SEND), service, service, SHOW);
  printf("sent message %d: name %u as destination (MOVE_SEND) and as reply port (COPY_SEND)\n", SHOW,
         service);
  expect_nothing(service);
  service = look_up(argv[2], argv[1]);
  ask(service);
  see_it_die(service);
  return 0;
}
