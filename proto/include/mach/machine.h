/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of processor, and what is told about each one of a host (spec 07 section 4). There are no calls here that tell
 * it. */
#ifndef _MACH_MACHINE_H_
#define _MACH_MACHINE_H_

#include <mach/machine/vm_types.h>

typedef integer_t cpu_type_t;
typedef integer_t cpu_subtype_t;

#define CPU_TYPE_I386 ((cpu_type_t)7)
#define CPU_TYPE_ARM ((cpu_type_t)12)
#define CPU_TYPE_I486 ((cpu_type_t)17)
#define CPU_TYPE_PENTIUM ((cpu_type_t)18)
#define CPU_TYPE_PENTIUMPRO ((cpu_type_t)19)
#define CPU_TYPE_POWERPC ((cpu_type_t)20)
#define CPU_TYPE_X86_64 ((cpu_type_t)21)
#define CPU_TYPE_ARM64 ((cpu_type_t)22)

#define CPU_SUBTYPE_AT386 ((cpu_subtype_t)1)

/* What a processor spent its ticks on. */
#define CPU_STATE_USER 0
#define CPU_STATE_SYSTEM 1
#define CPU_STATE_IDLE 2
#define CPU_STATE_MAX 3

struct machine_slot {
  integer_t is_cpu; /* boolean: is there a processor in this slot? */
  cpu_type_t cpu_type;
  cpu_subtype_t cpu_subtype;
  integer_t running; /* boolean */
  integer_t cpu_ticks[CPU_STATE_MAX];
  integer_t clock_freq; /* ticks per second */
};
typedef struct machine_slot* machine_slot_t;
typedef struct machine_slot machine_slot_data_t;

#endif /* _MACH_MACHINE_H_ */
