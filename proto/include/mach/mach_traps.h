/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that take no task argument. */
#ifndef _MACH_MACH_TRAPS_H_
#define _MACH_MACH_TRAPS_H_

#include <mach/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_reply_port - a new receive right in the caller's space (spec 05 section 2).
 * Returns its name, MACH_PORT_NULL on any failure. The caller owns the right. */
extern mach_port_name_t mach_reply_port(void);

/* mach_task_self, mach_thread_self, mach_host_self - a send right for the port of this task, of the calling
 * thread, of the host (spec 05 section 6): its name, with one reference more that the caller owns.
 * MACH_PORT_NULL on any failure. A thread's port dies with the thread. The task's and the host's are also to be
 * had from macros of the same names in <mach/mach_init.h>, which take no reference. */
extern mach_port_name_t(mach_task_self)(void);
extern mach_port_name_t mach_thread_self(void);
extern mach_port_name_t(mach_host_self)(void);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_TRAPS_H_ */
