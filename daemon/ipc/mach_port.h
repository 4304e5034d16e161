// SPDX-License-Identifier: Apache-2.0
// The mach_port_* calls on a space (spec 05 §§2-5): one function for each, named as the call is. Each is one
// event. Codes are those of spec 05; KERN_INVALID_NAME (nothing under that name; also 0 and DEAD) and
// KERN_INVALID_RIGHT (something unsuitable) mean just that and are not repeated. On an error nothing in the
// space has changed, except that rights which the call was to consume are destroyed with all consequences (05
// §1).
#pragma once

#include <utility>
#include <vector>

#include "daemon/ipc/right.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Space;

namespace mach_port {

// 05 §2. `right` is MACH_PORT_RIGHT_RECEIVE or _DEAD_NAME or _PORT_SET. KERN_INVALID_VALUE: another one.
// KERN_NO_SPACE: no name left. KERN_RESOURCE_SHORTAGE: the account cannot bear another port.
Kern<Name> allocate(Space& space, mach_port_right_t right);
// The same under a name of the caller's choice. KERN_INVALID_VALUE: that is 0 or DEAD, or the right is another
// one; KERN_NAME_EXISTS; KERN_NO_SPACE; KERN_RESOURCE_SHORTAGE.
kern_return_t allocate_name(Space& space, mach_port_right_t right, Name name);
// allocate(RECEIVE), MACH_PORT_NULL on any failure (the trap mach_reply_port).
Name reply_port(Space& space);

// Drops all that the name denotes (01 §11).
kern_return_t destroy(Space& space, Name name);
// Drops one uref of a send right or dead name, or the send-once right.
kern_return_t deallocate(Space& space, Name name);
// KERN_INVALID_VALUE: `right` is 5 or more (tested before the name).
Kern<mach_port_urefs_t> get_refs(Space& space, Name name, mach_port_right_t right);
// 05 §2, table. KERN_INVALID_VALUE, KERN_UREFS_OVERFLOW.
kern_return_t mod_refs(Space& space, Name name, mach_port_right_t right, mach_port_delta_t delta);

// 05 §3: MACH_PORT_TYPE_* bits with DNREQUEST and MAREQUEST.
Kern<mach_port_type_t> type(Space& space, Name name);
// All names of one instant, ascending, each with its type as above at the same index.
struct NameList {
  std::vector<Name> names;
  std::vector<mach_port_type_t> types;
};
NameList names(Space& space);
// Everything moves to the new name: rights, requests, membership, receivers that wait. KERN_INVALID_VALUE: the
// new name is 0 or DEAD; KERN_NAME_EXISTS: it is in use (both tested before the old name).
kern_return_t rename(Space& space, Name old_name, Name new_name);

// 05 §4. `name` must denote a receive right.
Kern<mach_port_status_t> get_receive_status(Space& space, Name name);
// KERN_INVALID_VALUE: more than 16 (tested before the name). Raising by d wakes up to d blocked senders.
kern_return_t set_qlimit(Space& space, Name name, mach_port_msgcount_t qlimit);
// Any count; triggers no notification.
kern_return_t set_mscount(Space& space, Name name, mach_port_mscount_t mscount);
kern_return_t set_seqno(Space& space, Name name, mach_port_seqno_t seqno);
// What messages received from now on carry instead of the local name, those already queued included (02 §10).
kern_return_t set_protected_payload(Space& space, Name name, std::uint64_t payload);
kern_return_t clear_protected_payload(Space& space, Name name);

// 05 §4, sets. `member` leaves the set it is in and joins `after`; `after` MACH_PORT_NULL: it only leaves.
// Already there: nothing happens. The codes for `member` come before those for `after`; KERN_NOT_IN_SET.
kern_return_t move_member(Space& space, Name member, Name after);
// The names of the members of the set `name`, in no order.
Kern<std::vector<Name>> get_set_status(Space& space, Name name);

// 05 §5, the half that works on `space`, with the rights as a request or a reply carries them. `right` and
// `notify` are consumed also on failure.
// KERN_INVALID_VALUE, KERN_INVALID_CAPABILITY, KERN_RIGHT_EXISTS, KERN_NAME_EXISTS, KERN_UREFS_OVERFLOW,
// KERN_NO_SPACE.
kern_return_t insert_right(Space& space, Name name, CarriedRight right);
// DEAD of that type for a dead name. KERN_INVALID_VALUE.
Kern<CarriedRight> extract_right(Space& space, Name name, mach_msg_type_name_t disposition);
// The previously registered right, or an empty one. NULL as `notify` cancels. KERN_INVALID_VALUE,
// KERN_INVALID_CAPABILITY, KERN_INVALID_ARGUMENT, KERN_UREFS_OVERFLOW, MIG_BAD_ARGUMENTS (`notify` is not a
// send-once right).
Kern<SendOnceRight> request_notification(Space& space, Name name, mach_msg_id_t id, mach_port_mscount_t sync,
                                         CarriedRight notify);

// The same calls as a caller makes them, without a message: what goes in is taken from the space of `caller`
// and consumed once that has succeeded, what comes out is given to it. Besides the codes above:
// KERN_RESOURCE_SHORTAGE (MAKE_SEND_ONCE and the caller's account is overdrawn).
// KERN_INVALID_NAME, KERN_INVALID_RIGHT: also for `poly`.
kern_return_t insert_right(Space& caller, Space& space, Name name, Name poly,
                           mach_msg_type_name_t disposition);
// Name (MACH_PORT_DEAD for a dead name) and received type. KERN_NO_SPACE: the right is destroyed.
Kern<std::pair<Name, mach_msg_type_name_t>> extract_right(Space& caller, Space& space, Name name,
                                                          mach_msg_type_name_t disposition);
// The previously registered right's new name, or MACH_PORT_NULL. MACH_SEND_INVALID_RIGHT (the caller lacks
// `notify`), KERN_NO_SPACE (no name left for the previous right: nothing is registered).
Kern<Name> request_notification(Space& caller, Space& space, Name name, mach_msg_id_t id,
                                mach_port_mscount_t sync, Name notify, mach_msg_type_name_t disposition);

}  // namespace mach_port
}  // namespace netmsg::ipc
