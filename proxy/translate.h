// SPDX-License-Identifier: Apache-2.0
// Message <-> v1::Message: every right of a message translated on its way out and in, in one step each (rules
// R1, R2, R5, R7, R8, T2, T3; peer.proto, exchange 2). Both directions plan first: a plan that fails has
// touched nothing, the commit that follows cannot fail.
//
//   going out, a right is ...            it becomes                  counts here
//     NULL, DEAD, of a dead port         NULL, DEAD                  -
//     ours: to a port at home here       GRANTED                     a unit of ours at the peer (R1)
//     theirs: a proxy of that peer       HOME                        the right goes home (R2)
//     somebody else's: any other proxy   INTRODUCED                  the caller asks its home (R3)
//     a receive right                    MOVED                       the port has left before (M1; moves.h)
//     one of a name service              refused: the message stays with the caller
//
//   coming in, a right is ...            it becomes                  counts here
//     NULL, DEAD                         NULL, DEAD                  -
//     GRANTED: at home at the peer       a right to the proxy        a unit received (R1)
//     HOME: at home here                 a right to the port         send: none; send-once: a unit used (R2)
//     the same without a unit            DEAD (R8)                   logged
//     INTRODUCED                         left open                   the caller pairs it (R3)
//     MOVED                              the receive right           of the port that has come before (M1)
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/message.h"
#include "proxy/fault.h"
#include "proxy/freight.h"
#include "proxy/introduction.h"
#include "proxy/tables.h"

namespace netmsg::proxy {

// May a right of this type to this live port travel to the peer of these tables?
bool can_translate(const Tables& tables, const ipc::Port& port, ipc::RightType type);

enum class Egress {
  kDone,  // `wire` is filled in, `message` carries no rights any more
  kRefused,  // a right that cannot travel, memory that cannot be read, or too large for the peer: nothing has changed
};

// A right that is to be introduced: `wire` has its type, the rest is the introducer's to fill in.
struct Introducing {
  ipc::CarriedRight right;
  v1::Right* wire;  // in the message that was translated
};

// `message` goes to a proxy of the peer; if `wire` names a transfer, its data has gone ahead. `as_of`: the peer's last frame that we have applied.
Egress translate_out(Tables& tables, const MessageLimits& theirs, FrameNumber as_of, ipc::Message& message,
                     v1::Message& wire, std::vector<Introducing>& introducing);

// The two halves of it: everything that can fail, with nothing changed but `wire`; and the rest. Between them the ports
// whose receive rights are in the message leave (moves.h). REQUIRES of the second: the first was true.
bool pack(const Tables& tables, const MessageLimits& theirs, const ipc::Message& message, v1::Message& wire);
void leave_packed(Tables& tables, FrameNumber as_of, ipc::Message& message, v1::Message& wire,
                  std::vector<Introducing>& introducing);

// --- for a port that moves (exchange 12) ---
// Can its requests and all that is queued at it go to this peer?
bool can_go_along(const Tables& tables, const MessageLimits& theirs, const ipc::Port& port);
// One right of a Move.
void leave_right(Tables& tables, ipc::CarriedRight right, v1::Right& wire,
                 std::vector<Introducing>& introducing);
Check check_request(const Tables& tables, const v1::Right& wire);

// A message that has come in.
struct Arrival {
  PortUid destination;  // as the frame says
  ipc::MessagePtr message;
  bool deliverable = false;  // false: refused, or overdrawn; drop the message, its rights are settled
  bool overdrawn = false;    // the account owes for too much that is queued already, or its freight is spoilt
  std::uint32_t refused = 0;  // rights used without a unit, for the log
  // Rooms that came with rights of theirs: to be applied after the message.
  struct Room {
    PortUid port;
    std::uint32_t room;
  };
  std::vector<Room> rooms;
  // Rights that are still open in the message (fill_slot).
  struct Introduced {
    std::size_t slot;
    PortUid port;
    ipc::RightType type;
    IntroductionId id;
    Origin hint;
    std::uint64_t session;
  };
  std::vector<Introduced> introduced;
  // Units of ports that are at home elsewhere as far as we know (contested.h): they are open, too.
  struct Contested {
    std::size_t slot;
    PortUid port;
    ipc::RightType type;
    std::uint32_t room;
  };
  std::vector<Contested> contested;
};

// A request of a port that comes. One whose notify port has died is a request all the same: it stands in the port's status,
// and whoever asks for another gets a dead right back. One that is left open is in `open`. REQUIRES: checked.
ipc::SendOnceRight enter_request(Tables& tables, ipc::Engine& engine, const v1::Right& wire, Arrival& open);

// A uid in a frame of theirs that says that they are its home. PROTOCOL: as read_uid; a serial of ours that was never
// given out, somebody else's name service.
Check read_granted_uid(const Tables& tables, const v1::Uid& wire, PortUid& port);

// R6: is the port at home at a third daemon, as far as we know?
bool is_contested(const Tables& tables, const PortUid& port);

// R1: a unit has come of a port that is at home at the peer. Nullopt, and nothing is counted, if it is at home elsewhere
// as far as we know: they can have none to grant.
std::optional<ipc::CarriedRight> receive_unit(Tables& tables, const PortUid& port, std::uint32_t room,
                                              ipc::RightType type);

// Faults: PROTOCOL if the frame is not one an honest peer sends, LIMIT if it would be one
// proxy too many. With a fault nothing has changed. An overdrawn `account` is no fault: its messages are taken
// apart instead of queued, so one who does not read costs nobody else the session. `freight`: what has come ahead, if
// `wire` names a transfer.
Check translate_in(Tables& tables, ipc::Engine& engine, ipc::Account& account, const PeerLimits& limits,
                   const v1::Message& wire, Freight freight, Arrival& arrival);

}  // namespace netmsg::proxy
