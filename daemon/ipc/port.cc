// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/port.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/port_set.h"
#include "daemon/ipc/queue.h"
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

Belongings Port::depart() {
  leave_transit();
  NETMSG_CHECK(home_ == Home::kLimbo);
  NETMSG_CHECK(!closed && held == 0);
  home_ = Home::kRemote;
  charge_ = Charge();
  msgcount = 0;
  return {std::exchange(qlimit, 0), std::move(no_senders_request), std::move(port_destroyed_request),
          std::move(queue)};
}

void Port::arrive(Belongings belongings, Charge charge) {
  NETMSG_CHECK(home_ == Home::kRemote);
  home_ = Home::kLimbo;
  charge_ = std::move(charge);
  qlimit = belongings.qlimit;
  no_senders_request = std::move(belongings.no_senders_request);
  port_destroyed_request = std::move(belongings.port_destroyed_request);
  msgcount = 0;
  while (MessagePtr message = belongings.queue.pop()) {
    ++msgcount;
    queue.push(std::move(message));
  }
  wake_sender(*this);
}

const Port& Port::end_of_transit() const {
  const Port* at = this;
  while (const Port* next = at->transit_to()) at = next;
  return *at;
}

}  // namespace netmsg::ipc
