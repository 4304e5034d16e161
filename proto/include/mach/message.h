/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: layout (spec 02), options and codes of mach_msg (spec 03). Little-endian, 64-bit addresses; every
 * item of a message starts at a multiple of 8 from the start of the message. */
#ifndef _MACH_MESSAGE_H_
#define _MACH_MESSAGE_H_

#include <mach/kern_return.h>
#include <mach/machine/vm_types.h>
#include <mach/port.h>
#include <stddef.h>

/* Stubs from older stub generators pack their structures to 4 bytes and would fill the wrong fields without a
 * word from the compiler (spec 07 section 2). With this they do not compile. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic error "-Wpacked-not-aligned"
#endif

typedef natural_t
    mach_msg_timeout_t; /* milliseconds; whether there is a timeout at all is said by the option */
#define MACH_MSG_TIMEOUT_NONE ((mach_msg_timeout_t)0)

typedef unsigned int mach_msg_bits_t;
typedef unsigned int mach_msg_size_t;
typedef natural_t mach_msg_seqno_t;
typedef integer_t mach_msg_id_t;
typedef unsigned int mach_msg_kind_t;
#define MACH_MSGH_KIND_NORMAL 0
#define MACH_MSG_SIZE_MAX ((mach_msg_size_t)~0u)
#define MACH_MSG_USER_ALIGNMENT 8

/* --- msgh_bits (spec 02 section 3) --- */
#define MACH_MSGH_BITS_ZERO 0x00000000u
#define MACH_MSGH_BITS_REMOTE_MASK 0x000000ffu
#define MACH_MSGH_BITS_LOCAL_MASK 0x0000ff00u
#define MACH_MSGH_BITS_COMPLEX 0x80000000u       /* the body may carry rights or out-of-line memory */
#define MACH_MSGH_BITS_CIRCULAR 0x40000000u      /* internal; never seen by a receiver */
#define MACH_MSGH_BITS_COMPLEX_PORTS 0x20000000u /* passed through as sent, as are the next three */
#define MACH_MSGH_BITS_COMPLEX_DATA 0x10000000u
#define MACH_MSGH_BITS_MIGRATED 0x08000000u
#define MACH_MSGH_BITS_UNUSED 0x07ff0000u
#define MACH_MSGH_BITS_PORTS_MASK (MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK)
#define MACH_MSGH_BITS(remote, local) ((mach_msg_bits_t)((remote) | ((local) << 8)))
#define MACH_MSGH_BITS_REMOTE(bits) ((bits)&MACH_MSGH_BITS_REMOTE_MASK)
#define MACH_MSGH_BITS_LOCAL(bits) (((bits)&MACH_MSGH_BITS_LOCAL_MASK) >> 8)
#define MACH_MSGH_BITS_PORTS(bits) ((bits)&MACH_MSGH_BITS_PORTS_MASK)
#define MACH_MSGH_BITS_OTHER(bits) ((bits) & ~MACH_MSGH_BITS_PORTS_MASK)

/* The header of every message (spec 02 section 2). On send msgh_size and msgh_seqno are ignored. On receive
 * remote and local have changed sides: msgh_remote_port is where to reply to, msgh_local_port where the
 * message arrived. */
typedef struct mach_msg_header {
  mach_msg_bits_t msgh_bits;
  mach_msg_size_t msgh_size;
  union {
    mach_port_t msgh_remote_port;
    rpc_uintptr_t msgh_remote_port_do_not_use; /* only gives the slot its width */
  };
  union {
    mach_port_t msgh_local_port;
    rpc_uintptr_t msgh_protected_payload; /* valid if the local type is MACH_MSG_TYPE_PROTECTED_PAYLOAD */
  };
  mach_port_seqno_t msgh_seqno;
  mach_msg_id_t msgh_id;
} mach_msg_header_t;
#define msgh_kind msgh_seqno
typedef mach_msg_header_t mach_msg_user_header_t;

/* --- Type values: what a descriptor or a header port field holds (spec 02 section 4) --- */
typedef unsigned int mach_msg_type_name_t;
typedef unsigned int mach_msg_type_size_t;
typedef natural_t mach_msg_type_number_t;
#define MACH_MSG_TYPE_UNSTRUCTURED 0
#define MACH_MSG_TYPE_BIT 0
#define MACH_MSG_TYPE_BOOLEAN 0
#define MACH_MSG_TYPE_INTEGER_16 1
#define MACH_MSG_TYPE_INTEGER_32 2
#define MACH_MSG_TYPE_CHAR 8
#define MACH_MSG_TYPE_BYTE 9
#define MACH_MSG_TYPE_INTEGER_8 9
#define MACH_MSG_TYPE_REAL 10
#define MACH_MSG_TYPE_INTEGER_64 11
#define MACH_MSG_TYPE_STRING 12
#define MACH_MSG_TYPE_STRING_C 12
#define MACH_MSG_TYPE_PORT_NAME 15      /* a number travels, no right */
#define MACH_MSG_TYPE_MOVE_RECEIVE 16   /* body only */
#define MACH_MSG_TYPE_MOVE_SEND 17      /* consumes one user reference */
#define MACH_MSG_TYPE_MOVE_SEND_ONCE 18 /* consumes the right */
#define MACH_MSG_TYPE_COPY_SEND 19      /* the sender keeps its right */
#define MACH_MSG_TYPE_MAKE_SEND 20      /* a new send right from the sender's receive right */
#define MACH_MSG_TYPE_MAKE_SEND_ONCE 21 /* a new send-once right from the sender's receive right */
#define MACH_MSG_TYPE_PROTECTED_PAYLOAD 23
#define MACH_MSG_TYPE_LAST 23
#define MACH_MSG_TYPE_POLYMORPHIC ((mach_msg_type_name_t)-1)
/* As received. */
#define MACH_MSG_TYPE_PORT_RECEIVE MACH_MSG_TYPE_MOVE_RECEIVE
#define MACH_MSG_TYPE_PORT_SEND MACH_MSG_TYPE_MOVE_SEND
#define MACH_MSG_TYPE_PORT_SEND_ONCE MACH_MSG_TYPE_MOVE_SEND_ONCE
#define MACH_MSG_TYPE_PORT_ANY(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_SEND(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_SEND) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_RIGHT(x) \
  (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MOVE_SEND_ONCE))

/* Describes one item of the body: msgt_number elements of msgt_size bits each (spec 02 section 5). The order
 * of the fields matters to programs that initialise by position. */
typedef struct {
  unsigned int msgt_name : 8, msgt_size : 16, msgt_unused : 5, msgt_inline : 1, msgt_longform : 1,
      msgt_deallocate : 1;
  mach_msg_type_number_t msgt_number;
} __attribute__((aligned(8))) mach_msg_type_t;

/* The long form: the same eight bytes under other field names. */
typedef struct {
  __extension__ union {
    mach_msg_type_t msgtl_header;
    __extension__ struct {
      unsigned int msgtl_name : 8, msgtl_size : 16, msgtl_unused : 5, msgtl_inline : 1, msgtl_longform : 1,
          msgtl_deallocate : 1;
      mach_msg_type_number_t msgtl_number;
    };
  };
} __attribute__((aligned(8))) mach_msg_type_long_t;

/* --- Options (spec 03 section 2) --- */
typedef integer_t mach_msg_option_t;
#define MACH_MSG_OPTION_NONE 0x00000000
#define MACH_SEND_MSG 0x00000001
#define MACH_RCV_MSG 0x00000002
#define MACH_SEND_TIMEOUT 0x00000010 /* block for at most `timeout` milliseconds; 0 never blocks */
#define MACH_SEND_NOTIFY 0x00000020  /* instead of blocking, force the message in and ask for msg-accepted */
#define MACH_SEND_INTERRUPT 0x00000040 /* tell about an interrupted send instead of repeating it */
#define MACH_SEND_CANCEL 0x00000080    /* quietly drop a dead-name request on the consumed destination */
#define MACH_RCV_TIMEOUT 0x00000100    /* wait for at most `timeout` milliseconds; 0 polls */
#define MACH_RCV_NOTIFY 0x00000200     /* dead-name request for a newly created reply right */
#define MACH_RCV_INTERRUPT 0x00000400  /* tell about an interrupted receive instead of repeating it */
#define MACH_RCV_LARGE 0x00000800      /* leave a message that is too large in the queue and tell its size */
#define MACH_SEND_ALWAYS 0x00010000    /* internal, ignored */

/* --- Results (spec 03 sections 3, 8, 11) --- */
typedef kern_return_t mach_msg_return_t;
#define MACH_MSG_SUCCESS 0x00000000
#define MACH_MSG_MASK \
  0x00003c00 /* detail bits, or-ed into some codes; compare with `code & ~MACH_MSG_MASK` */
#define MACH_MSG_IPC_SPACE 0x00002000  /* no room for a name, or the space is dead */
#define MACH_MSG_VM_SPACE 0x00001000   /* no address space for memory */
#define MACH_MSG_IPC_KERNEL 0x00000800 /* the engine's resources, for a right */
#define MACH_MSG_VM_KERNEL 0x00000400  /* the engine's resources, for memory */

#define MACH_SEND_IN_PROGRESS 0x10000001        /* internal */
#define MACH_SEND_INVALID_DATA 0x10000002       /* buffer not readable; nothing consumed */
#define MACH_SEND_INVALID_DEST 0x10000003       /* nothing consumed */
#define MACH_SEND_TIMED_OUT 0x10000004          /* the message is given back (pseudo-received) */
#define MACH_SEND_WILL_NOTIFY 0x10000005        /* queued; msg-accepted will follow */
#define MACH_SEND_NOTIFY_IN_PROGRESS 0x10000006 /* given back */
#define MACH_SEND_INTERRUPTED 0x10000007        /* given back */
#define MACH_SEND_MSG_TOO_SMALL 0x10000008      /* size: nothing consumed; body: destroyed */
#define MACH_SEND_INVALID_REPLY 0x10000009      /* nothing consumed */
#define MACH_SEND_INVALID_RIGHT 0x1000000a      /* bad right in the body; message destroyed */
#define MACH_SEND_INVALID_NOTIFY 0x1000000b     /* SEND_CANCEL: nothing consumed; SEND_NOTIFY: given back */
#define MACH_SEND_INVALID_MEMORY 0x1000000c     /* bad out-of-line memory; message destroyed */
#define MACH_SEND_NO_BUFFER 0x1000000d          /* too large, or no resources; nothing consumed */
#define MACH_SEND_NO_NOTIFY 0x1000000e          /* given back */
#define MACH_SEND_INVALID_TYPE 0x1000000f       /* bad descriptor; message destroyed */
#define MACH_SEND_INVALID_HEADER 0x10000010     /* nothing consumed */

#define MACH_RCV_IN_PROGRESS 0x10004001    /* internal */
#define MACH_RCV_INVALID_NAME 0x10004002   /* nothing received */
#define MACH_RCV_TIMED_OUT 0x10004003      /* nothing received */
#define MACH_RCV_TOO_LARGE 0x10004004      /* LARGE: queued, size told; else destroyed */
#define MACH_RCV_INTERRUPTED 0x10004005    /* nothing received */
#define MACH_RCV_PORT_CHANGED 0x10004006   /* the port joined a set meanwhile */
#define MACH_RCV_INVALID_NOTIFY 0x10004007 /* message destroyed, header given */
#define MACH_RCV_INVALID_DATA 0x10004008   /* buffer not writable: rights came, text lost */
#define MACH_RCV_PORT_DIED 0x10004009      /* the receive right was destroyed or moved away meanwhile */
#define MACH_RCV_IN_SET 0x1000400a         /* receive from its port set instead */
#define MACH_RCV_HEADER_ERROR 0x1000400b   /* message destroyed, header given; detail bits say why */
#define MACH_RCV_BODY_ERROR 0x1000400c     /* received, but some rights or memory missing */

#ifdef __cplusplus
extern "C" {
static_assert(sizeof(mach_msg_header_t) == 32 && alignof(mach_msg_header_t) == 8, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_bits) == 0, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_size) == 4, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_remote_port) == 8, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_local_port) == 16, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_protected_payload) == 16, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_seqno) == 24, "spec 02 section 2");
static_assert(offsetof(mach_msg_header_t, msgh_id) == 28, "spec 02 section 2");
static_assert(sizeof(mach_msg_type_t) == 8 && alignof(mach_msg_type_t) == 8, "spec 02 section 5");
static_assert(offsetof(mach_msg_type_t, msgt_number) == 4, "spec 02 section 5");
static_assert(sizeof(mach_msg_type_long_t) == sizeof(mach_msg_type_t), "spec 02 section 5");
static_assert(alignof(mach_msg_type_long_t) == 8, "spec 02 section 5");
#else
_Static_assert(sizeof(mach_msg_header_t) == 32 && _Alignof(mach_msg_header_t) == 8, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_bits) == 0, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_size) == 4, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_remote_port) == 8, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_local_port) == 16, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_protected_payload) == 16, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_seqno) == 24, "spec 02 section 2");
_Static_assert(offsetof(mach_msg_header_t, msgh_id) == 28, "spec 02 section 2");
_Static_assert(sizeof(mach_msg_type_t) == 8 && _Alignof(mach_msg_type_t) == 8, "spec 02 section 5");
_Static_assert(offsetof(mach_msg_type_t, msgt_number) == 4, "spec 02 section 5");
_Static_assert(sizeof(mach_msg_type_long_t) == sizeof(mach_msg_type_t), "spec 02 section 5");
_Static_assert(_Alignof(mach_msg_type_long_t) == 8, "spec 02 section 5");
#endif

/* mach_msg - send a message, receive one, or send and then receive (spec 03).
 *
 *   msg        buffer of the message to send and of the one received; may be NULL if option asks for neither
 *   option     MACH_SEND_MSG and/or MACH_RCV_MSG and their modifiers
 *   send_size  bytes to send: at least 32 and a multiple of 8
 *   rcv_size   bytes the buffer can hold
 *   rcv_name   receive right (or port set) to receive from; looked up after the send is complete
 *   timeout    milliseconds, for MACH_SEND_TIMEOUT and MACH_RCV_TIMEOUT
 *   notify     receive right for MACH_SEND_NOTIFY, MACH_SEND_CANCEL and MACH_RCV_NOTIFY
 *
 * Returns MACH_MSG_SUCCESS or any MACH_SEND_ / MACH_RCV_ code except the internal ones. If the send half
 * gives anything but success, nothing is received. A call that a signal handler interrupts is resumed, unless
 * MACH_SEND_INTERRUPT or MACH_RCV_INTERRUPT asks to be told. Rights: by result, see the comment beside each
 * code. "Nothing consumed": names, references and buffer are as before. "Given back": the rights are in this
 * task again, under the names now in the buffer, and the buffer can be sent again as it stands. "Destroyed":
 * all rights taken are gone. After a successful receive all rights in the message belong to the caller.
 * Without a daemon a send gives MACH_SEND_INVALID_DEST and a receive MACH_RCV_INVALID_NAME; a call that is
 * blocked in a receive when the daemon ends gives MACH_RCV_PORT_DIED. */
extern mach_msg_return_t mach_msg(mach_msg_header_t* msg, mach_msg_option_t option, mach_msg_size_t send_size,
                                  mach_msg_size_t rcv_size, mach_port_name_t rcv_name,
                                  mach_msg_timeout_t timeout, mach_port_name_t notify);

/* mach_msg_trap - one attempt of mach_msg: a signal handler that runs while the call is blocked ends it with
 * MACH_SEND_INTERRUPTED (the message is given back) or MACH_RCV_INTERRUPTED (nothing was received), whatever
 * the INTERRUPT options say. Otherwise as mach_msg (spec 03 section 1). */
extern mach_msg_return_t mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option,
                                       mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                       mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                       mach_port_name_t notify);

/* mach_msg_send - send *msg, whose size is taken from msgh_size; no timeout (spec 03 section 1). */
extern mach_msg_return_t mach_msg_send(mach_msg_header_t* msg);

/* mach_msg_receive - receive into *msg, whose capacity is taken from msgh_size and whose port from
 * msgh_local_port; no timeout (spec 03 section 1). */
extern mach_msg_return_t mach_msg_receive(mach_msg_header_t* msg);

/* The same under the names that a C library's own stubs call (spec 07 section 5). */
extern mach_msg_return_t __mach_msg(mach_msg_header_t* msg, mach_msg_option_t option,
                                    mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                    mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                    mach_port_name_t notify);
extern mach_msg_return_t __mach_msg_trap(mach_msg_header_t* msg, mach_msg_option_t option,
                                         mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                         mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                         mach_port_name_t notify);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MESSAGE_H_ */
