/* SPDX-License-Identifier: Apache-2.0 */
/* What this library has beyond the Mach interface. */
#ifndef _NETMSG_H_
#define _NETMSG_H_

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* netmsg_inherit - lets a program that this one is going to start by exec begin with the bootstrap port and the
 * registered ports that this task has now (spec 07 section 8). A child made by fork has them without it, as long as
 * it does not call exec.
 *
 * *descriptor: a descriptor that stays open on exec. The program finds it if NETMSG_INHERIT is its number (in
 * decimal) in the program's environment, and closes it; the caller closes its own when the program has been started.
 * Whoever holds the descriptor, or a copy of it, can begin with these ports: any number of programs, of any user. The
 * ports count as held by this task's user until the last copy has been closed. -1: the ports are those that every new
 * task gets; there is nothing to hand over.
 *
 * KERN_SUCCESS; else *descriptor is left alone: KERN_FAILURE (there is no daemon), KERN_INVALID_TASK (the daemon has
 * ended), KERN_RESOURCE_SHORTAGE (no descriptor, the user's limit, or no answer within a second). */
extern kern_return_t netmsg_inherit(int* descriptor);

/*
 * A descriptor for poll, select and epoll that is readable when there is something to receive.
 *
 * `name`        a receive right or a port set of this task.
 * `descriptor`  receives the descriptor: close-on-exec, never 0, 1 or 2, the caller's. close() is all it takes to give
 *               it up; whatever else is done with it (read, write, shutdown) costs the caller its use and nobody
 *               anything else.
 *
 * The descriptor is readable exactly while a receive on that right with timeout 0 would return something other than
 * MACH_RCV_TIMED_OUT: a message, or MACH_RCV_IN_SET as long as the port is a member of a set. It stands on the right,
 * not on the name: it follows mach_port_rename. When the right has gone from this task (destroyed, moved away), or the
 * set is destroyed, or the daemon has ended, it is readable for good and also polls POLLHUP: close it.
 *
 * Readability is never missing. It may be there for nothing: another thread has just taken the message, or a port has
 * left a set. The next receive with timeout 0 then returns MACH_RCV_TIMED_OUT and the
 * descriptor is accurate again; a program must be ready for that, as with any descriptor. A message that goes to a
 * thread which waits in a receive is never seen here. With EPOLLET there is an edge each time that the right, having
 * had nothing to receive, has something: receive until MACH_RCV_TIMED_OUT after each one.
 *
 * There may be any number of descriptors of one right. A forked child inherits them, with everything else of the parent's;
 * they tell of the parent's port, and the child closes them.
 *
 * KERN_SUCCESS; KERN_INVALID_NAME: `name` denotes nothing; KERN_INVALID_RIGHT: neither a receive right nor a port set;
 * KERN_RESOURCE_SHORTAGE: no descriptor to be had in this process or in the daemon, or too many of them for this
 * user (the daemon's limit user-watches), or no answer within two seconds; KERN_INVALID_ARGUMENT: `descriptor` is null; KERN_FAILURE: there is no
 * daemon; KERN_INVALID_TASK: it has ended. No rights are consumed or made. An extension: no section of the Mach documents.
 */
extern kern_return_t netmsg_port_descriptor(mach_port_name_t name, int* descriptor);

/*
 * Several mach_msg calls in one crossing to the daemon, for programs that stream.
 *
 * One operation: the arguments of mach_msg with their meaning there, and its result. */
typedef struct netmsg_operation {
  mach_msg_header_t* msg;    /* its own: see below */
  mach_msg_option_t option;  /* MACH_SEND_MSG, MACH_RCV_MSG, both, with all that goes with them; or none */
  mach_msg_size_t send_size; /* bytes */
  mach_msg_size_t rcv_size;  /* bytes */
  mach_port_name_t rcv_name;
  mach_msg_timeout_t timeout; /* milliseconds; from the beginning of this operation */
  mach_port_name_t notify;
  mach_msg_return_t result; /* set by the call: what mach_msg returns, or NETMSG_NOT_BEGUN */
} netmsg_operation_t;

/* The operation has not begun: nothing of it was done, and all its rights and memory are still the caller's. */
#define NETMSG_NOT_BEGUN 0x10008001

/* The operations are carried out in their order, sends and receives mixed, each to its end before the next begins: as
 * if mach_msg were called for each one in turn by the calling thread, and with the same results, rights and memory. So one that
 * blocks holds up those behind it, and the call returns when the last one has ended. One that fails does not: the
 * call goes on with the next, unless `flags` say otherwise.
 *
 * flags: 0, or NETMSG_STOP: the first operation whose result is not MACH_MSG_SUCCESS is the last one. For messages of which
 * each needs the one before, and for receiving what there is: many receives with a timeout of 0, of which the first
 * that finds nothing ends the call.
 *
 * The number of operations that have begun, which are always the first ones; `result` of all others is
 * NETMSG_NOT_BEGUN, and they can be given to another call. It is `count` but in these cases:
 *   - NETMSG_STOP, as above;
 *   - a signal handler ran while the call waited, and the operation that was blocked had asked to be told
 *     (MACH_SEND_INTERRUPT, MACH_RCV_INTERRUPT): its result is MACH_SEND_INTERRUPTED or MACH_RCV_INTERRUPTED and
 *     it is the last one that has begun. If the handler ran between two operations, the next one that asks for
 *     interruption does not begin. An operation that does not ask goes on waiting, as in mach_msg, and so does the call.
 *
 * What differs from calls one by one:
 *   - What an operation sends may be read when the call begins, and what it receives may be written when the call is about to
 *     return. So each has a buffer of its own, and none can send what another one of the call receives.
 *   - A handler that leaves by longjmp, or a cancellation of the thread (a cancellation point as mach_msg is), loses the
 *     results: operations may have been carried out, none begins afterwards, and what was received is lost to the
 *     program, with the rights in it.
 *   - When the daemon ends during the call, all operations that were on their way to it have the result that mach_msg has then.
 *   - A child that another thread forks meanwhile has begun none of them.
 *
 * Any number may be given. Up to 128 of them, and 64 KiB, go to the daemon at a time; longer arrays in as many crossings as
 * that takes. One that sends out-of-line memory or a message above 64 KiB, or receives from the thread's MIG reply port, has
 * a crossing of its own, and one that receives out-of-line memory is the last of its own. None of this can be seen but by the
 * clock. The daemon charges what waits there to the user's quota; where that has no room, operations go one by one.
 *
 * An extension: no section of the Mach documents; for each operation mach_msg's (spec 03). */
#define NETMSG_STOP 0x1

extern unsigned netmsg_msgv(netmsg_operation_t* operations, unsigned count, int flags);

#ifdef __cplusplus
}
#endif

#endif /* _NETMSG_H_ */
