/* SPDX-License-Identifier: Apache-2.0 */
/* Functions in headers (spec 07 section 4). */
#ifndef _MACH_INLINE_H_
#define _MACH_INLINE_H_

#ifndef MACH_INLINE
#define MACH_INLINE static __inline__
#endif

#endif /* _MACH_INLINE_H_ */
