/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that a task has by position instead of by name (spec 05 section 6). */
#ifndef _MACH_TASK_SPECIAL_PORTS_H_
#define _MACH_TASK_SPECIAL_PORTS_H_

#define TASK_KERNEL_PORT 1    /* the task's own port, as mach_task_self gives it */
#define TASK_EXCEPTION_PORT 3 /* where exceptions of the task would go; kept, never used */
#define TASK_BOOTSTRAP_PORT 4 /* where a program finds the rest of the world */

#define task_get_kernel_port(task, port) task_get_special_port((task), TASK_KERNEL_PORT, (port))
#define task_set_kernel_port(task, port) task_set_special_port((task), TASK_KERNEL_PORT, (port))
#define task_get_exception_port(task, port) task_get_special_port((task), TASK_EXCEPTION_PORT, (port))
#define task_set_exception_port(task, port) task_set_special_port((task), TASK_EXCEPTION_PORT, (port))
#define task_get_bootstrap_port(task, port) task_get_special_port((task), TASK_BOOTSTRAP_PORT, (port))
#define task_set_bootstrap_port(task, port) task_set_special_port((task), TASK_BOOTSTRAP_PORT, (port))

#endif /* _MACH_TASK_SPECIAL_PORTS_H_ */
