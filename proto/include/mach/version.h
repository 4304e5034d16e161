/* SPDX-License-Identifier: Apache-2.0 */
/* The generation of Mach whose interface this is (spec 07 section 4). */
#ifndef _MACH_VERSION_H_
#define _MACH_VERSION_H_

#define KERNEL_MAJOR_VERSION 4
#define KERNEL_MINOR_VERSION 0
#define INCLUDE_VERSION 0

#endif /* _MACH_VERSION_H_ */
