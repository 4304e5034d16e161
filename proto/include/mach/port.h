/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as a program sees them: names, kinds of right, type bits, status (spec 01 section 3, 05 section 4).
 */
#ifndef _MACH_PORT_H_
#define _MACH_PORT_H_

#include <mach/boolean.h>
#include <mach/machine/vm_types.h>

/* A name denotes a right in the port space of one task; it means nothing to another task. */
typedef unsigned int mach_port_name_t;
typedef mach_port_name_t* mach_port_name_array_t;
typedef const mach_port_name_t* const_mach_port_name_array_t;

/* Outside the engine a port is always spoken of by its name. */
typedef mach_port_name_t mach_port_t;
typedef mach_port_t* mach_port_array_t;
typedef const mach_port_t* const_mach_port_array_t;

/* One port in the body of a message: 8 bytes, of which the name is the first four (spec 02 section 6). The
 * other four are ignored on send and zero on receive. */
typedef union {
  mach_port_name_t name;
  uintptr_t kernel_port_do_not_use;
} mach_port_name_inlined_t;

/* The two names that never denote anything: no port, and a port that died on the way. */
#define MACH_PORT_NULL 0
#define MACH_PORT_DEAD ((mach_port_t)~0u)
#define MACH_PORT_NAME_NULL ((mach_port_name_t)0)
#define MACH_PORT_NAME_DEAD ((mach_port_name_t)~0u)
#define MACH_PORT_VALID(port) (((port) != MACH_PORT_NULL) && ((port) != MACH_PORT_DEAD))
#define MACH_PORT_NAME_VALID(name) (((name) != MACH_PORT_NAME_NULL) && ((name) != MACH_PORT_NAME_DEAD))

/* Kinds of right, as arguments of the port calls. */
typedef natural_t mach_port_right_t;
#define MACH_PORT_RIGHT_SEND ((mach_port_right_t)0)
#define MACH_PORT_RIGHT_RECEIVE ((mach_port_right_t)1)
#define MACH_PORT_RIGHT_SEND_ONCE ((mach_port_right_t)2)
#define MACH_PORT_RIGHT_PORT_SET ((mach_port_right_t)3)
#define MACH_PORT_RIGHT_DEAD_NAME ((mach_port_right_t)4)
#define MACH_PORT_RIGHT_NUMBER ((mach_port_right_t)5)

/* What a name denotes, as a set of bits: one per kind of right, and request bits at the top. */
typedef natural_t mach_port_type_t;
typedef mach_port_type_t* mach_port_type_array_t;
typedef const mach_port_type_t* const_mach_port_type_array_t;
#define MACH_PORT_TYPE(right) \
  ((mach_port_type_t)(((mach_port_type_t)1) << ((right) + ((mach_port_right_t)16))))
#define MACH_PORT_TYPE_NONE ((mach_port_type_t)0)
#define MACH_PORT_TYPE_SEND MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND)
#define MACH_PORT_TYPE_RECEIVE MACH_PORT_TYPE(MACH_PORT_RIGHT_RECEIVE)
#define MACH_PORT_TYPE_SEND_ONCE MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_SET MACH_PORT_TYPE(MACH_PORT_RIGHT_PORT_SET)
#define MACH_PORT_TYPE_DEAD_NAME MACH_PORT_TYPE(MACH_PORT_RIGHT_DEAD_NAME)
#define MACH_PORT_TYPE_SEND_RECEIVE (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_SEND_RIGHTS (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_RIGHTS (MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_PORT_OR_DEAD (MACH_PORT_TYPE_PORT_RIGHTS | MACH_PORT_TYPE_DEAD_NAME)
#define MACH_PORT_TYPE_ALL_RIGHTS (MACH_PORT_TYPE_PORT_OR_DEAD | MACH_PORT_TYPE_PORT_SET)
#define MACH_PORT_TYPE_DNREQUEST ((mach_port_type_t)0x80000000u) /* a dead-name request is registered */
#define MACH_PORT_TYPE_MAREQUEST \
  ((mach_port_type_t)0x40000000u)                             /* a msg-accepted notification is outstanding */
#define MACH_PORT_TYPE_COMPAT ((mach_port_type_t)0x20000000u) /* never set */

typedef natural_t mach_port_urefs_t; /* user references of one right under one name */
typedef integer_t mach_port_delta_t; /* a change of them */
#define MACH_PORT_UREFS_MAX ((mach_port_urefs_t)65535)

typedef natural_t mach_port_seqno_t;    /* sequence number of a received message */
typedef natural_t mach_port_mscount_t;  /* make-send count */
typedef natural_t mach_port_msgcount_t; /* number of queued messages */
typedef natural_t mach_port_rights_t;   /* number of rights */

#define MACH_PORT_QLIMIT_DEFAULT ((mach_port_msgcount_t)5)
#define MACH_PORT_QLIMIT_MAX ((mach_port_msgcount_t)16)

/* What mach_port_get_receive_status tells about a receive right (spec 05 section 4). */
typedef struct mach_port_status {
  mach_port_name_t mps_pset;         /* name of the containing port set, or 0 */
  mach_port_seqno_t mps_seqno;       /* number the next received message gets */
  mach_port_mscount_t mps_mscount;   /* send rights made since the right came here */
  mach_port_msgcount_t mps_qlimit;   /* queue limit, 0..16 */
  mach_port_msgcount_t mps_msgcount; /* messages in the queue */
  mach_port_rights_t mps_sorights;   /* number of send-once rights that exist */
  boolean_t mps_srights;             /* does any send right exist? */
  boolean_t mps_pdrequest;           /* is a port-destroyed request registered? */
  boolean_t mps_nsrequest;           /* is a no-senders request registered? */
} mach_port_status_t;

typedef natural_t mach_port_ktype_t;
#define MACH_PORT_KTYPE_NONE 0
#define MACH_PORT_KTYPE_USER_DEVICE 28

#ifdef __cplusplus
static_assert(sizeof(mach_port_name_inlined_t) == 8, "spec 02 section 6");
static_assert(sizeof(mach_port_status_t) == 36, "spec 05 section 4");
#else
_Static_assert(sizeof(mach_port_name_inlined_t) == 8, "spec 02 section 6");
_Static_assert(sizeof(mach_port_status_t) == 36, "spec 05 section 4");
#endif

#endif /* _MACH_PORT_H_ */
