/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a thread, by flavour (spec 07 section 4). There are no calls here that tell or set them. */
#ifndef _MACH_THREAD_STATUS_H_
#define _MACH_THREAD_STATUS_H_

#include <mach/machine/vm_types.h>

typedef natural_t* thread_state_t; /* of a flavour's own form, as an array of naturals */
typedef const natural_t* const_thread_state_t;
#define THREAD_STATE_MAX 1024
typedef natural_t thread_state_data_t[THREAD_STATE_MAX];

#define THREAD_STATE_FLAVOR_LIST 0 /* the flavour that lists the others */

#endif /* _MACH_THREAD_STATUS_H_ */
