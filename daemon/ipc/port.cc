// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/port.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/port_set.h"
#include "daemon/ipc/space.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

Port::Port(Core& core, Charge charge) : core_(core), charge_(std::move(charge)) {
  core.ports.push_back(*this);
}

Port::~Port() {
  NETMSG_CHECK(dead());
  NETMSG_CHECK(!referenced());
}

ReceiveRight Port::create(Core& core, Charge charge) {
  return ReceiveRight(*new Port(core, std::move(charge)));
}

void Port::settle_in_space(Space& space, Name name) {
  NETMSG_CHECK(home_ == Home::kLimbo || receiver() == &space);
  home_ = Home::kSpace;
  receiver_ = &space;
  receiver_name_ = name;
}

void Port::settle_in_transit(Port& destination) {
  NETMSG_CHECK(home_ == Home::kLimbo);
  home_ = Home::kTransit;
  transit_to_ = PortRef(&destination);
}

void Port::settle_remote() {
  NETMSG_CHECK(home_ == Home::kLimbo);
  home_ = Home::kRemote;
}

void Port::settle_kernel(KernelObject object) {
  NETMSG_CHECK(home_ == Home::kLimbo);
  home_ = Home::kKernel;
  object_ = object;
}

void Port::leave_space() {
  NETMSG_CHECK(home_ == Home::kSpace);
  if (set != nullptr) set->remove(*this);
  if (watch != nullptr) watch->over();
  core_.wake_all(receivers, Wake::kPortDied);
  home_ = Home::kLimbo;
  receiver_ = nullptr;
  receiver_name_ = kNullName;
  mscount = 0;
  seqno = 0;
  payload.reset();
}

void Port::leave_transit() {
  if (home_ != Home::kTransit) return;  // a circular message: never settled
  home_ = Home::kLimbo;
  transit_to_ = PortRef();
}

const Port& Port::end_of_transit() const {
  const Port* at = this;
  while (const Port* next = at->transit_to()) at = next;
  return *at;
}

}  // namespace netmsg::ipc
