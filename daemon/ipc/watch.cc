// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/watch.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/port_set.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

Watch::Watch(Space& space, WatchId id, Port& port) : space_(space), id_(id), port_(&port), set_(nullptr) {
  port.watch = this;
}

Watch::Watch(Space& space, WatchId id, PortSet& set) : space_(space), id_(id), port_(nullptr), set_(&set) {
  set.watch = this;
}

Watch::~Watch() {
  (port_ != nullptr ? port_->watch : set_->watch) = nullptr;
}

bool Watch::has_answer() const {
  if (set_ != nullptr) return !set_->arrivals.empty();
  return port_->set != nullptr || port_->queue.front() != nullptr;
}

void Watch::touch() {
  if (!linked()) space_.core().touched.push_back(*this);
}

void Watch::settle() {
  const bool before = std::exchange(ready_, has_answer());
  if (ready_ && !before) space_.core().tell_ready(space_, id_, ++signal_);
}

void Watch::over() {
  space_.core().tell_over(space_, id_);
  space_.remove_watch(id_);
}

Idle Watch::idle() {
  if (has_answer()) return {};
  ready_ = false;  // what comes from here on is another signal
  return {id_, signal_};
}

Watch* listener_of(const Port& port) {
  return port.set != nullptr ? port.set->watch : port.watch;
}

namespace {

Kern<Watch*> watch_on(Space& space, Name name) {
  const Entry* entry = space.find(name);
  if (entry == nullptr) return Fail{KERN_INVALID_NAME};
  if (entry->set) return entry->set->watch != nullptr ? entry->set->watch : &space.add_watch(*entry->set);
  if (!entry->receive) return Fail{KERN_INVALID_RIGHT};
  Port& port = *entry->receive.port();
  return port.watch != nullptr ? port.watch : &space.add_watch(port);
}

}  // namespace

Kern<Watched> begin_watch(Space& space, Name name) {
  const Kern<Watch*> found = watch_on(space, name);
  if (!found.ok()) return Fail{found.code()};
  Watch& watch = *found.value();
  ++watch.watchers;
  watch.settle();
  return Watched{watch.id(), watch.ready() ? std::optional(watch.signal()) : std::nullopt};
}

void end_watch(Space& space, WatchId id) {
  Watch* watch = space.find_watch(id);
  if (watch != nullptr && --watch->watchers == 0) space.remove_watch(id);
}

Idle idle_at(Space& space, Name name) {
  const Entry* entry = space.find(name);
  if (entry == nullptr) return {};
  Watch* watch = entry->set ? entry->set->watch : nullptr;
  if (entry->receive) watch = entry->receive.port()->watch;
  return watch != nullptr ? watch->idle() : Idle{};
}

}  // namespace netmsg::ipc
