/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that a thread has by position (spec 07 section 4). Here a thread has only its own port, mach_thread_self(); there
 * are no calls that take these numbers. */
#ifndef _MACH_THREAD_SPECIAL_PORTS_H_
#define _MACH_THREAD_SPECIAL_PORTS_H_

#define THREAD_KERNEL_PORT 1    /* the thread's own port */
#define THREAD_EXCEPTION_PORT 3 /* where exceptions of the thread would go */

#endif /* _MACH_THREAD_SPECIAL_PORTS_H_ */
