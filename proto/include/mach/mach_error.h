/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _MACH_MACH_ERROR_H_
#define _MACH_MACH_ERROR_H_

#include <mach_error.h>

#endif /* _MACH_MACH_ERROR_H_ */
