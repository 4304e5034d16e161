/* SPDX-License-Identifier: Apache-2.0 */
/* The user's side of a good part of <mach/mach_port.defs>, with the prefix stub_: as <mach/mach_port.h>, but by message
 * also where the library takes a shorter way. */
#ifndef TESTS_STUBS_MACH_PORT_USER_H_
#define TESTS_STUBS_MACH_PORT_USER_H_

#include <mach/mach_types.h>
#include <mach/message.h>

#ifdef __cplusplus
extern "C" {
#endif

kern_return_t stub_mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                                   mach_msg_type_number_t* namesCnt, mach_port_type_array_t* types,
                                   mach_msg_type_number_t* typesCnt);
kern_return_t stub_mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* ptype);
kern_return_t stub_mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t* name);
kern_return_t stub_mach_port_destroy(ipc_space_t task, mach_port_name_t name);
kern_return_t stub_mach_port_deallocate(ipc_space_t task, mach_port_name_t name);
kern_return_t stub_mach_port_get_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                      mach_port_urefs_t* refs);
kern_return_t stub_mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                      mach_port_delta_t delta);
kern_return_t stub_mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after);
kern_return_t stub_mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
                                                  mach_port_mscount_t sync, mach_port_t notify,
                                                  mach_msg_type_name_t notifyPoly, mach_port_t* previous);
kern_return_t stub_mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                          mach_msg_type_name_t polyPoly);
kern_return_t stub_mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                           mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                           mach_msg_type_name_t* polyPoly);
kern_return_t stub_mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name,
                                                mach_port_status_t* status);
kern_return_t stub_mach_port_set_protected_payload(ipc_space_t task, mach_port_name_t name,
                                                   rpc_uintptr_t payload);

#ifdef __cplusplus
}
#endif

#endif /* TESTS_STUBS_MACH_PORT_USER_H_ */
