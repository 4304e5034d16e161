/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _MACH_INIT_H_
#define _MACH_INIT_H_

#include <mach/mach_init.h>

#endif /* _MACH_INIT_H_ */
