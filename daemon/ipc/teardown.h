// SPDX-License-Identifier: Apache-2.0
// Giving up what a name denotes, and the death of spaces (spec 01 §§10, 11, 14). Each function does the steps
// of its row in that order. The death of a port itself is Port::die(), here too.
#pragma once

#include "daemon/ipc/space.h"

namespace netmsg::ipc {

// 01 §11 "mach_port_destroy": everything the name denotes.
void destroy_name(Space& space, Name name);
// 01 §11 "last send uref", with and without a receive right beside it. REQUIRES: S(1) or R+S(1).
void drop_last_send(Space& space, Name name);
// 01 §11 "send-once right". REQUIRES: SO.
void drop_send_once(Space& space, Name name);
// 01 §11 "receive right via mod_refs". REQUIRES: R or R+S.
void drop_receive(Space& space, Name name);

// 01 §14: everything in the space, in ascending order of names; then what the task has besides. The space object
// stays.
void empty_space(Space& space);

}  // namespace netmsg::ipc
