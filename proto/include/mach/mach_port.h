/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on the names of a task's port space (spec 05).
 *
 * `task` is mach_task_self(), or a send right for another task's port: then the names are those of its space,
 * and rights that are handed over are the caller's. Codes every call may return, not repeated below:
 * KERN_INVALID_NAME (the name denotes nothing; also 0 and MACH_PORT_DEAD), KERN_INVALID_RIGHT (it denotes
 * something unsuitable), KERN_INVALID_TASK (`task` is a thread's or the host's port; or the daemon that held
 * this task's space has ended), KERN_FAILURE (there is no daemon), MACH_SEND_INVALID_DEST (`task` is no send
 * right, or the task is dead). Where the call is made by message, which is always so for another task, also
 * the codes of mach_msg, MIG_SERVER_DIED (whoever was asked died, or destroyed the request) and
 * MIG_REPLY_MISMATCH, MIG_TYPE_ERROR (it gave a wrong answer); with those the rights handed over may be lost. On
 * any other error nothing in the space has changed, except as said at insert_right and request_notification;
 * out-parameters are left alone. A name whose port has died is a dead name for every call. Arrays that a call
 * makes are new memory of the caller, page aligned, to be given back with vm_deallocate (4 bytes an element);
 * an empty one has address 0. */
#ifndef _MACH_MACH_PORT_H_
#define _MACH_MACH_PORT_H_

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mach_port_names - all names of the space at one instant, in any order, in *names, and what each denotes
 * (mach_port_type) at the same index of *types; *namesCnt and *typesCnt are equal (05 section 3).
 * KERN_RESOURCE_SHORTAGE: no memory. */
extern kern_return_t mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                                     mach_msg_type_number_t* namesCnt, mach_port_type_array_t* types,
                                     mach_msg_type_number_t* typesCnt);

/* mach_port_type - what `name` denotes: MACH_PORT_TYPE_ bits in *ptype (05 section 3). */
extern kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* ptype);

/* mach_port_rename - gives what `old_name` denotes the name `new_name`: references, requests and membership
 * move along, and receives that wait go on waiting (05 section 3). KERN_INVALID_VALUE: new_name 0 or
 * MACH_PORT_DEAD; KERN_NAME_EXISTS: it is in use (both tested before old_name). */
extern kern_return_t mach_port_rename(ipc_space_t task, mach_port_name_t old_name, mach_port_name_t new_name);

/* mach_port_allocate_name - mach_port_allocate under a name that the caller chooses (05 section 2).
 * KERN_INVALID_VALUE: name 0 or MACH_PORT_DEAD, or another right; KERN_NAME_EXISTS; KERN_NO_SPACE;
 * KERN_RESOURCE_SHORTAGE. */
extern kern_return_t mach_port_allocate_name(ipc_space_t task, mach_port_right_t right,
                                             mach_port_name_t name);

/* mach_port_allocate - a new receive right (queue limit 5, no send right), an empty port set or a dead name
 * (one reference); the new name, owned by the caller, in *name (05 section 2). Other rights:
 * KERN_INVALID_VALUE. KERN_NO_SPACE: the space is full; KERN_RESOURCE_SHORTAGE: a quota. */
extern kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_name_t* name);

/* mach_port_destroy - gives up everything `name` denotes, all references at once (05 section 2, 01 section
 * 11). */
extern kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name);

/* mach_port_deallocate - gives up one reference of a send right or dead name, or a send-once right (whose
 * port then gets a send-once notification) (05 section 2). Receive right alone: KERN_INVALID_RIGHT. */
extern kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name);

/* mach_port_get_refs - user references of `right` under `name` in *refs; 0 if it denotes something else (05
 * section 2). right >= 5: KERN_INVALID_VALUE. */
extern kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                        mach_port_urefs_t* refs);

/* mach_port_mod_refs - changes the user references of `right` under `name` by `delta`; at 0 the right is
 * given up (05 section 2). Receive and send-once rights take 0 or -1 only. KERN_INVALID_VALUE: right >= 5, or
 * the count would be negative; KERN_UREFS_OVERFLOW: above 65534 (dead names 65535). */
extern kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                        mach_port_delta_t delta);

/* mach_port_set_qlimit - the number of messages the receive right `name` queues before senders block, 0..16;
 * above: KERN_INVALID_VALUE. Raising it wakes blocked senders (05 section 4). */
extern kern_return_t mach_port_set_qlimit(ipc_space_t task, mach_port_name_t name,
                                          mach_port_msgcount_t qlimit);

/* mach_port_set_mscount, mach_port_set_seqno - sets the make-send count, or the number that the next received
 * message gets, of the receive right `name`; any value (05 section 4). No notification comes of it. */
extern kern_return_t mach_port_set_mscount(ipc_space_t task, mach_port_name_t name,
                                           mach_port_mscount_t mscount);
extern kern_return_t mach_port_set_seqno(ipc_space_t task, mach_port_name_t name, mach_port_seqno_t seqno);

/* mach_port_move_member - moves the receive right `member` with its queued messages out of the set it is in and
 * into the set `after`; MACH_PORT_NULL: only out of it (05 section 4). Already there: nothing happens.
 * KERN_NOT_IN_SET: `after` is MACH_PORT_NULL and it is in no set. */
extern kern_return_t mach_port_move_member(ipc_space_t task, mach_port_name_t member, mach_port_name_t after);

/* mach_port_get_set_status - the names of the members of the set `name`, in any order, in *members, their
 * number in *membersCnt (05 section 4). KERN_RESOURCE_SHORTAGE: no memory. */
extern kern_return_t mach_port_get_set_status(ipc_space_t task, mach_port_name_t name,
                                              mach_port_name_array_t* members,
                                              mach_msg_type_number_t* membersCnt);

/* mach_port_set_protected_payload, mach_port_clear_protected_payload - what messages received from the receive
 * right `name` from now on carry in place of the port's name, those already queued included (05 section 4,
 * 02 section 10). It is cleared when the receive right moves. */
extern kern_return_t mach_port_set_protected_payload(ipc_space_t task, mach_port_name_t name,
                                                     rpc_uintptr_t payload);
extern kern_return_t mach_port_clear_protected_payload(ipc_space_t task, mach_port_name_t name);

/* mach_port_set_ktype - privileged, and nobody has the privilege: KERN_INVALID_HOST, whatever kernel port
 * `host_priv` is (05 section 4). */
extern kern_return_t mach_port_set_ktype(host_priv_t host_priv, ipc_space_t task, mach_port_name_t name,
                                         mach_port_right_t right, mach_port_ktype_t ktype);

/* mach_port_get_receive_status - fills *status for the receive right `name` (05 section 4). */
extern kern_return_t mach_port_get_receive_status(ipc_space_t task, mach_port_name_t name,
                                                  mach_port_status_t* status);

/* mach_port_insert_right - takes the caller's right `poly` under the disposition `polyPoly` and enters it
 * under `name` (05 section 5). The idiom (task, n, n, MACH_MSG_TYPE_MAKE_SEND) gives a receive right's holder
 * a send right. KERN_INVALID_VALUE: bad disposition, or name 0 or MACH_PORT_DEAD; KERN_INVALID_CAPABILITY:
 * poly null or dead; KERN_RIGHT_EXISTS: the space has the port under another name; KERN_NAME_EXISTS: `name`
 * denotes something else; KERN_UREFS_OVERFLOW; KERN_NO_SPACE; KERN_RESOURCE_SHORTAGE. A caller that
 * lacks the right gets KERN_INVALID_NAME or KERN_INVALID_RIGHT on its own task, MACH_SEND_INVALID_RIGHT on
 * another one. Rights: consumed as the disposition says; if the call fails after taking the right, the right is
 * destroyed. */
extern kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name, mach_port_t poly,
                                            mach_msg_type_name_t polyPoly);

/* mach_port_extract_right - takes a right from `name` under the disposition `msgt_name` and gives it to the
 * caller: the name in *poly, the kind (16, 17, 18) in *polyPoly (05 section 5). A dead name gives
 * MACH_PORT_DEAD. Bad disposition: KERN_INVALID_VALUE. */
extern kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                             mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                             mach_msg_type_name_t* polyPoly);

/* mach_port_request_notification - registers the send-once right taken from `notify` (disposition
 * `notifyPoly`: MAKE_SEND_ONCE or MOVE_SEND_ONCE) for the notification `id` about `name`; MACH_PORT_NULL
 * cancels. The right that was registered before, now the caller's, is in *previous, or MACH_PORT_NULL (05
 * section 5, 06). `id`: MACH_NOTIFY_DEAD_NAME (sync not 0: at once if it is a dead name already),
 * MACH_NOTIFY_NO_SENDERS (sync: see 06 section 7), MACH_NOTIFY_PORT_DESTROYED (sync 0). Others:
 * KERN_INVALID_VALUE. KERN_INVALID_CAPABILITY: notify is dead; KERN_INVALID_ARGUMENT: dead name with sync 0;
 * KERN_UREFS_OVERFLOW; KERN_RESOURCE_SHORTAGE; MIG_BAD_ARGUMENTS: the disposition gives another kind of
 * right; MACH_SEND_INVALID_RIGHT: the caller lacks the right. Rights: on a failure after taking it, the
 * send-once right is destroyed: its port gets a send-once notification. */
extern kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name, mach_msg_id_t id,
                                                    mach_port_mscount_t sync, mach_port_t notify,
                                                    mach_msg_type_name_t notifyPoly, mach_port_t* previous);

#ifdef __cplusplus
}
#endif

#endif /* _MACH_MACH_PORT_H_ */
