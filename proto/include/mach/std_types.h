/* SPDX-License-Identifier: Apache-2.0 */
/* The standard types that interface definitions are written in (spec 07 section 4). */
#ifndef _MACH_STD_TYPES_H_
#define _MACH_STD_TYPES_H_

#define EXPORT_BOOLEAN
#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/machine/vm_types.h>
#include <mach/port.h>

typedef vm_offset_t pointer_t;

#endif /* _MACH_STD_TYPES_H_ */
