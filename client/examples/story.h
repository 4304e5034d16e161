/* SPDX-License-Identifier: Apache-2.0 */
/* What server.c and client.c share: their messages, and telling what a name denotes. */
#ifndef STORY_H
#define STORY_H

#include <mach.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOW = 500, ASK = 501, FINISH = 502, ANSWER = 601, PATIENCE_MS = 60000 };

struct text_message {
  mach_msg_header_t head;
  mach_msg_type_t type;
  char text[64];
};

/* Ends the program unless the code is success, or the statement holds. */
static inline void succeed(const char* what, kern_return_t code) {
  if (code == KERN_SUCCESS) return;
  printf("%s: %s\n", what, mach_error_string(code));
  exit(1);
}
static inline void expect(const char* what, int holds) {
  if (holds) return;
  printf("NOT as expected: %s\n", what);
  exit(1);
}

/* Prints what the name denotes in this task, which has to be this, and its references to a send right or dead name. */
static inline void describe(mach_port_name_t name, mach_port_type_t expected,
                            mach_port_urefs_t expected_refs) {
  const mach_port_right_t counted =
      expected & MACH_PORT_TYPE_DEAD_NAME ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND;
  mach_port_type_t type = 0;
  mach_port_urefs_t refs = 0;
  succeed("mach_port_type", mach_port_type(mach_task_self(), name, &type));
  succeed("mach_port_get_refs", mach_port_get_refs(mach_task_self(), name, counted, &refs));
  type &= MACH_PORT_TYPE_ALL_RIGHTS; /* without the requests for it */
  printf("  name %u: type 0x%06x =%s%s%s%s, references: %u\n", name, type,
         type & MACH_PORT_TYPE_RECEIVE ? " receive" : "", type & MACH_PORT_TYPE_SEND ? " send" : "",
         type & MACH_PORT_TYPE_SEND_ONCE ? " send-once" : "",
         type & MACH_PORT_TYPE_DEAD_NAME ? " dead name" : "", refs);
  expect("the rights under this name", type == expected);
  expect("the references under this name", refs == expected_refs);
}

static inline void expect_nothing(mach_port_name_t name) {
  mach_port_type_t type;
  expect("the name denotes nothing", mach_port_type(mach_task_self(), name, &type) == KERN_INVALID_NAME);
  printf("  name %u denotes nothing any more\n", name);
}

#endif
