/* SPDX-License-Identifier: Apache-2.0 */
/* A time as the calls that tell one give it (spec 07 section 4). */
#ifndef _MACH_TIME_VALUE_H_
#define _MACH_TIME_VALUE_H_

#include <mach/machine/vm_types.h>

typedef struct time_value {
  long_integer_t seconds;
  integer_t microseconds; /* 0..999999 */
} time_value_t;

#define TIME_MICROS_MAX 1000000

#ifdef __cplusplus
static_assert(sizeof(time_value_t) == 16, "spec 07 section 4");
#else
_Static_assert(sizeof(time_value_t) == 16, "spec 07 section 4");
#endif

#endif /* _MACH_TIME_VALUE_H_ */
