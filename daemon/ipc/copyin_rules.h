// SPDX-License-Identifier: Apache-2.0
// The tables of spec 04 as data and as pure functions: what a disposition means for an entry (§1), and which
// pairs are possible when destination and reply are one name (§3). Nothing here touches a space.
#pragma once

#include "daemon/ipc/entry.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

// What copyin does to an entry and to its port.
enum class Take : std::uint8_t {
  kRefuse,
  kMoveReceive,   // R -> free, R+S(n) -> S(n)
  kMoveSend,      // one uref; the last one moves the right itself
  kMoveSendOnce,  // SO -> free
  kCopySend,      // entry unchanged, srights+1
  kMakeSend,      // entry unchanged, srights+1, mscount+1
  kMakeSendOnce,  // entry unchanged, sorights+1
  kKeepDead,      // carries DEAD; DN unchanged
  kDropDead,      // carries DEAD; DN(n-1) or free
  kCarryNull,     // the name was MACH_PORT_NULL
  kCarryDead,     // the name was MACH_PORT_DEAD
};

// 04 §1, reply and body ("soft": a dead name is carried as DEAD).
Take copyin_rule(Disposition disposition, EntryState state);
// 04 §1, destination: a dead name is refused too.
Take destination_rule(Disposition disposition, EntryState state);

// 04 §3. kDestination and kReply name the field that the refusal is reported for.
enum class SameName { kOk, kRefuseDestination, kRefuseReply };
SameName same_name_rule(Disposition destination, Disposition reply, EntryState state, std::uint32_t urefs);

}  // namespace netmsg::ipc
