/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told about a host, by flavour (spec 07 section 4). There are no calls here that tell it. */
#ifndef _MACH_HOST_INFO_H_
#define _MACH_HOST_INFO_H_

#include <mach/machine.h>
#include <mach/machine/vm_types.h>

typedef integer_t* host_info_t; /* one of the structures below, as an array of integers */
typedef const integer_t* const_host_info_t;
#define HOST_INFO_MAX 1024
typedef integer_t host_info_data_t[HOST_INFO_MAX];

#define KERNEL_VERSION_MAX 512
typedef char kernel_version_t[KERNEL_VERSION_MAX];
typedef const char* const_kernel_version_t;

#define HOST_BASIC_INFO 1
struct host_basic_info {
  integer_t max_cpus;
  integer_t avail_cpus;
  vm_size_t memory_size; /* bytes */
  cpu_type_t cpu_type;
  cpu_subtype_t cpu_subtype;
};
typedef struct host_basic_info* host_basic_info_t;
typedef struct host_basic_info host_basic_info_data_t;
#define HOST_BASIC_INFO_COUNT (sizeof(host_basic_info_data_t) / sizeof(integer_t))

#define HOST_PROCESSOR_SLOTS 2 /* an array of slot numbers */

#define HOST_SCHED_INFO 3
struct host_sched_info {
  integer_t min_timeout; /* milliseconds */
  integer_t min_quantum; /* milliseconds */
};
typedef struct host_sched_info* host_sched_info_t;
typedef struct host_sched_info host_sched_info_data_t;
#define HOST_SCHED_INFO_COUNT (sizeof(host_sched_info_data_t) / sizeof(integer_t))

#define HOST_LOAD_INFO 4
struct host_load_info {
  integer_t avenrun[3];     /* load over 5, 30 and 60 seconds, times LOAD_SCALE */
  integer_t mach_factor[3]; /* processors to be had, in the same way */
};
typedef struct host_load_info* host_load_info_t;
typedef struct host_load_info host_load_info_data_t;
#define HOST_LOAD_INFO_COUNT (sizeof(host_load_info_data_t) / sizeof(integer_t))
#define LOAD_SCALE 1000

#endif /* _MACH_HOST_INFO_H_ */
