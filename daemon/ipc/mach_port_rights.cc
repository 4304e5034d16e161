// SPDX-License-Identifier: Apache-2.0
// The port calls that give, take and register rights (spec 05 §5).
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include "daemon/ipc/copyin.h"
#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/notify.h"

namespace netmsg::ipc::mach_port {

namespace {

// A send-once right can become a notification in a queue that nobody reads: who owes for too many makes no
// more.
bool can_bear(const Space& caller, mach_msg_type_name_t disposition) {
  return disposition != MACH_MSG_TYPE_MAKE_SEND_ONCE || !caller.account().overdrawn();
}

// ---------------------------------------------------------------- insert_right (05 §5)

// Steps 5 and 6 for a send or receive right whose port already has a name in the space. Like the rest of insert_right it
// takes the right only if it succeeds.
kern_return_t merge_right(Space& space, Name existing, Name name, CarriedRight& right) {
  if (existing != name) return KERN_RIGHT_EXISTS;
  if (right.holds_receive()) {
    space.merge_receive(name, right.take_receive());
    return KERN_SUCCESS;
  }
  if (space.find(name)->urefs >= kSendUrefsMax) return KERN_UREFS_OVERFLOW;
  space.merge_send(name, right.take_send());
  return KERN_SUCCESS;
}

kern_return_t add_right(Space& space, Name name, CarriedRight& right) {
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

kern_return_t place_right(Space& space, Name name, CarriedRight& right) {
  if (!is_valid_name(name)) return KERN_INVALID_VALUE;
  if (right.is_null() || right.is_dead()) return KERN_INVALID_CAPABILITY;
  const Name existing = right.holds_send_once() ? kNullName : space.name_of(*right.port());
  return existing != kNullName ? merge_right(space, existing, name, right) : add_right(space, name, right);
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
  if (!entry->receive) return false;
  const Port& port = *entry->receive.port();
  return static_cast<bool>(id == MACH_NOTIFY_NO_SENDERS ? port.no_senders_request
                                                        : port.port_destroyed_request);
}

Kern<SendOnceRight> request_port_destroyed(Space& space, Name name, mach_port_mscount_t sync,
                                           SendOnceRight notify) {
  if (sync != 0) return Fail{KERN_INVALID_VALUE};
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (!entry->receive) return Fail{KERN_INVALID_RIGHT};
  return std::exchange(entry->receive.port()->port_destroyed_request, std::move(notify));
}

Kern<SendOnceRight> request_no_senders(Space& space, Name name, mach_port_mscount_t sync,
                                       SendOnceRight notify) {
  const Entry* entry = space.find(name);
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

kern_return_t insert_right(Space& space, Name name, CarriedRight right) {
  const Event event(space.core());
  const kern_return_t code = place_right(space, name, right);
  if (code != KERN_SUCCESS) space.core().reaper.refuse(std::move(right));
  return code;
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
  if (notify.type() != RightType::kSendOnce) {
    space.core().reaper.refuse(std::move(notify));
    return Fail{MIG_BAD_ARGUMENTS};
  }
  if (notify.is_dead()) return Fail{KERN_INVALID_CAPABILITY};
  SendOnceRight right = notify.is_null() ? SendOnceRight() : notify.take_send_once();
  switch (id) {
    case MACH_NOTIFY_PORT_DESTROYED:
      return request_port_destroyed(space, name, sync, std::move(right));
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
