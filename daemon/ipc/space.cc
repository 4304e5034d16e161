// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/space.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"

namespace netmsg::ipc {

Space::Space(Core& core, std::uint64_t id, std::string label, Account& account, Completions& completions)
    : core_(core),
      id_(id),
      label_(std::move(label)),
      account_(account),
      completions_(completions),
      task_(core, *this),
      names_(core.limits().names_per_space, kTaskSelfName + 1),
      operations_(core.spare_nodes) {
  add_send(kTaskSelfName, SendRight::mint(task_.self()));
}

Space::~Space() {
  NETMSG_CHECK(operations().empty());
  NETMSG_CHECK(names_.size() == 0);
}

void Space::notice_death(Entry& entry) {
  if (entry.send && entry.send.port()->dead()) {
    unindex_send(entry);
    entry.death = entry.send.port()->death;
    entry.send.reset();
  } else if (entry.once && entry.once.port()->dead()) {
    entry.death = entry.once.port()->death;
    entry.once.reset();
  }
}

Entry* Space::find(Name name) {
  Entry* entry = names_.find(name);
  if (entry != nullptr) notice_death(*entry);
  return entry;
}

EntryState Space::state_of(Name name) {
  const Entry* entry = find(name);
  return entry != nullptr ? entry->state() : EntryState::kFree;
}

Entry* Space::find_receive(Name name) {
  Entry* entry = find(name);
  return entry != nullptr && entry->receive ? entry : nullptr;
}

Name Space::name_of(const Port& port) const {
  if (port.receiver() == this) return port.receiver_name();
  return send_names_.find(&port);
}

void Space::index_send(const Entry& entry, Name name) {
  send_names_.set(entry.send.port(), name);
}

void Space::unindex_send(const Entry& entry) {
  send_names_.erase(entry.send.port());
}

void Space::add_receive(Name name, ReceiveRight right) {
  Entry& entry = names_.insert(name);
  entry.receive = std::move(right);
  entry.receive.port()->settle_in_space(*this, name);
}

void Space::add_send(Name name, SendRight right) {
  Entry& entry = names_.insert(name);
  entry.send = std::move(right);
  entry.urefs = 1;
  index_send(entry, name);
}

void Space::add_send_once(Name name, SendOnceRight right) {
  Entry& entry = names_.insert(name);
  entry.once = std::move(right);
  entry.urefs = 1;
}

void Space::add_port_set(Name name) {
  names_.insert(name).set = std::make_unique<PortSet>(name);
}

void Space::add_dead_name(Name name) {
  names_.insert(name).urefs = 1;
}

void Space::merge_receive(Name name, ReceiveRight right) {
  Entry& entry = *names_.find(name);
  unindex_send(entry);
  entry.receive = std::move(right);
  entry.receive.port()->settle_in_space(*this, name);
}

void Space::merge_send(Name name, SendRight right) {
  Entry& entry = *names_.find(name);
  if (entry.send) {
    if (entry.urefs < kSendUrefsMax) ++entry.urefs;
    right.reset();
  } else {
    entry.send = std::move(right);
    entry.urefs = 1;
  }
}

SendRight Space::split_send(Entry& entry) {
  NETMSG_CHECK(entry.receive && entry.send);
  entry.urefs = 0;
  return std::move(entry.send);
}

ReceiveRight Space::split_receive(Name name, Entry& entry) {
  NETMSG_CHECK(entry.receive && entry.send);
  entry.receive.port()->leave_space();
  ReceiveRight right = std::move(entry.receive);
  index_send(entry, name);
  return right;
}

Entry Space::remove(Name name) {
  Entry entry = names_.remove(name);
  if (entry.receive) {
    entry.receive.port()->leave_space();
  } else if (entry.send) {
    unindex_send(entry);
  }
  if (entry.request) entry.request->unlink();
  entry.give_up_accepted();
  return entry;
}

void Space::settle_name(Entry& entry, Name name) {
  const auto tell = [name](Operation& waiting) { waiting.args.rcv_name = name; };
  if (entry.request) entry.request->name = name;
  if (entry.accepted != nullptr) entry.accepted->rename(name);
  if (entry.receive) {
    entry.receive.port()->settle_in_space(*this, name);
    entry.receive.port()->receivers.for_each(tell);
  } else if (entry.send) {
    index_send(entry, name);
  } else if (entry.set) {
    entry.set->name = name;
    entry.set->receivers.for_each(tell);
  }
}

void Space::rename(Name old_name, Name new_name) {
  find(old_name);  // a dead name is renamed as one
  Entry moved = names_.remove(old_name);
  Entry& entry = names_.insert(new_name);
  entry = std::move(moved);
  settle_name(entry, new_name);
}

void Space::port_died_under(Name name) {
  Entry* entry = find(name);
  NETMSG_CHECK(entry != nullptr && entry->state() == EntryState::kDead);
  entry->request.reset();
  ++entry->urefs;
}

Operation& Space::add_operation(OperationPtr operation) {
  Operation& added = *operation;
  const bool is_new = operations_.add(std::move(operation));
  NETMSG_CHECK(is_new);
  return added;
}

OperationPtr Space::take_operation(Operation& operation) {
  core_.withdraw(operation);
  return operations_.take(operation);
}

Watch& Space::keep_watch(std::unique_ptr<Watch> watch) {
  const WatchId id = watch->id();
  return *watches_.emplace(id, std::move(watch)).first->second;
}

Watch* Space::find_watch(WatchId id) const {
  const auto found = watches_.find(id);
  return found != watches_.end() ? found->second.get() : nullptr;
}

// First none of them waits for anything any more, then they go: what a discarded message causes must not be
// handed to another call that is on its way out.
void Space::discard_operations() {
  for (const auto& [token, operation] : operations()) core_.withdraw(*operation);
  while (!operations().empty()) {
    const OperationPtr gone = take_operation(*operations().begin()->second);
    if (!gone->message) continue;
    if (gone->phase == Operation::Phase::kReceiving) {
      pick_up(*gone->message);
    } else if (gone->wake == Wake::kRoom) {
      pass_on_room(*gone->message->destination.port());
    }
  }
}

}  // namespace netmsg::ipc
