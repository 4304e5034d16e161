// SPDX-License-Identifier: Apache-2.0
// A port set (spec 01 §9): receive rights of one space that are received from together, oldest message first.
//
// A message stays in the queue of its port. The set adds a second order over the messages of all its members:
// that in which they came to the set. Both orders agree within one port, so the set's first message is always
// the first one of its port; and a port leaves with what it has, whatever else is waiting in the set.
//
//   PortSet --members--> Port --queue (owns)--> Message <--arrivals-- PortSet
//
// Owned by the entry of its name.
#pragma once

#include "daemon/ipc/port.h"

namespace netmsg::ipc {

class PortSet {
 public:
  explicit PortSet(Name of_name) : name(of_name) {}

  // The port joins: receivers blocked on it are woken (MACH_RCV_PORT_CHANGED), its messages go to receivers
  // blocked on the set, then to the end of the order. REQUIRES: same space; in no set.
  void add(Port& port);
  // It leaves and keeps its messages; receivers blocked on the set go on waiting. REQUIRES: it is a member.
  void remove(Port& port);
  // The set is destroyed: its receivers are woken (MACH_RCV_PORT_DIED), all members leave.
  void dissolve(Core& core);

  Name name;  // follows renames
  Receivers receivers;
  Watch* watch = nullptr;                             // kept by the watch
  base::IntrusiveList<Message, ArrivalTag> arrivals;  // oldest first
  base::IntrusiveList<Port, MemberTag> members;
};

}  // namespace netmsg::ipc
