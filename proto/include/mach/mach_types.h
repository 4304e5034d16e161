/* SPDX-License-Identifier: Apache-2.0 */
/* Ports by what they stand for: to a program all of them are port names. */
#ifndef _MACH_MACH_TYPES_H_
#define _MACH_MACH_TYPES_H_

#include <mach/machine/vm_types.h>
#include <mach/port.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>

typedef mach_port_t task_t;
typedef mach_port_t ipc_space_t; /* the port space of a task is named by the task's port */
typedef mach_port_t vm_task_t;
typedef mach_port_t thread_t;
typedef mach_port_t host_t;
typedef mach_port_t host_priv_t;

#endif /* _MACH_MACH_TYPES_H_ */
