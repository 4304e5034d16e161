/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that take no task argument. */
#ifndef _MACH_MACH_TRAPS_H_
#define _MACH_MACH_TRAPS_H_

#include <mach/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_reply_port - a new receive right in the caller's space (spec 05 section 2).
 * Returns its name, MACH_PORT_NULL on any failure. The caller owns the right. */
extern mach_port_name_t mach_reply_port(void);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_TRAPS_H_ */
