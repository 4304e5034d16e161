/* SPDX-License-Identifier: Apache-2.0 */
/* What this library has beyond the Mach interface. */
#ifndef _NETMSG_H_
#define _NETMSG_H_

#include <mach/kern_return.h>
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

#ifdef __cplusplus
}
#endif

#endif /* _NETMSG_H_ */
