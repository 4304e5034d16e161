/* SPDX-License-Identifier: Apache-2.0 */
/* Pages (spec 05 section 7). Programs that do not want to be tied to this size ask vm_page_size of
 * <mach/mach_init.h>. Macros that the program or the C library has already are left alone. */
#ifndef _MACH_VM_PARAM_H_
#define _MACH_VM_PARAM_H_

#define BYTE_SIZE 8 /* bits in a byte */

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (PAGE_SIZE - 1)
#endif

#endif /* _MACH_VM_PARAM_H_ */
