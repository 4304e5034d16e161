/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on a task that are not about the names of its port space (spec 05 section 6).
 *
 * `task` is a send right for a task port: mach_task_self(), or another task's. Codes every call may return, not
 * repeated below: those of the port calls (<mach/mach_port.h>) for a `task` that is none or cannot be reached.
 * On an error nothing has changed and out-parameters are left alone. */
#ifndef _MACH_MACH_INTERFACE_H_
#define _MACH_MACH_INTERFACE_H_

#include <mach/kern_return.h>
#include <mach/mach_host.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/task_special_ports.h>
#include <mach/vm_calls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* task_get_special_port - a send right for one of the task's special ports, now the caller's, in *special_port;
 * MACH_PORT_NULL if there is none, MACH_PORT_DEAD if that port has died (05 section 6). `which_port`:
 * TASK_KERNEL_PORT, TASK_EXCEPTION_PORT, TASK_BOOTSTRAP_PORT; others: KERN_INVALID_ARGUMENT. */
extern kern_return_t task_get_special_port(task_t task, int which_port, mach_port_t* special_port);

/* task_set_special_port - makes a copy of the caller's send right `special_port`, or MACH_PORT_NULL, one of the
 * task's special ports; what was there is given up (05 section 6). `which_port`: as above, also the code.
 * MACH_SEND_INVALID_RIGHT: the caller has no such send right. */
extern kern_return_t task_set_special_port(task_t task, int which_port, mach_port_t special_port);

/* mach_ports_register - replaces the task's registered ports by copies of these send rights; slots from
 * `init_port_setCnt` on become MACH_PORT_NULL, which may also be given (05 section 6). More than
 * TASK_PORT_REGISTER_MAX: KERN_INVALID_ARGUMENT. MACH_SEND_INVALID_RIGHT: the caller lacks one of them. */
extern kern_return_t mach_ports_register(task_t task, const_mach_port_array_t init_port_set,
                                         mach_msg_type_number_t init_port_setCnt);

/* mach_ports_lookup - the task's registered ports: TASK_PORT_REGISTER_MAX send rights, now the caller's,
 * MACH_PORT_NULL and MACH_PORT_DEAD among them, in new memory at *init_port_set that the caller gives back
 * with vm_deallocate (05 section 6). */
extern kern_return_t mach_ports_lookup(task_t task, mach_port_array_t* init_port_set,
                                       mach_msg_type_number_t* init_port_setCnt);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_INTERFACE_H_ */
