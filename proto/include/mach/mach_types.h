/* SPDX-License-Identifier: Apache-2.0 */
/* Ports by what they stand for: to a program all of them are port names. With what is told about tasks, threads and hosts
 * (spec 07 section 4). */
#ifndef _MACH_MACH_TYPES_H_
#define _MACH_MACH_TYPES_H_

#include <mach/exception.h>
#include <mach/host_info.h>
#include <mach/machine.h>
#include <mach/machine/vm_types.h>
#include <mach/memory_object.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <mach/std_types.h>
#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include <mach/thread_info.h>
#include <mach/thread_special_ports.h>
#include <mach/thread_status.h>
#include <mach/time_value.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>

typedef mach_port_t task_t;
typedef mach_port_t ipc_space_t; /* the port space of a task is named by the task's port */
typedef mach_port_t vm_task_t;
typedef task_t* task_array_t;
typedef const task_t* const_task_array_t;
typedef mach_port_t thread_t;
typedef thread_t* thread_array_t;
typedef const thread_t* const_thread_array_t;
typedef mach_port_t host_t;
typedef mach_port_t host_priv_t;
typedef mach_port_t processor_t;
typedef mach_port_t* processor_array_t;
typedef const mach_port_t* const_processor_array_t;
typedef mach_port_t processor_set_t;
typedef mach_port_t* processor_set_array_t;
typedef const mach_port_t* const_processor_set_array_t;
typedef mach_port_t processor_set_name_t;
typedef mach_port_t* processor_set_name_array_t;
typedef const mach_port_t* const_processor_set_name_array_t;
typedef vm_offset_t* emulation_vector_t;
typedef const vm_offset_t* const_emulation_vector_t;

#endif /* _MACH_MACH_TYPES_H_ */
