// SPDX-License-Identifier: Apache-2.0
// The calls of spec 05 §§2-5, in its order.
#include <mach/mig_errors.h>
#include <mach/notify.h>

#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

namespace {

constexpr unsigned kMostSends = 65534;
constexpr unsigned kMostDeadNames = 65535;

bool is_reserved(Name name) {
  return name == MACH_PORT_NULL || name == MACH_PORT_DEAD;
}

bool is_port_type(Disposition type) {
  return type >= MACH_MSG_TYPE_MOVE_RECEIVE && type <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

bool can_be_allocated(mach_port_right_t right) {
  return right == MACH_PORT_RIGHT_RECEIVE || right == MACH_PORT_RIGHT_PORT_SET ||
         right == MACH_PORT_RIGHT_DEAD_NAME;
}

// 01 §3: the rights of each kind of entry.
mach_port_type_t rights_of(What what) {
  switch (what) {
    case What::kFree:
      break;
    case What::kReceive:
      return MACH_PORT_TYPE_RECEIVE;
    case What::kReceiveSend:
      return MACH_PORT_TYPE_SEND_RECEIVE;
    case What::kSend:
      return MACH_PORT_TYPE_SEND;
    case What::kSendOnce:
      return MACH_PORT_TYPE_SEND_ONCE;
    case What::kDeadName:
      return MACH_PORT_TYPE_DEAD_NAME;
    case What::kPortSet:
      return MACH_PORT_TYPE_PORT_SET;
  }
  return MACH_PORT_TYPE_NONE;
}

bool counts_urefs(mach_port_right_t right) {
  return right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME;
}

}  // namespace

// ---------------------------------------------------------------- §2

Result<Name> Model::allocate(SpaceId space, mach_port_right_t right) {
  if (!can_be_allocated(right)) return {KERN_INVALID_VALUE};
  return {KERN_SUCCESS, new_name(space, new_object(space, right))};
}

kern_return_t Model::allocate_name(SpaceId space, mach_port_right_t right, Name name) {
  if (is_reserved(name) || !can_be_allocated(right)) return KERN_INVALID_VALUE;
  if (look_up(space, name).what != What::kFree) return KERN_NAME_EXISTS;
  space_of(space).entries[name] = new_object(space, right);
  return KERN_SUCCESS;
}

kern_return_t Model::destroy(SpaceId space, Name name) {
  if (look_up(space, name).what == What::kFree) return KERN_INVALID_NAME;
  destroy_entry(space, name);
  run();
  return KERN_SUCCESS;
}

kern_return_t Model::deallocate(SpaceId space, Name name) {
  switch (look_up(space, name).what) {
    case What::kFree:
      return KERN_INVALID_NAME;
    case What::kReceive:
    case What::kPortSet:
      return KERN_INVALID_RIGHT;
    case What::kSendOnce:
      drop_send_once(space, name);
      break;
    case What::kReceiveSend:
    case What::kSend:
    case What::kDeadName:
      drop_urefs(space, name, 1);
      break;
  }
  run();
  return KERN_SUCCESS;
}

Result<mach_port_urefs_t> Model::get_refs(SpaceId space, Name name, mach_port_right_t right) const {
  if (right >= MACH_PORT_RIGHT_NUMBER) return {KERN_INVALID_VALUE};
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return {KERN_INVALID_NAME};
  if ((rights_of(entry.what) & MACH_PORT_TYPE(right)) == 0) return {KERN_SUCCESS, 0};
  return {KERN_SUCCESS, counts_urefs(right) ? entry.urefs : 1};
}

kern_return_t Model::mod_refs(SpaceId space, Name name, mach_port_right_t right, std::int64_t delta) {
  if (right >= MACH_PORT_RIGHT_NUMBER) return KERN_INVALID_VALUE;
  if (look_up(space, name).what == What::kFree) return KERN_INVALID_NAME;
  Entry& entry = at(space, name);
  if ((rights_of(entry.what) & MACH_PORT_TYPE(right)) == 0) return KERN_INVALID_RIGHT;
  if (counts_urefs(right)) {
    const unsigned most = right == MACH_PORT_RIGHT_SEND ? kMostSends : kMostDeadNames;
    if (entry.urefs + delta < 0) return KERN_INVALID_VALUE;
    if (delta > 0 && entry.urefs + delta > most) return KERN_UREFS_OVERFLOW;
    if (delta >= 0) {
      entry.urefs += static_cast<unsigned>(delta);
    } else {
      drop_urefs(space, name, static_cast<unsigned>(-delta));
    }
  } else {
    if (delta == 0) return KERN_SUCCESS;
    if (delta != -1) return KERN_INVALID_VALUE;
    if (right == MACH_PORT_RIGHT_RECEIVE) drop_receive(space, name);
    if (right == MACH_PORT_RIGHT_SEND_ONCE) drop_send_once(space, name);
    if (right == MACH_PORT_RIGHT_PORT_SET) destroy_set(free_name(space, name).set);
  }
  run();
  return KERN_SUCCESS;
}

// ---------------------------------------------------------------- §3

Result<mach_port_type_t> Model::type(SpaceId space, Name name) const {
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return {KERN_INVALID_NAME};
  return {KERN_SUCCESS, rights_of(entry.what) | (entry.request ? MACH_PORT_TYPE_DNREQUEST : 0) |
                            (entry.forced ? MACH_PORT_TYPE_MAREQUEST : 0)};
}

std::vector<Name> Model::names(SpaceId space) const {
  std::vector<Name> all;
  for (const auto& [name, entry] : spaces_[index(space)].entries) all.push_back(name);
  return all;
}

kern_return_t Model::rename(SpaceId space, Name old_name, Name new_name) {
  if (is_reserved(new_name)) return KERN_INVALID_VALUE;
  if (look_up(space, new_name).what != What::kFree) return KERN_NAME_EXISTS;
  if (look_up(space, old_name).what == What::kFree) return KERN_INVALID_NAME;
  auto node = space_of(space).entries.extract(old_name);
  if (node.mapped().forced) node.mapped().forced->accepted->name = new_name;
  node.key() = new_name;
  space_of(space).entries.insert(std::move(node));
  return KERN_SUCCESS;
}

// ---------------------------------------------------------------- §4

Result<mach_port_status_t> Model::get_receive_status(SpaceId space, Name name) const {
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return {KERN_INVALID_NAME};
  if (!has_receive(space, name)) return {KERN_INVALID_RIGHT};
  const Port& of = port(entry.port);
  mach_port_status_t status{};
  for (const auto& [other_name, other] : spaces_[index(space)].entries) {
    if (other.what == What::kPortSet && other.set == of.set) status.mps_pset = other_name;
  }
  status.mps_seqno = of.seqno;
  status.mps_mscount = of.mscount;
  status.mps_qlimit = of.qlimit;
  status.mps_msgcount = of.msgcount;
  status.mps_sorights = static_cast<mach_port_rights_t>(of.sorights);
  status.mps_srights = of.srights > 0 ? 1 : 0;
  status.mps_pdrequest = of.port_destroyed ? 1 : 0;
  status.mps_nsrequest = of.no_senders ? 1 : 0;
  return {KERN_SUCCESS, status};
}

Result<std::vector<Name>> Model::get_set_status(SpaceId space, Name name) const {
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return {KERN_INVALID_NAME};
  if (entry.what != What::kPortSet) return {KERN_INVALID_RIGHT};
  std::vector<Name> members;
  for (const auto& [member, other] : spaces_[index(space)].entries) {
    if (has_receive(space, member) && port(other.port).set == entry.set) members.push_back(member);
  }
  return {KERN_SUCCESS, members};
}

kern_return_t Model::set_qlimit(SpaceId space, Name name, unsigned qlimit) {
  if (qlimit > MACH_PORT_QLIMIT_MAX) return KERN_INVALID_VALUE;
  const Entry& entry = look_up(space, name);
  if (entry.what == What::kFree) return KERN_INVALID_NAME;
  if (!has_receive(space, name)) return KERN_INVALID_RIGHT;
  const unsigned before = std::exchange(port(entry.port).qlimit, qlimit);
  if (qlimit > before) wake_senders(entry.port, qlimit - before);
  run();
  return KERN_SUCCESS;
}

kern_return_t Model::set_mscount(SpaceId space, Name name, mach_port_mscount_t mscount) {
  if (look_up(space, name).what == What::kFree) return KERN_INVALID_NAME;
  if (!has_receive(space, name)) return KERN_INVALID_RIGHT;
  port(at(space, name).port).mscount = mscount;
  return KERN_SUCCESS;
}

kern_return_t Model::set_seqno(SpaceId space, Name name, mach_port_seqno_t seqno) {
  if (look_up(space, name).what == What::kFree) return KERN_INVALID_NAME;
  if (!has_receive(space, name)) return KERN_INVALID_RIGHT;
  port(at(space, name).port).seqno = seqno;
  return KERN_SUCCESS;
}

kern_return_t Model::set_payload(SpaceId space, Name name, std::optional<std::uint64_t> payload) {
  if (look_up(space, name).what == What::kFree) return KERN_INVALID_NAME;
  if (!has_receive(space, name)) return KERN_INVALID_RIGHT;
  port(at(space, name).port).payload = payload;
  return KERN_SUCCESS;
}

kern_return_t Model::move_member(SpaceId space, Name member, Name after) {
  const Entry& entry = look_up(space, member);
  if (entry.what == What::kFree) return KERN_INVALID_NAME;
  if (!has_receive(space, member)) return KERN_INVALID_RIGHT;
  const Entry& wanted = look_up(space, after);
  if (after != MACH_PORT_NULL && wanted.what == What::kFree) return KERN_INVALID_NAME;
  if (after != MACH_PORT_NULL && wanted.what != What::kPortSet) return KERN_INVALID_RIGHT;
  const SetId from = port(entry.port).set;
  if (after == MACH_PORT_NULL && from == kNobody) return KERN_NOT_IN_SET;
  if (after != MACH_PORT_NULL && from == wanted.set) return KERN_SUCCESS;
  if (from != kNobody) leave_set(entry.port);
  if (after != MACH_PORT_NULL) join_set(entry.port, wanted.set);
  run();
  return KERN_SUCCESS;
}

// ---------------------------------------------------------------- §5

kern_return_t Model::insert_right(SpaceId caller, SpaceId space, Name name, Name poly,
                                  Disposition disposition) {
  if (!is_port_type(disposition)) return KERN_INVALID_VALUE;
  const Taken taken = copyin(caller, poly, disposition);
  if (!taken.ok) return look_up(caller, poly).what == What::kFree ? KERN_INVALID_NAME : KERN_INVALID_RIGHT;
  tell_deleted(taken);
  const kern_return_t code = insert(space, name, taken.right);
  if (code != KERN_SUCCESS) destroy_request(taken.right);
  run();
  return code;
}

// The call is a message to the task's port: a right that it carried in vain dies as in a message (01 §12).
void Model::destroy_request(const Right& right) {
  const auto request = std::make_shared<Message>();
  request->items.push_back({.rights = {right}});
  destroy_message(request);
}

// From step 3 on; consumes nothing on failure.
kern_return_t Model::insert(SpaceId space, Name name, const Right& right) {
  if (is_reserved(name)) return KERN_INVALID_VALUE;
  if (right.to != Right::To::kPort || port(right.port).dead) return KERN_INVALID_CAPABILITY;
  const Name existing =
      right.type == MACH_MSG_TYPE_PORT_SEND_ONCE ? MACH_PORT_NULL : name_for(space, right.port);
  if (existing != MACH_PORT_NULL) return insert_known(space, existing, name, right);
  if (look_up(space, name).what != What::kFree) return KERN_NAME_EXISTS;
  Entry entry{.port = right.port};
  switch (right.type) {
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      entry.what = What::kSendOnce;
      break;
    case MACH_MSG_TYPE_PORT_SEND:
      entry.what = What::kSend;
      entry.urefs = 1;
      break;
    default:
      entry.what = What::kReceive;
      port(right.port).holder = space;
  }
  space_of(space).entries[name] = entry;
  return KERN_SUCCESS;
}

// The space has rights for that port already.
kern_return_t Model::insert_known(SpaceId space, Name existing, Name name, const Right& right) {
  if (existing != name) return KERN_RIGHT_EXISTS;
  const Entry& entry = at(space, existing);
  if (right.type == MACH_MSG_TYPE_PORT_SEND && has_send(entry) && entry.urefs == kMostSends) {
    return KERN_UREFS_OVERFLOW;
  }
  copyout(space, right);
  return KERN_SUCCESS;
}

Result<std::pair<Name, Disposition>> Model::extract_right(SpaceId caller, SpaceId space, Name name,
                                                          Disposition disposition) {
  if (!is_port_type(disposition)) return {KERN_INVALID_VALUE};
  if (look_up(space, name).what == What::kFree) return {KERN_INVALID_NAME};
  const Taken taken = copyin(space, name, disposition);
  if (!taken.ok) return {KERN_INVALID_RIGHT};
  tell_deleted(taken);
  const Name extracted = copyout(caller, taken.right);
  run();
  return {KERN_SUCCESS, {extracted, taken.right.type}};
}

Result<Name> Model::request_notification(SpaceId caller, SpaceId space, Name name, mach_msg_id_t id,
                                         mach_port_mscount_t sync, Name notify, Disposition disposition) {
  if (!is_port_type(disposition)) return {MIG_BAD_ARGUMENTS};
  const Taken taken = copyin(caller, notify, disposition);
  if (!taken.ok) return {MACH_SEND_INVALID_RIGHT};
  tell_deleted(taken);
  Result<std::optional<PortId>> previous{MIG_BAD_ARGUMENTS};
  if (taken.right.type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
    previous = register_request(space, name, id, sync, taken.right);
  }
  Result<Name> answer{previous.code};
  if (previous.code != KERN_SUCCESS) destroy_request(taken.right);
  if (previous.code == KERN_SUCCESS && previous.value) {
    answer.value = copyout(
        caller, {.type = MACH_MSG_TYPE_PORT_SEND_ONCE, .to = Right::To::kPort, .port = *previous.value});
  }
  run();
  return answer;
}

// The table. Gives the request that was registered before.
Result<std::optional<PortId>> Model::register_request(SpaceId space, Name name, mach_msg_id_t id,
                                                      mach_port_mscount_t sync, const Right& notify) {
  const bool dead =
      notify.to == Right::To::kDead || (notify.to == Right::To::kPort && port(notify.port).dead);
  if (dead) return {KERN_INVALID_CAPABILITY};
  const Entry& entry = look_up(space, name);
  const bool is_free = entry.what == What::kFree;
  const std::optional<PortId> request =
      notify.to == Right::To::kPort ? std::optional(notify.port) : std::nullopt;
  switch (id) {
    case MACH_NOTIFY_PORT_DESTROYED:
      if (sync != 0) return {KERN_INVALID_VALUE};
      if (is_free) return {KERN_INVALID_NAME};
      if (!has_receive(space, name)) return {KERN_INVALID_RIGHT};
      return {KERN_SUCCESS, std::exchange(port(entry.port).port_destroyed, request)};
    case MACH_NOTIFY_NO_SENDERS:
      if (is_free) return {KERN_INVALID_NAME};
      if (!has_receive(space, name)) return {KERN_INVALID_RIGHT};
      return request_no_senders(entry.port, sync, notify);
    case MACH_NOTIFY_DEAD_NAME:
      if (is_free) return {KERN_INVALID_NAME};
      if (entry.what == What::kPortSet) return {KERN_INVALID_RIGHT};
      return request_dead_name(space, name, sync, notify);
    default:
      return {KERN_INVALID_VALUE};
  }
}

// 06 §7.
Result<std::optional<PortId>> Model::request_no_senders(PortId id, mach_port_mscount_t sync,
                                                        const Right& wanted) {
  Port& of = port(id);
  const std::optional<PortId> previous = std::exchange(of.no_senders, std::nullopt);
  if (wanted.to == Right::To::kNull) return {KERN_SUCCESS, previous};
  if (of.srights == 0 && (sync <= of.mscount || planted(Fault::kNoSendersIgnoresSync))) {
    notify(wanted.port, MACH_NOTIFY_NO_SENDERS, of.mscount);
  } else {
    of.no_senders = wanted.port;
  }
  return {KERN_SUCCESS, previous};
}

// A request that replaces another one takes its place in the order.
Result<std::optional<PortId>> Model::request_dead_name(SpaceId space, Name name, mach_port_mscount_t sync,
                                                       const Right& wanted) {
  Entry& entry = at(space, name);
  if (entry.what == What::kDeadName) {
    if (sync == 0 || wanted.to == Right::To::kNull) return {KERN_INVALID_ARGUMENT};
    if (entry.urefs == kMostDeadNames) return {KERN_UREFS_OVERFLOW};
    ++entry.urefs;
    notify(wanted.port, MACH_NOTIFY_DEAD_NAME, name);
    return {KERN_SUCCESS, std::nullopt};
  }
  const std::optional<Request> before = std::exchange(entry.request, std::nullopt);
  if (wanted.to == Right::To::kPort) {
    entry.request = Request{wanted.port, before ? before->order : next_order_++};
  }
  return {KERN_SUCCESS, before ? std::optional(before->notify) : std::nullopt};
}

}  // namespace netmsg::model
