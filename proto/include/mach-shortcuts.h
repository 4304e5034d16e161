/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that GNU systems can make without a message (spec 07 section 4). Here their headers say what each does. */
#ifndef _MACH_SHORTCUTS_H_
#define _MACH_SHORTCUTS_H_

#include <mach/mach_interface.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>

#endif /* _MACH_SHORTCUTS_H_ */
