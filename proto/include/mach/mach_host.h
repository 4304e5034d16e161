/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on a host (spec 05 section 6). */
#ifndef _MACH_MACH_HOST_H_
#define _MACH_MACH_HOST_H_

#include <mach/kern_return.h>
#include <mach/mach_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* host_page_size - the size of a page in *page_size: 4096. `host` is not looked at. KERN_SUCCESS always. */
extern kern_return_t host_page_size(host_t host, vm_size_t* page_size);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_HOST_H_ */
