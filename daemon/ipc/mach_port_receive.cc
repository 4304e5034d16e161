// SPDX-License-Identifier: Apache-2.0
// The port calls on receive rights and port sets (spec 05 §4).
#include "daemon/ipc/core.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc::mach_port {

namespace {

// The port whose receive right `name` denotes. KERN_INVALID_NAME, KERN_INVALID_RIGHT.
Kern<Port*> find_port(Space& space, Name name) {
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (!entry->receive) return Fail{KERN_INVALID_RIGHT};
  return entry->receive.port();
}

// KERN_INVALID_NAME, KERN_INVALID_RIGHT.
Kern<PortSet*> find_set(Space& space, Name name) {
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (!entry->set) return Fail{KERN_INVALID_RIGHT};
  return entry->set.get();
}

// Does `change` to the port under the name, if there is one.
template <typename Change>
kern_return_t change_port(Space& space, Name name, Change change) {
  const Event event(space.core());
  const Kern<Port*> port = find_port(space, name);
  if (port.ok()) change(*port.value());
  return port.code();
}

void change_qlimit(Port& port, std::uint32_t qlimit) {
  const std::uint32_t before = std::exchange(port.qlimit, qlimit);
  room_changed(port);
  if (qlimit > before) wake_sender(port);
}

void move_to(Port& port, PortSet* set) {
  if (port.set == set) return;
  if (port.set != nullptr) port.set->remove(port);
  if (set != nullptr) set->add(port);
}

}  // namespace

Kern<mach_port_status_t> get_receive_status(Space& space, Name name) {
  const Event event(space.core());
  const Kern<Port*> found = find_port(space, name);
  if (!found.ok()) return Fail{found.code()};
  const Port& port = *found.value();
  mach_port_status_t status{};
  status.mps_pset = port.set != nullptr ? port.set->name : kNullName;
  status.mps_seqno = port.seqno;
  status.mps_mscount = port.mscount;
  status.mps_qlimit = port.qlimit;
  status.mps_msgcount = port.msgcount;
  status.mps_sorights = port.sorights();
  status.mps_srights = port.srights() > 0;
  status.mps_pdrequest = static_cast<bool>(port.port_destroyed_request);
  status.mps_nsrequest = static_cast<bool>(port.no_senders_request);
  return status;
}

kern_return_t set_qlimit(Space& space, Name name, mach_port_msgcount_t qlimit) {
  if (qlimit > MACH_PORT_QLIMIT_MAX) return KERN_INVALID_VALUE;
  return change_port(space, name, [=](Port& port) { change_qlimit(port, qlimit); });
}

kern_return_t set_mscount(Space& space, Name name, mach_port_mscount_t mscount) {
  return change_port(space, name, [=](Port& port) { port.mscount = mscount; });
}

kern_return_t set_seqno(Space& space, Name name, mach_port_seqno_t seqno) {
  return change_port(space, name, [=](Port& port) { port.seqno = seqno; });
}

kern_return_t set_protected_payload(Space& space, Name name, std::uint64_t payload) {
  return change_port(space, name, [=](Port& port) { port.payload = payload; });
}

kern_return_t clear_protected_payload(Space& space, Name name) {
  return change_port(space, name, [](Port& port) { port.payload.reset(); });
}

kern_return_t move_member(Space& space, Name member, Name after) {
  const Event event(space.core());
  const Kern<Port*> port = find_port(space, member);
  if (!port.ok()) return port.code();
  if (after == kNullName) {
    if (port.value()->set == nullptr) return KERN_NOT_IN_SET;
    move_to(*port.value(), nullptr);
    return KERN_SUCCESS;
  }
  const Kern<PortSet*> set = find_set(space, after);
  if (set.ok()) move_to(*port.value(), set.value());
  return set.code();
}

Kern<std::vector<Name>> get_set_status(Space& space, Name name) {
  const Event event(space.core());
  const Kern<PortSet*> set = find_set(space, name);
  if (!set.ok()) return Fail{set.code()};
  std::vector<Name> members;
  set.value()->members.for_each([&](const Port& port) { members.push_back(port.receiver_name()); });
  return members;
}

}  // namespace netmsg::ipc::mach_port
