// SPDX-License-Identifier: Apache-2.0
// Names and what becomes of them (spec 01 §§2-4, §11).
#include <mach/notify.h>

#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

namespace {

// Each space has numbers of its own, so that a name as data tells whose it is.
constexpr Name kNamesPerSpace = 0x0010'0000;

const Entry kFreeEntry;

}  // namespace

Model::Model(int spaces, Fault planted) : planted_(planted), spaces_(static_cast<std::size_t>(spaces)) {
  Name first = kNamesPerSpace;
  for (Space& space : spaces_) {
    space.next_name = first;
    space.next_address = Address{first} << 12;
    first += kNamesPerSpace;
  }
}

const Entry& Model::look_up(SpaceId space, Name name) const {
  const auto& entries = spaces_[index(space)].entries;
  const auto found = entries.find(name);
  return found == entries.end() ? kFreeEntry : found->second;
}

bool Model::has_receive(SpaceId space, Name name) const {
  const What what = look_up(space, name).what;
  return what == What::kReceive || what == What::kReceiveSend;
}

bool Model::has_send(const Entry& entry) const {
  return entry.what == What::kSend || entry.what == What::kReceiveSend;
}

// 01 §2: the one name of a port's send and receive rights; 0 if there is none.
Name Model::name_for(SpaceId space, PortId id) const {
  for (const auto& [name, entry] : spaces_[index(space)].entries) {
    if (entry.port == id && entry.what != What::kSendOnce) return name;
  }
  return MACH_PORT_NULL;
}

Name Model::new_name(SpaceId space, Entry entry) {
  const Name name = space_of(space).next_name++;
  space_of(space).entries[name] = std::move(entry);
  return name;
}

// 05 §2: RECEIVE, PORT_SET or DEAD_NAME.
Entry Model::new_object(SpaceId space, mach_port_right_t right) {
  if (right == MACH_PORT_RIGHT_DEAD_NAME) return {.what = What::kDeadName, .urefs = 1};
  if (right == MACH_PORT_RIGHT_PORT_SET) {
    sets_.emplace_back().space = space;
    return {.what = What::kPortSet, .set = static_cast<SetId>(sets_.size()) - 1};
  }
  ports_.emplace_back().holder = space;
  return {.what = What::kReceive, .port = static_cast<PortId>(ports_.size()) - 1};
}

// The caller owes what follows from it: port_deleted at the right moment.
Entry Model::free_name(SpaceId space, Name name) {
  Entry freed = at(space, name);
  forget_forced(freed);
  space_of(space).entries.erase(name);
  return freed;
}

// 06 §5: msg-accepted will carry no name.
void Model::forget_forced(Entry& entry) {
  if (entry.forced) entry.forced->accepted->name = MACH_PORT_NULL;
  entry.forced.reset();
}

// 06 §4.
void Model::port_deleted(const Entry& freed, Name name) {
  if (freed.request) notify(freed.request->notify, MACH_NOTIFY_PORT_DELETED, name);
}

// ---------------------------------------------------------------- 01 §11

// Of a send right or a dead name.
void Model::drop_urefs(SpaceId space, Name name, unsigned count) {
  Entry& entry = at(space, name);
  entry.urefs -= count;
  if (entry.urefs > 0) return;
  if (entry.what == What::kDeadName) {
    free_name(space, name);
  } else {
    drop_last_send(space, name);
  }
}

void Model::drop_last_send(SpaceId space, Name name) {
  Entry& entry = at(space, name);
  const PortId id = entry.port;
  if (entry.what == What::kReceiveSend) {
    entry.what = What::kReceive;
    return send_right_gone(id);
  }
  const Entry freed = free_name(space, name);
  send_right_gone(id);
  port_deleted(freed, name);
}

void Model::drop_send_once(SpaceId space, Name name) {
  const Entry freed = free_name(space, name);
  release({.type = MACH_MSG_TYPE_PORT_SEND_ONCE, .to = Right::To::kPort, .port = freed.port});
  port_deleted(freed, name);
}

// mod_refs(RECEIVE, -1). What stays of R+S is a send right, which dies with the port if the port dies.
void Model::drop_receive(SpaceId space, Name name) {
  Entry& entry = at(space, name);
  const PortId id = entry.port;
  if (entry.what == What::kReceiveSend) {
    forget_forced(entry);
    entry.what = What::kSend;
    detach_receiver(id);
    return destroy_receive_right(id);
  }
  const Entry freed = free_name(space, name);
  detach_receiver(id);
  destroy_receive_right(id);
  port_deleted(freed, name);
}

// mach_port_destroy, and what the death of a space does to each entry.
void Model::destroy_entry(SpaceId space, Name name) {
  const Entry freed = free_name(space, name);
  const PortId id = freed.port;
  std::optional<PortId> no_senders;
  mach_port_mscount_t mscount = 0;
  switch (freed.what) {
    case What::kFree:
    case What::kDeadName:
      return;
    case What::kPortSet:
      return destroy_set(freed.set);
    case What::kSend:
      send_right_gone(id);
      break;
    case What::kSendOnce:
      release({.type = MACH_MSG_TYPE_PORT_SEND_ONCE, .to = Right::To::kPort, .port = id});
      break;
    case What::kReceiveSend:
      --port(id).srights;
      mscount = port(id).mscount;
      if (port(id).srights == 0) no_senders = std::exchange(port(id).no_senders, std::nullopt);
      [[fallthrough]];
    case What::kReceive:
      detach_receiver(id);
      destroy_receive_right(id);
      break;
  }
  if (no_senders) notify(*no_senders, MACH_NOTIFY_NO_SENDERS, mscount);
  port_deleted(freed, name);
}

// 01 §14.
void Model::end_space(SpaceId space) {
  Space& ending = space_of(space);
  ending.dead = true;
  discard_calls(space);
  while (!ending.entries.empty()) destroy_entry(space, ending.entries.begin()->first);
  run();
}

}  // namespace netmsg::model
