/* SPDX-License-Identifier: Apache-2.0 */
/* Asks to be told when a port dies, lets it die, and is told. The port would be another program's, usually. */
#include <mach.h>
#include <servers/netname.h>
#include <stdio.h>

/* A receive right, and a send right under the same name. */
static kern_return_t make_port(mach_port_t* port) {
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);
  if (kr != KERN_SUCCESS) return kr;
  return mach_port_insert_right(mach_task_self(), *port, *port, MACH_MSG_TYPE_MAKE_SEND);
}

int main(void) {
  mach_port_t port, previous;
  mach_dead_name_notification_t death;
  mach_port_urefs_t refs = 0;
  netname_wait_for_server();
  const mach_port_t notify =
      mach_reply_port(); /* nobody else has a right to it, so nobody can lie to us there */
  kern_return_t kr = make_port(&port);
  if (kr == KERN_SUCCESS)
    kr = mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, 1, notify,
                                        MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
  /* The receive right goes: the port dies, and our send right becomes a dead name. */
  if (kr == KERN_SUCCESS) kr = mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
  if (kr == KERN_SUCCESS)
    kr = mach_msg(&death.not_header, MACH_RCV_MSG, 0, sizeof death, notify, 0, MACH_PORT_NULL);
  if (kr == KERN_SUCCESS) kr = mach_port_get_refs(mach_task_self(), port, MACH_PORT_RIGHT_DEAD_NAME, &refs);
  if (kr == KERN_SUCCESS) {
    printf("notification %d: our port is dead: %s; references: %u\n", death.not_header.msgh_id,
           death.not_port == port ? "yes" : "no", refs);
    /* Our own reference, and the one that came with the notification. */
    kr = mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_DEAD_NAME, -2);
  }
  if (kr != KERN_SUCCESS) printf("%s\n", mach_error_string(kr));
  return kr != KERN_SUCCESS;
}
