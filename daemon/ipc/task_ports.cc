// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/task_ports.h"

#include <mach/task_special_ports.h>

#include <algorithm>

#include "daemon/base/check.h"
#include "daemon/ipc/copyout.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

namespace {

ReceiveRight make_kernel_port(Core& core, Charge charge, KernelObject object) {
  ReceiveRight right = Port::create(core, std::move(charge));
  right.port()->settle_kernel(object);
  return right;
}

Name give(Space& space, CarriedRight right) {
  return copyout_right(space, std::move(right)).value_or(kNullName);
}

}  // namespace

CarriedRight copy_of(const CarriedRight& slot) {
  if (slot.is_dead()) return CarriedRight::dead(RightType::kSend);
  if (slot.is_null()) return CarriedRight::null(RightType::kSend);
  return CarriedRight(SendRight::mint(*slot.port()));
}

TaskPorts::TaskPorts(Core& core, Space& space)
    : core_(core),
      self_(make_kernel_port(core, Charge(), {KernelObject::Kind::kTask, &space})),
      special_{CarriedRight(SendRight::mint(*self_.port())), CarriedRight::null(RightType::kSend),
               CarriedRight::null(RightType::kSend)} {
  for (CarriedRight& slot : registered_) slot = CarriedRight::null(RightType::kSend);
}

TaskPorts::~TaskPorts() {
  NETMSG_CHECK(!self_);
}

void TaskPorts::give_up() {
  for (CarriedRight& right : special_) right.reset();
  for (CarriedRight& right : registered_) right.reset();
  threads_.clear();
  self_.reset();
}

CarriedRight* TaskPorts::special(std::int32_t which) {
  switch (which) {
    case TASK_KERNEL_PORT:
      return &special_[0];
    case TASK_EXCEPTION_PORT:
      return &special_[1];
    case TASK_BOOTSTRAP_PORT:
      return &special_[2];
    default:
      return nullptr;
  }
}

Port* TaskPorts::thread(OpToken label, Account& account) {
  const auto found = threads_.find(label);
  if (found != threads_.end()) return found->second.port();
  Charge charge = Charge::port(account);
  if (!charge) return nullptr;
  ReceiveRight made = make_kernel_port(core_, std::move(charge), {KernelObject::Kind::kThread, nullptr});
  return threads_.emplace(label, std::move(made)).first->second.port();
}

namespace task {

bool is_own_port(Space& space, Name name) {
  const Entry* entry = space.find(name);
  return entry != nullptr && entry->send.port() == &space.task().self();
}

Name self(Space& space) {
  const Event event(space.core());
  return give(space, copy_of(*space.task().special(TASK_KERNEL_PORT)));
}

Name thread_self(Space& space, OpToken label) {
  const Event event(space.core());
  Port* port = space.task().thread(label, space.account());
  return port != nullptr ? give(space, CarriedRight(SendRight::mint(*port))) : kNullName;
}

Name host_self(Space& space) {
  const Event event(space.core());
  return give(space, CarriedRight(SendRight::mint(*space.core().host_port.port())));
}

Kern<CarriedRight> get_special_port(Space& space, std::int32_t which) {
  const Event event(space.core());
  const CarriedRight* slot = space.task().special(which);
  if (slot == nullptr) return Fail{KERN_INVALID_ARGUMENT};
  return copy_of(*slot);
}

kern_return_t set_special_port(Space& space, std::int32_t which, CarriedRight right) {
  const Event event(space.core());
  CarriedRight* slot = space.task().special(which);
  if (slot == nullptr) return KERN_INVALID_ARGUMENT;
  std::swap(*slot, right);
  return KERN_SUCCESS;
}

kern_return_t register_ports(Space& space, std::vector<CarriedRight> rights) {
  const Event event(space.core());
  if (rights.size() > TaskPorts::kRegistered) return KERN_INVALID_ARGUMENT;
  while (rights.size() < TaskPorts::kRegistered) rights.push_back(CarriedRight::null(RightType::kSend));
  std::swap_ranges(rights.begin(), rights.end(), space.task().registered().begin());
  return KERN_SUCCESS;
}

Kern<std::vector<CarriedRight>> lookup_ports(Space& space) {
  const Event event(space.core());
  std::vector<CarriedRight> rights;
  for (const CarriedRight& slot : space.task().registered()) rights.push_back(copy_of(slot));
  return rights;
}

}  // namespace task
}  // namespace netmsg::ipc
