// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/engine.h"

#include "daemon/base/check.h"
#include "daemon/ipc/audit.h"
#include "daemon/ipc/copyin.h"
#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/mach_msg.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/space.h"
#include "daemon/ipc/teardown.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

Engine::Engine(const base::Clock& clock, Limits limits) : core_(std::make_unique<Core>(clock, limits)) {
  core_->host_port = Port::create(*core_, Charge());
  core_->host_port.port()->settle_kernel({KernelObject::Kind::kHost, nullptr});
}

Engine::~Engine() {
  while (!core_->spaces.empty()) destroy_space(*core_->spaces.begin()->second);
  const Event event(*core_);
  core_->host_port.reset();
}

void Engine::set_link(RemoteLink* link) {
  core_->set_link(link);
}

Space& Engine::create_space(std::string label, Account& account, Completions& completions) {
  const Event event(*core_);
  const std::uint64_t id = core_->next_space_id++;
  auto space = std::make_unique<Space>(*core_, id, std::move(label), account, completions);
  return *core_->spaces.emplace(id, std::move(space)).first->second;
}

void Engine::end_thread(Space& space, OpToken thread) {
  const Event event(*core_);
  space.task().end_thread(thread);
}

void Engine::register_port(Space& space, unsigned slot, SendRight right) {
  const Event event(*core_);
  space.task().registered().at(slot) = CarriedRight(std::move(right));
}

void Engine::destroy_space(Space& space) {
  std::unique_ptr<Space> dying;  // outlives the event: what dies with the space may still name it
  const Event event(*core_);
  const auto found = core_->spaces.find(space.id());
  NETMSG_CHECK(found != core_->spaces.end() && found->second.get() == &space);
  dying = std::move(found->second);
  core_->spaces.erase(found);
  core_->drop_completions(space);
  empty_space(space);
}

void Engine::mach_msg(Space& space, OpToken token, MsgArgs args) {
  const Event event(*core_);
  start_mach_msg(space, token, std::move(args));
}

void Engine::cancel(Space& space, OpToken token) {
  const Event event(*core_);
  Operation* operation = space.find_operation(token);
  if (operation != nullptr && operation->waiting()) core_->wake(*operation, Wake::kInterrupted);
}

Kern<Watched> Engine::watch(Space& space, Name name) {
  const Event event(*core_);
  return begin_watch(space, name);
}

void Engine::unwatch(Space& space, WatchId id) {
  const Event event(*core_);
  end_watch(space, id);
}

void Engine::advance() {
  const base::Instant now = core_->clock().now();
  if (core_->deadlines.due(now) == nullptr) return;
  const Event event(*core_);
  while (Operation* operation = core_->deadlines.due(now)) core_->wake(*operation, Wake::kTimedOut);
}

std::optional<base::Instant> Engine::next_deadline() const {
  return core_->deadlines.earliest();
}

Kern<SendRight> Engine::copy_send(Space& space, Name name) {
  const Event event(*core_);
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (entry->send) return entry->send.duplicate();
  if (!entry->receive) return Fail{KERN_INVALID_RIGHT};
  return SendRight::mint(*entry->receive.port());
}

Kern<Name> Engine::insert_send(Space& space, SendRight right) {
  const Event event(*core_);
  if (right.port()->dead()) return Fail{KERN_INVALID_RIGHT};
  const std::optional<Name> name = copyout_right(space, CarriedRight(std::move(right)));
  if (!name) return Fail{KERN_NO_SPACE};
  return *name;
}

ReceiveRight Engine::make_remote_port(std::uint32_t room) {
  const Event event(*core_);
  ReceiveRight right = Port::create(*core_, Charge());
  right.port()->settle_remote();
  right.port()->qlimit = room;
  return right;
}

void Engine::set_window(Port& proxy, std::uint32_t room, std::uint32_t outstanding) {
  const Event event(*core_);
  NETMSG_CHECK(proxy.remote());
  proxy.qlimit = room;
  proxy.msgcount = outstanding;
  wake_sender(proxy);
}

void Engine::deliver(MessagePtr message) {
  const Event event(*core_);
  post_from_link(std::move(message));
}

void Engine::count_held(const Message& message) {
  const Event event(*core_);
  count_as_held(*message.destination.port());
}

void Engine::deliver_held(MessagePtr message) {
  const Event event(*core_);
  post_held(std::move(message));
}

void Engine::send_on_its_way(Message& message) {
  const Port& end = message.destination.port()->end_of_transit();
  for (const BodyRight& item : message.body) {
    if (item.right.holds_receive()) ipc::send_on_its_way(message, end, *item.right.port());
  }
}

MessagePtr Engine::new_message(Account& account, Bytes bytes) {
  Charge charge = Charge::owed(&account, Message::cost(bytes.size()));
  return Message::create(core_->reaper, std::move(bytes), std::move(charge));
}

const Counters& Engine::counters() const {
  return core_->counters;
}

std::vector<SpaceRow> Engine::spaces() const {
  std::vector<SpaceRow> rows;
  for (const auto& [id, space] : core_->spaces) {
    const auto blocked = static_cast<std::uint32_t>(space->operations().size());
    rows.push_back({id, space->label(), space->size(), blocked});
  }
  return rows;
}

std::vector<PortRow> Engine::ports(const Space& space) const {
  Space& looked_at = *find_space(space.id());
  std::vector<PortRow> rows;
  looked_at.for_each([&](Name name, Entry& entry) {
    const Port* port = entry.port();
    PortRow row{};
    row.name = name;
    row.type = entry.type();
    row.urefs = entry.urefs;
    row.remote = port != nullptr && port->remote();
    row.death = entry.death;
    if (entry.receive) {
      row.queued = port->msgcount;
      row.qlimit = port->qlimit;
    }
    rows.push_back(row);
  });
  return rows;
}

Space* Engine::find_space(std::uint64_t id) const {
  const auto found = core_->spaces.find(id);
  return found != core_->spaces.end() ? found->second.get() : nullptr;
}

std::vector<std::string> Engine::audit() const {
  return audit_rights(*core_);
}

void Engine::check_invariants() const {
  check_structure(*core_);
  const std::vector<std::string> imbalances = audit_rights(*core_);
  if (!imbalances.empty()) base::check_failed(__FILE__, __LINE__, imbalances.front().c_str());
}

std::uint64_t Engine::digest() const {
  return digest_of(*core_);
}

}  // namespace netmsg::ipc
