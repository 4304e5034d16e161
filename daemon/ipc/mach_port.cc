// SPDX-License-Identifier: Apache-2.0
// The port calls on names and on the rights that they denote (spec 05 §§2, 3).
#include "daemon/ipc/mach_port.h"

#include "daemon/ipc/core.h"
#include "daemon/ipc/teardown.h"

namespace netmsg::ipc::mach_port {

namespace {

bool can_be_allocated(mach_port_right_t right) {
  return right == MACH_PORT_RIGHT_RECEIVE || right == MACH_PORT_RIGHT_PORT_SET ||
         right == MACH_PORT_RIGHT_DEAD_NAME;
}

// What a new right costs: a port is paid for, the others are only names. Before a name is chosen, so that a
// refusal uses none up. KERN_RESOURCE_SHORTAGE.
Kern<Charge> charge_for(Space& space, mach_port_right_t right) {
  if (right != MACH_PORT_RIGHT_RECEIVE) return Charge();
  Charge charge = Charge::port(space.account());
  if (!charge) return Fail{KERN_RESOURCE_SHORTAGE};
  return charge;
}

// REQUIRES: can_be_allocated(right); the name is free, the space has room for it.
void add_new(Space& space, mach_port_right_t right, Name name, Charge charge) {
  switch (right) {
    case MACH_PORT_RIGHT_RECEIVE:
      return space.add_receive(name, Port::create(space.core(), std::move(charge)));
    case MACH_PORT_RIGHT_PORT_SET:
      return space.add_port_set(name);
    default:
      return space.add_dead_name(name);
  }
}

bool denotes(const Entry& entry, mach_port_right_t right) {
  return (entry.type() & MACH_PORT_TYPE(right)) != 0;
}

// ---------------------------------------------------------------- mod_refs (05 §2, table)

// RECEIVE, PORT_SET and SEND_ONCE have one reference: it can be kept or given up.
kern_return_t give_up_single(Space& space, Name name, mach_port_right_t right, mach_port_delta_t delta) {
  if (delta == 0) return KERN_SUCCESS;
  if (delta != -1) return KERN_INVALID_VALUE;
  switch (right) {
    case MACH_PORT_RIGHT_RECEIVE:
      drop_receive(space, name);
      break;
    case MACH_PORT_RIGHT_SEND_ONCE:
      drop_send_once(space, name);
      break;
    default:
      destroy_name(space, name);
      break;
  }
  return KERN_SUCCESS;
}

// KERN_SUCCESS if `urefs` + `delta` is between 0 and `max`.
kern_return_t check_urefs(std::uint32_t urefs, mach_port_delta_t delta, std::uint32_t max) {
  const std::int64_t result = std::int64_t{urefs} + delta;
  if (result < 0) return KERN_INVALID_VALUE;
  return delta > 0 && result > max ? KERN_UREFS_OVERFLOW : KERN_SUCCESS;
}

kern_return_t mod_send_refs(Space& space, Name name, Entry& entry, mach_port_delta_t delta) {
  const kern_return_t code = check_urefs(entry.urefs, delta, kSendUrefsMax);
  if (code != KERN_SUCCESS) return code;
  const auto urefs = static_cast<std::uint32_t>(std::int64_t{entry.urefs} + delta);
  if (urefs == 0) {
    drop_last_send(space, name);
  } else {
    entry.urefs = urefs;
  }
  return KERN_SUCCESS;
}

kern_return_t mod_dead_refs(Space& space, Name name, Entry& entry, mach_port_delta_t delta) {
  const kern_return_t code = check_urefs(entry.urefs, delta, kDeadUrefsMax);
  if (code != KERN_SUCCESS) return code;
  entry.urefs = static_cast<std::uint32_t>(std::int64_t{entry.urefs} + delta);
  if (entry.urefs == 0) space.remove(name);
  return KERN_SUCCESS;
}

}  // namespace

Kern<Name> allocate(Space& space, mach_port_right_t right) {
  const Event event(space.core());
  if (!can_be_allocated(right)) return Fail{KERN_INVALID_VALUE};
  if (space.full()) return Fail{KERN_NO_SPACE};
  Kern<Charge> charge = charge_for(space, right);
  if (!charge.ok()) return Fail{charge.code()};
  const Name name = space.pick_name();
  add_new(space, right, name, std::move(charge.value()));
  return name;
}

kern_return_t allocate_name(Space& space, mach_port_right_t right, Name name) {
  const Event event(space.core());
  if (!is_valid_name(name) || !can_be_allocated(right)) return KERN_INVALID_VALUE;
  if (space.find(name) != nullptr) return KERN_NAME_EXISTS;
  if (space.full()) return KERN_NO_SPACE;
  Kern<Charge> charge = charge_for(space, right);
  if (charge.ok()) add_new(space, right, name, std::move(charge.value()));
  return charge.code();
}

Name reply_port(Space& space) {
  const Kern<Name> name = allocate(space, MACH_PORT_RIGHT_RECEIVE);
  return name.ok() ? name.value() : kNullName;
}

kern_return_t destroy(Space& space, Name name) {
  const Event event(space.core());
  if (space.find(name) == nullptr) return KERN_INVALID_NAME;
  destroy_name(space, name);
  return KERN_SUCCESS;
}

kern_return_t deallocate(Space& space, Name name) {
  const Event event(space.core());
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (entry->send) return mod_send_refs(space, name, *entry, -1);
  switch (entry->state()) {
    case EntryState::kSendOnce:
      drop_send_once(space, name);
      return KERN_SUCCESS;
    case EntryState::kDead:
      return mod_dead_refs(space, name, *entry, -1);
    default:
      return KERN_INVALID_RIGHT;
  }
}

Kern<mach_port_urefs_t> get_refs(Space& space, Name name, mach_port_right_t right) {
  const Event event(space.core());
  if (right >= MACH_PORT_RIGHT_NUMBER) return Fail{KERN_INVALID_VALUE};
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (!denotes(*entry, right)) return mach_port_urefs_t{0};
  const bool counted = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME;
  return counted ? mach_port_urefs_t{entry->urefs} : mach_port_urefs_t{1};
}

kern_return_t mod_refs(Space& space, Name name, mach_port_right_t right, mach_port_delta_t delta) {
  const Event event(space.core());
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  Entry* entry = space.find(name);
  if (entry == nullptr) return KERN_INVALID_NAME;
  if (!denotes(*entry, right)) return KERN_INVALID_RIGHT;
  if (right == MACH_PORT_RIGHT_SEND) return mod_send_refs(space, name, *entry, delta);
  if (right == MACH_PORT_RIGHT_DEAD_NAME) return mod_dead_refs(space, name, *entry, delta);
  return give_up_single(space, name, right, delta);
}

Kern<mach_port_type_t> type(Space& space, Name name) {
  const Event event(space.core());
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  return entry->type();
}

NameList names(Space& space) {
  const Event event(space.core());
  NameList list;
  list.names.reserve(space.size());
  list.types.reserve(space.size());
  space.for_each([&](Name name, const Entry& entry) {
    list.names.push_back(name);
    list.types.push_back(entry.type());
  });
  return list;
}

kern_return_t rename(Space& space, Name old_name, Name new_name) {
  const Event event(space.core());
  if (!is_valid_name(new_name)) return KERN_INVALID_VALUE;
  if (space.find(new_name) != nullptr) return KERN_NAME_EXISTS;
  if (space.find(old_name) == nullptr) return KERN_INVALID_NAME;
  space.rename(old_name, new_name);
  return KERN_SUCCESS;
}

}  // namespace netmsg::ipc::mach_port
