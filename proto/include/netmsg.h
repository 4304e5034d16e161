/* SPDX-License-Identifier: Apache-2.0 */
/* What this library has beyond the Mach interface. */
#ifndef _NETMSG_H_
#define _NETMSG_H_

#include <mach/kern_return.h>

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

#ifdef __cplusplus
}
#endif

#endif /* _NETMSG_H_ */
