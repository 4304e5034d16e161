// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/mach_port.h"

#include <mach/mig_errors.h>
#include <mach/notify.h>

#include "daemon/ipc/copyin.h"
#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/queue.h"
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

// A send-once right can become a notification in a queue that nobody reads: who owes for too many makes no
// more.
bool can_bear(const Space& caller, mach_msg_type_name_t disposition) {
  return disposition != MACH_MSG_TYPE_MAKE_SEND_ONCE || !caller.account().overdrawn();
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

// ---------------------------------------------------------------- insert_right (05 §5)

// Steps 5 and 6 for a send or receive right whose port already has a name in the space.
kern_return_t merge_right(Space& space, Name existing, Name name, CarriedRight right) {
  if (existing != name) return KERN_RIGHT_EXISTS;
  if (right.holds_receive()) {
    space.merge_receive(name, right.take_receive());
    return KERN_SUCCESS;
  }
  if (space.find(name)->urefs >= kSendUrefsMax) return KERN_UREFS_OVERFLOW;
  space.merge_send(name, right.take_send());
  return KERN_SUCCESS;
}

kern_return_t add_right(Space& space, Name name, CarriedRight right) {
  if (space.find(name) != nullptr) return KERN_NAME_EXISTS;
  if (space.full()) return KERN_NO_SPACE;
  if (right.holds_send()) {
    space.add_send(name, right.take_send());
  } else if (right.holds_send_once()) {
    space.add_send_once(name, right.take_send_once());
  } else {
    space.add_receive(name, right.take_receive());
  }
  return KERN_SUCCESS;
}

// A name that is the caller's to give a right from: the codes of a port call.
kern_return_t refusal(Space& space, Name name) {
  return space.find(name) == nullptr ? KERN_INVALID_NAME : KERN_INVALID_RIGHT;
}

CarriedRight take(Space& space, const RightPlan& plan) {
  TakenRight taken = commit_right(space, plan);
  notify::port_deleted(std::move(taken.freed_request));
  return std::move(taken.right);
}

// ---------------------------------------------------------------- request_notification (05 §5)

// Is there a right that a request of this kind would replace?
bool is_requested(Space& space, Name name, mach_msg_id_t id) {
  const Entry* entry = space.find(name);
  if (entry == nullptr) return false;
  if (id == MACH_NOTIFY_DEAD_NAME) return entry->request != nullptr;
  return id == MACH_NOTIFY_NO_SENDERS && entry->receive &&
         static_cast<bool>(entry->receive.port()->no_senders_request);
}

Kern<SendOnceRight> request_no_senders(Space& space, Name name, mach_port_mscount_t sync,
                                       SendOnceRight notify) {
  Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (!entry->receive) return Fail{KERN_INVALID_RIGHT};
  Port& port = *entry->receive.port();
  SendOnceRight previous = std::move(port.no_senders_request);
  if (notify && port.srights() == 0 && sync <= port.mscount) {
    notify::no_senders(std::move(notify), port.mscount);
  } else {
    port.no_senders_request = std::move(notify);
  }
  return previous;
}

// On a name that is dead already: told at once, if the caller wants that.
Kern<SendOnceRight> request_on_dead_name(Name name, Entry& entry, mach_port_mscount_t sync,
                                         SendOnceRight notify) {
  if (sync == 0 || !notify) return Fail{KERN_INVALID_ARGUMENT};
  if (entry.urefs >= kDeadUrefsMax) return Fail{KERN_UREFS_OVERFLOW};
  ++entry.urefs;
  notify::dead_name(std::move(notify), name);
  return SendOnceRight();
}

// The new request takes the place of the old one in the port's list, so the order of registration stays (01
// §10.7).
SendOnceRight replace_request(Space& space, Name name, Entry& entry, SendOnceRight notify) {
  if (!entry.request) {
    if (!notify) return {};
    entry.request = std::make_unique<DeadNameRequest>(space, name, std::move(notify));
    entry.port()->dead_name_requests.push_back(*entry.request);
    return {};
  }
  SendOnceRight previous = std::move(entry.request->notify);
  if (notify) {
    entry.request->notify = std::move(notify);
  } else {
    entry.request.reset();
  }
  return previous;
}

Kern<SendOnceRight> request_dead_name(Space& space, Name name, mach_port_mscount_t sync,
                                      SendOnceRight notify) {
  Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  switch (entry->state()) {
    case EntryState::kPortSet:
      return Fail{KERN_INVALID_RIGHT};
    case EntryState::kDead:
      return request_on_dead_name(name, *entry, sync, std::move(notify));
    default:
      break;
  }
  return replace_request(space, name, *entry, std::move(notify));
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

kern_return_t insert_right(Space& space, Name name, CarriedRight right) {
  const Event event(space.core());
  if (!is_valid_name(name)) return KERN_INVALID_VALUE;
  if (right.is_null() || right.is_dead()) return KERN_INVALID_CAPABILITY;
  const Name existing = right.holds_send_once() ? kNullName : space.name_of(*right.port());
  if (existing != kNullName) return merge_right(space, existing, name, std::move(right));
  return add_right(space, name, std::move(right));
}

Kern<CarriedRight> extract_right(Space& space, Name name, mach_msg_type_name_t disposition) {
  const Event event(space.core());
  if (!is_disposition(disposition)) return Fail{KERN_INVALID_VALUE};
  if (space.find(name) == nullptr) return Fail{KERN_INVALID_NAME};
  const RightPlan plan = plan_right(space, name, static_cast<Disposition>(disposition));
  if (plan.take == Take::kRefuse) return Fail{KERN_INVALID_RIGHT};
  return take(space, plan);
}

Kern<SendOnceRight> request_notification(Space& space, Name name, mach_msg_id_t id, mach_port_mscount_t sync,
                                         CarriedRight notify) {
  const Event event(space.core());
  if (notify.type() != RightType::kSendOnce) return Fail{MIG_BAD_ARGUMENTS};
  if (notify.is_dead()) return Fail{KERN_INVALID_CAPABILITY};
  SendOnceRight right = notify.is_null() ? SendOnceRight() : notify.take_send_once();
  switch (id) {
    case MACH_NOTIFY_NO_SENDERS:
      return request_no_senders(space, name, sync, std::move(right));
    case MACH_NOTIFY_DEAD_NAME:
      return request_dead_name(space, name, sync, std::move(right));
    default:
      return Fail{KERN_INVALID_VALUE};
  }
}

kern_return_t insert_right(Space& caller, Space& space, Name name, Name poly,
                           mach_msg_type_name_t disposition) {
  const Event event(space.core());
  if (!is_disposition(disposition)) return KERN_INVALID_VALUE;
  if (!can_bear(caller, disposition)) return KERN_RESOURCE_SHORTAGE;
  const RightPlan plan = plan_right(caller, poly, static_cast<Disposition>(disposition));
  if (plan.take == Take::kRefuse) return refusal(caller, poly);
  return insert_right(space, name, take(caller, plan));
}

Kern<std::pair<Name, mach_msg_type_name_t>> extract_right(Space& caller, Space& space, Name name,
                                                          mach_msg_type_name_t disposition) {
  const Event event(space.core());
  if (!can_bear(caller, disposition)) return Fail{KERN_RESOURCE_SHORTAGE};
  Kern<CarriedRight> right = extract_right(space, name, disposition);
  if (!right.ok()) return Fail{right.code()};
  const auto type = static_cast<mach_msg_type_name_t>(right.value().type());
  const std::optional<Name> given = copyout_right(caller, std::move(right.value()));
  if (!given) return Fail{KERN_NO_SPACE};
  return std::pair<Name, mach_msg_type_name_t>(*given, type);
}

// What was registered before goes back to the caller; a caller without room for it is found out before
// anything changes.
Kern<Name> request_notification(Space& caller, Space& space, Name name, mach_msg_id_t id,
                                mach_port_mscount_t sync, Name notify, mach_msg_type_name_t disposition) {
  const Event event(space.core());
  if (!is_disposition(disposition)) return Fail{MIG_BAD_ARGUMENTS};
  if (!can_bear(caller, disposition)) return Fail{KERN_RESOURCE_SHORTAGE};
  const RightPlan plan = plan_right(caller, notify, static_cast<Disposition>(disposition));
  if (plan.take == Take::kRefuse) return Fail{MACH_SEND_INVALID_RIGHT};
  CarriedRight right = take(caller, plan);
  if (caller.full() && is_requested(space, name, id)) return Fail{KERN_NO_SPACE};
  Kern<SendOnceRight> previous = request_notification(space, name, id, sync, std::move(right));
  if (!previous.ok()) return Fail{previous.code()};
  if (!previous.value()) return kNullName;
  return copyout_right(caller, CarriedRight(std::move(previous.value()))).value_or(kNullName);
}

}  // namespace netmsg::ipc::mach_port
