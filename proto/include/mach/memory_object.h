/* SPDX-License-Identifier: Apache-2.0 */
/* Memory objects: memory that a program serves by answering messages (spec 07 section 4). There are none here: vm_map takes
 * MEMORY_OBJECT_NULL only. */
#ifndef _MACH_MEMORY_OBJECT_H_
#define _MACH_MEMORY_OBJECT_H_

#include <mach/port.h>

typedef mach_port_t memory_object_t;
typedef mach_port_t* memory_object_array_t;
typedef const mach_port_t* const_memory_object_array_t;
typedef mach_port_t memory_object_control_t; /* by which a memory object's server steers its cached pages */
typedef mach_port_t memory_object_name_t;    /* by which a memory object is told from others */
typedef mach_port_t memory_object_default_t; /* the server of memory that has no other */

#define MEMORY_OBJECT_NULL MACH_PORT_NULL

typedef int memory_object_copy_strategy_t;
#define MEMORY_OBJECT_COPY_NONE 0
#define MEMORY_OBJECT_COPY_CALL 1
#define MEMORY_OBJECT_COPY_DELAY 2
#define MEMORY_OBJECT_COPY_TEMPORARY 3

typedef int memory_object_return_t;
#define MEMORY_OBJECT_RETURN_NONE 0
#define MEMORY_OBJECT_RETURN_DIRTY 1
#define MEMORY_OBJECT_RETURN_ALL 2

#endif /* _MACH_MEMORY_OBJECT_H_ */
