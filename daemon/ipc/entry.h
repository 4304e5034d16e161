// SPDX-License-Identifier: Apache-2.0
// What one name denotes in one space (spec 01 §4). The rights are members, so the state is what is held:
//
//   state     receive  send  once  set   urefs
//   R            x                       0
//   R+S(n)       x      x                n = 1..65534
//   S(n)                x                n = 1..65534
//   SO                        x          1
//   PS                              x    0
//   DN(n)                                n = 1..65535
//
// A port's death turns S and SO into DN lazily: Space::find() converts before anybody looks.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "daemon/ipc/accepted_request.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/port_set.h"
#include "daemon/ipc/right.h"

namespace netmsg::ipc {

// One below the dead name's, so that conversion never overflows.
inline constexpr std::uint32_t kSendUrefsMax = 65534;
inline constexpr std::uint32_t kDeadUrefsMax = MACH_PORT_UREFS_MAX;

// The columns of the tables in spec 04.
enum class EntryState { kReceive, kReceiveSend, kSend, kSendOnce, kPortSet, kFree, kDead };
inline constexpr int kEntryStateCount = 7;

struct Entry {
  ReceiveRight receive;
  SendRight send;
  SendOnceRight once;
  std::unique_ptr<PortSet> set;
  std::uint32_t urefs = 0;
  std::uint32_t death = 0;                   // DN: Port::death of what it denoted
  std::unique_ptr<DeadNameRequest> request;  // listed at the port; none on PS and DN
  AcceptedRequest* accepted = nullptr;       // of the message that this space has forced upon the port

  EntryState state() const {
    if (receive) return send ? EntryState::kReceiveSend : EntryState::kReceive;
    if (send) return EntryState::kSend;
    if (once) return EntryState::kSendOnce;
    return set ? EntryState::kPortSet : EntryState::kDead;
  }

  // MACH_PORT_TYPE_* of the rights and of the requests that stand on the name (01 §3).
  mach_port_type_t type() const {
    const mach_port_type_t requested = (request ? MACH_PORT_TYPE_DNREQUEST : MACH_PORT_TYPE_NONE) |
                                       (accepted ? MACH_PORT_TYPE_MAREQUEST : MACH_PORT_TYPE_NONE);
    switch (state()) {
      case EntryState::kReceive:
        return requested | MACH_PORT_TYPE_RECEIVE;
      case EntryState::kReceiveSend:
        return requested | MACH_PORT_TYPE_SEND_RECEIVE;
      case EntryState::kSend:
        return requested | MACH_PORT_TYPE_SEND;
      case EntryState::kSendOnce:
        return requested | MACH_PORT_TYPE_SEND_ONCE;
      case EntryState::kPortSet:
        return MACH_PORT_TYPE_PORT_SET;
      default:
        return MACH_PORT_TYPE_DEAD_NAME;
    }
  }

  // Its msg-accepted notification will carry MACH_PORT_NULL (06 §5).
  void give_up_accepted() {
    if (accepted != nullptr) std::exchange(accepted, nullptr)->lose_name();
  }

  // The port that the rights are for; null for PS and DN.
  Port* port() const {
    if (receive) return receive.port();
    return send ? send.port() : once.port();
  }
};

}  // namespace netmsg::ipc
