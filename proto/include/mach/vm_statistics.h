/* SPDX-License-Identifier: Apache-2.0 */
/* What vm_statistics of <mach/vm_calls.h> tells (spec 05 section 6, 07 section 4). */
#ifndef _MACH_VM_STATISTICS_H_
#define _MACH_VM_STATISTICS_H_

#include <mach/machine/vm_types.h>

struct vm_statistics {
  integer_t pagesize;        /* 4096; what follows counts pages or events, and is 0 here */
  integer_t free_count;      /* pages that are free */
  integer_t active_count;    /* in use */
  integer_t inactive_count;  /* in use, but not lately */
  integer_t wire_count;      /* that cannot be paged out */
  integer_t zero_fill_count; /* that were made with zeros */
  integer_t reactivations;   /* that were inactive and came into use again */
  integer_t pageins;         /* pages read from a memory object */
  integer_t pageouts;        /* pages written to one */
  integer_t faults;          /* page faults */
  integer_t cow_faults;      /* of these: writes to a page that was shared as a copy */
  integer_t lookups;         /* of memory objects in the cache */
  integer_t hits;            /* of these: found */
};
typedef struct vm_statistics* vm_statistics_t;
typedef struct vm_statistics vm_statistics_data_t;

#ifdef __cplusplus
static_assert(sizeof(vm_statistics_data_t) == 52, "spec 07 section 4");
#else
_Static_assert(sizeof(vm_statistics_data_t) == 52, "spec 07 section 4");
#endif

#endif /* _MACH_VM_STATISTICS_H_ */
