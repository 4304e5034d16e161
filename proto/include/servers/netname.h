/* SPDX-License-Identifier: Apache-2.0 */
/* The name service (spec 08). Names are compared without regard to case and cut at 79 characters. server_port
 * is name_server_port; besides the codes below, each call may return the codes of mach_msg:
 * MACH_SEND_INVALID_DEST if there is no name service, MIG_SERVER_DIED, MIG_REPLY_MISMATCH or MIG_TYPE_ERROR
 * if the server does not answer as it should. */
#ifndef _SERVERS_NETNAME_H_
#define _SERVERS_NETNAME_H_

#include <mach/kern_return.h>
#include <mach/port.h>
#include <servers/netname_defs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* netname_check_in - enters port_name for the port whose RECEIVE right the caller holds under port_id. The
 * name can be replaced or removed only with the same signature port; MACH_PORT_NULL as signature leaves it
 * unprotected. The entry goes when the port or the signature dies (usual signature: mach_task_self()).
 * NETNAME_SUCCESS, NETNAME_NOT_YOURS, NETNAME_INVALID_PORT, MACH_SEND_INVALID_RIGHT (no receive right).
 * Rights: none consumed; a send right is made for the server. */
extern kern_return_t netname_check_in(mach_port_t server_port, const_netname_name_t port_name,
                                      mach_port_t signature, mach_port_t port_id);

/* netname_look_up - a send right for the port known as port_name on host_name, in *port_id; the caller owns
 * it. host_name: "" this host, "*" this host, then all peers; else a host's name or address. NETNAME_SUCCESS,
 * NETNAME_NOT_CHECKED_IN, NETNAME_NO_SUCH_HOST, NETNAME_HOST_NOT_FOUND. On any other code than success
 * *port_id is MACH_PORT_NULL. */
extern kern_return_t netname_look_up(mach_port_t server_port, const_netname_name_t host_name,
                                     const_netname_name_t port_name, mach_port_t* port_id);

/* netname_check_out - removes port_name, which was checked in with the same signature.
 * NETNAME_SUCCESS, NETNAME_NOT_CHECKED_IN, NETNAME_NOT_YOURS. Rights: none consumed. */
extern kern_return_t netname_check_out(mach_port_t server_port, const_netname_name_t port_name,
                                       mach_port_t signature);

/* netname_version - the server's version in words, at most 79 characters, in `version`. */
extern kern_return_t netname_version(mach_port_t server_port, netname_name_t version);

/* netname_wait_for_server - returns when this host's name service answers; asks every tenth of a second. */
extern void netname_wait_for_server(void);

#ifdef __cplusplus
}
#endif

#endif /* _SERVERS_NETNAME_H_ */
