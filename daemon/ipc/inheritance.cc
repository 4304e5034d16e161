// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/inheritance.h"

#include <mach/task_special_ports.h>

#include <algorithm>
#include <utility>

#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

namespace {

// Where an heir finds a port that has no name yet: small numbers, above those that every space begins with.
constexpr Name kFirstName = 16;

Name planned_name(std::size_t at) {
  return kFirstName + static_cast<Name>(at);
}

// Under that name if the port has none and the name is free.
Name give_name(Space& heir, CarriedRight right, Name wanted) {
  const bool as_planned = right.port() != nullptr && !right.is_dead() &&
                          heir.name_of(*right.port()) == kNullName && heir.find(wanted) == nullptr &&
                          !heir.full();
  if (!as_planned) return copyout_right(heir, std::move(right)).value_or(kNullName);
  heir.add_send(wanted, right.take_send());
  return wanted;
}

}  // namespace

Inheritance::Inheritance(Space& ancestor)
    : core_(ancestor.core()),
      bootstrap_(std::move(task::get_special_port(ancestor, TASK_BOOTSTRAP_PORT).value())),
      registered_(std::move(task::lookup_ports(ancestor).value())) {
  core_.inheritances.push_back(*this);
}

Inheritance::~Inheritance() {
  const Event event(core_);
  bootstrap_.reset();
  registered_.clear();
}

bool Inheritance::is_only(const Port* name_server) const {
  const bool others_null = std::all_of(registered_.begin() + 1, registered_.end(),
                                       [](const CarriedRight& right) { return right.is_null(); });
  return others_null && bootstrap_.is_null() && !registered_[0].is_dead() &&
         registered_[0].port() == name_server;
}

Inheritance::Names Inheritance::names(const Port* name_server, Name name_server_name) const {
  Names names{};
  for (std::size_t at = 0; at < kNamed; ++at) {
    const CarriedRight& right = named(at);
    std::size_t first = 0;  // slot with the same port
    while (named(first).port() != right.port()) ++first;
    if (right.is_null()) {
      names[at] = kNullName;
    } else if (right.is_dead()) {
      names[at] = kDeadName;
    } else {
      names[at] = right.port() == name_server ? name_server_name : planned_name(first);
    }
  }
  return names;
}

Inheritance::Names Inheritance::give(Space& heir) const {
  const Event event(core_);
  Names names{};
  for (std::size_t at = 0; at < kNamed; ++at) {
    names[at] = give_name(heir, copy_of(named(at)), planned_name(at));
  }
  std::vector<CarriedRight> registered;
  for (const CarriedRight& right : registered_) registered.push_back(copy_of(right));
  task::register_ports(heir, std::move(registered));
  task::set_special_port(heir, TASK_BOOTSTRAP_PORT, copy_of(bootstrap_));
  return names;
}

}  // namespace netmsg::ipc
