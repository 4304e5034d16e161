/* SPDX-License-Identifier: Apache-2.0 */
/* A server of notifications: notify_server takes them apart, the other functions are the program's. */
#ifndef TESTS_STUBS_NOTIFY_SERVER_H_
#define TESTS_STUBS_NOTIFY_SERVER_H_

#include <mach/kern_return.h>
#include <mach/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FALSE if the message is no notification. */
boolean_t notify_server(mach_msg_header_t* request, mach_msg_header_t* reply);

kern_return_t do_mach_notify_port_deleted(mach_port_t notify, mach_port_name_t name);
kern_return_t do_mach_notify_msg_accepted(mach_port_t notify, mach_port_name_t name);
kern_return_t do_mach_notify_port_destroyed(mach_port_t notify, mach_port_t rights);
kern_return_t do_mach_notify_no_senders(mach_port_t notify, mach_port_mscount_t mscount);
kern_return_t do_mach_notify_send_once(mach_port_t notify);
kern_return_t do_mach_notify_dead_name(mach_port_t notify, mach_port_name_t name);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_STUBS_NOTIFY_SERVER_H_ */
