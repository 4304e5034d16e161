/* SPDX-License-Identifier: Apache-2.0 */
/* Mach for user programs: everything but the name service, which is <servers/netname.h>. */
#ifndef _MACH_H_
#define _MACH_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <mach/port.h>
#include <mach/std_types.h>
#include <mach_error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_msg_destroy - gives up what a received message brought: the right in msgh_remote_port and, if the
 * message is complex, every right in its body (spec 03 section 15). msgh_local_port is not touched, so for a
 * message that mach_msg gave back, its reply right must be deallocated as well. The names in the buffer are
 * stale afterwards. */
extern void mach_msg_destroy(mach_msg_header_t* msg);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_H_ */
