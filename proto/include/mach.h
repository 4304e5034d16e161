/* SPDX-License-Identifier: Apache-2.0 */
/* Mach for user programs: everything but the name service, which is <servers/netname.h>. */
#ifndef _MACH_H_
#define _MACH_H_

#include <mach/boolean.h>
#include <mach/inline.h>
#include <mach/kern_return.h>
#include <mach/mach_host.h>
#include <mach/mach_init.h>
#include <mach/mach_interface.h>
#include <mach/mach_param.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/macro_help.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/msg_type.h>
#include <mach/notify.h>
#include <mach/port.h>
#include <mach/std_types.h>
#include <mach/version.h>
#include <mach/vm_param.h>
#include <mach_error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_msg_destroy - gives up what a received message brought: the right in msgh_remote_port and, if the
 * message is complex, every right and all out-of-line memory in its body (spec 03 section 15). msgh_local_port
 * is not touched, so for a message that mach_msg gave back, its reply right must be deallocated as well. The
 * names and addresses in the buffer are stale afterwards. */
extern void mach_msg_destroy(mach_msg_header_t* msg);

/* mach_msg_server_timeout - receives requests from `rcv_name` for ever, has each handled by `demux`, and
 * sends the replies (spec 03 section 15).
 *   demux     gets a request and room for its reply, which it must make: at least a mig_reply_header_t.
 *             RetCode there says what is done. KERN_SUCCESS: the reply is sent. MIG_NO_REPLY: nothing.
 *             Anything else: the request's rights are given up, except the one in msgh_remote_port, and
 *             the reply is sent. A reply without a remote port is not sent, and its rights are given up.
 *             demux returns TRUE if it knew the request; that is not looked at.
 *   max_size  bytes of either buffer; 0: two pages, with MACH_RCV_LARGE. Where a request is larger the
 *             server starts again with room for it; without MACH_RCV_LARGE that request is lost.
 *   option    as mach_msg, for the receive and the send alike.
 *   timeout   milliseconds, for either, if `option` says so.
 * A client that is dead when its reply is sent is passed by. Returns only with any other code of mach_msg,
 * or KERN_RESOURCE_SHORTAGE: no memory for the buffers. After a code that gives a message back, the reply's
 * rights stay in the space. */
extern mach_msg_return_t mach_msg_server_timeout(boolean_t (*demux)(mach_msg_header_t* request,
                                                                    mach_msg_header_t* reply),
                                                 mach_msg_size_t max_size, mach_port_t rcv_name,
                                                 mach_msg_option_t option, mach_msg_timeout_t timeout);

/* mach_msg_server - the same without options (spec 03 section 15). */
extern mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t* request,
                                                            mach_msg_header_t* reply),
                                         mach_msg_size_t max_size, mach_port_t rcv_name);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_H_ */
