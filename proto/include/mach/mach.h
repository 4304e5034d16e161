/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _MACH_MACH_H_
#define _MACH_MACH_H_

#include <mach.h>

#endif /* _MACH_MACH_H_ */
