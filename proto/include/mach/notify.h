/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: messages from the engine to a send-once right (spec 06). Each request gives at most one.
 * Anybody with a right to the port can forge one; to be sure, keep a port that nobody else has a right to. */
#ifndef _MACH_NOTIFY_H_
#define _MACH_NOTIFY_H_

#include <mach/message.h>
#include <mach/port.h>

#define MACH_NOTIFY_FIRST 0100
#define MACH_NOTIFY_PORT_DELETED (MACH_NOTIFY_FIRST + 001) /* a name with a dead-name request was freed */
#define MACH_NOTIFY_MSG_ACCEPTED (MACH_NOTIFY_FIRST + 002) /* a forced message left the queue */
#define MACH_NOTIFY_PORT_DESTROYED \
  (MACH_NOTIFY_FIRST + 005)                              /* carries the receive right instead of its death */
#define MACH_NOTIFY_NO_SENDERS (MACH_NOTIFY_FIRST + 006) /* no send right exists any more */
#define MACH_NOTIFY_SEND_ONCE (MACH_NOTIFY_FIRST + 007)  /* a send-once right vanished unused */
#define MACH_NOTIFY_DEAD_NAME \
  (MACH_NOTIFY_FIRST + 010) /* a name became a dead name, with one more reference */
#define MACH_NOTIFY_LAST (MACH_NOTIFY_FIRST + 015)

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_type_t not_type; /* MACH_MSG_TYPE_PORT_NAME */
  mach_port_name_t not_port;
} mach_port_deleted_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_type_t not_type; /* MACH_MSG_TYPE_PORT_NAME */
  mach_port_name_t not_port;
} mach_msg_accepted_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_type_t not_type; /* MACH_MSG_TYPE_PORT_RECEIVE */
  mach_port_t not_port;
} mach_port_destroyed_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_type_t not_type; /* MACH_MSG_TYPE_INTEGER_32 */
  unsigned int not_count;   /* the make-send count at that moment */
} mach_no_senders_notification_t;

typedef struct {
  mach_msg_header_t not_header;
} mach_send_once_notification_t;

typedef struct {
  mach_msg_header_t not_header;
  mach_msg_type_t not_type; /* MACH_MSG_TYPE_PORT_NAME */
  mach_port_name_t not_port;
} mach_dead_name_notification_t;

#ifdef __cplusplus
static_assert(sizeof(mach_port_deleted_notification_t) == 48, "spec 06 section 1");
static_assert(sizeof(mach_msg_accepted_notification_t) == 48, "spec 06 section 1");
static_assert(sizeof(mach_port_destroyed_notification_t) == 48, "spec 06 section 1");
static_assert(sizeof(mach_no_senders_notification_t) == 48, "spec 06 section 1");
static_assert(sizeof(mach_send_once_notification_t) == 32, "spec 06 section 1");
static_assert(sizeof(mach_dead_name_notification_t) == 48, "spec 06 section 1");
static_assert(offsetof(mach_dead_name_notification_t, not_port) == 40, "spec 06 section 1");
#else
_Static_assert(sizeof(mach_port_deleted_notification_t) == 48, "spec 06 section 1");
_Static_assert(sizeof(mach_msg_accepted_notification_t) == 48, "spec 06 section 1");
_Static_assert(sizeof(mach_port_destroyed_notification_t) == 48, "spec 06 section 1");
_Static_assert(sizeof(mach_no_senders_notification_t) == 48, "spec 06 section 1");
_Static_assert(sizeof(mach_send_once_notification_t) == 32, "spec 06 section 1");
_Static_assert(sizeof(mach_dead_name_notification_t) == 48, "spec 06 section 1");
_Static_assert(offsetof(mach_dead_name_notification_t, not_port) == 40, "spec 06 section 1");
#endif

#endif /* _MACH_NOTIFY_H_ */
