/* SPDX-License-Identifier: Apache-2.0 */
/* What a task has from its start (spec 05 section 6, 07 sections 4 and 8, 08 section 1). */
#ifndef _MACH_MACH_INIT_H_
#define _MACH_MACH_INIT_H_

#include <mach/mach_types.h>
#include <mach/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_task_self - the task's own port: a send right, always under the same name. No reference is taken. It
 * is MACH_PORT_NULL while there is no daemon. An expression, not an lvalue. */
extern mach_port_t mach_task_self_;
#define mach_task_self() (mach_task_self_ + 0)

/* mach_host_self - the host's port, in the same way. */
extern mach_port_t mach_host_self_;
#define mach_host_self() (mach_host_self_ + 0)

/* Send right for the host's name service; MACH_PORT_NULL while there is no daemon. May be assigned to. */
extern mach_port_t name_server_port;

/* The other ports that a launcher may have given (08 section 1); MACH_PORT_NULL if it gave none. They may be
 * assigned to. */
extern mach_port_t environment_port;
extern mach_port_t service_port;
extern mach_port_t bootstrap_port;

/* The size of a page in bytes: 4096. */
extern vm_size_t vm_page_size;

/* The next page boundary at or above `x`, and the one at or below it. */
#define round_page(x) ((((vm_offset_t)(x)) + (vm_page_size - 1)) & ~(vm_page_size - 1))
#define trunc_page(x) (((vm_offset_t)(x)) & ~(vm_page_size - 1))

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_INIT_H_ */

/* Where these ports are among the registered ports (mach_ports_lookup): for who asks, also if another header has included
 * this one before. */
#if defined(MACH_INIT_SLOTS) && !defined(NAME_SERVER_SLOT)
#define NAME_SERVER_SLOT 0
#define ENVIRONMENT_SLOT 1
#define SERVICE_SLOT 2
#define MACH_PORTS_SLOTS_USED 3
#endif
