/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of <servers/netname.defs>: the calls with the prefix stub_, and a server that calls the functions with the
 * prefix do_, which are the program's. */
#ifndef TESTS_STUBS_NETNAME_STUBS_H_
#define TESTS_STUBS_NETNAME_STUBS_H_

#include <mach/message.h>
#include <servers/netname.h>

#ifdef __cplusplus
extern "C" {
#endif

kern_return_t stub_netname_check_in(mach_port_t server_port, const_netname_name_t port_name,
                                    mach_port_t signature, mach_port_t port_id);
kern_return_t stub_netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                   const_netname_name_t port_name, mach_port_t* port_id);
kern_return_t stub_netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                     mach_port_t signature);
kern_return_t stub_netname_version(mach_port_t server_port, netname_name_t version);

/* FALSE if the request is none of these. */
boolean_t netname_server(mach_msg_header_t* request, mach_msg_header_t* reply);

kern_return_t do_netname_check_in(mach_port_t server_port, const_netname_name_t port_name,
                                  mach_port_t signature, mach_port_t port_id);
kern_return_t do_netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                 const_netname_name_t port_name, mach_port_t* port_id);
kern_return_t do_netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                   mach_port_t signature);
kern_return_t do_netname_version(mach_port_t server_port, netname_name_t version);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_STUBS_NETNAME_STUBS_H_ */
