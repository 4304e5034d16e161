/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the interface that a program may want to know. */
#ifndef _MACH_MACH_PARAM_H_
#define _MACH_MACH_PARAM_H_

#define TASK_PORT_REGISTER_MAX 4 /* ports that a task can register (spec 05 section 6) */

#endif /* _MACH_MACH_PARAM_H_ */
