// SPDX-License-Identifier: Apache-2.0
#include "proxy/promises.h"

#include <utility>

#include "daemon/base/check.h"

namespace netmsg::proxy {

namespace {

// The message had been sent to another port.
void readdress(ipc::Engine& engine, ipc::Message& message, ipc::CarriedRight destination) {
  message.destination.consume();
  message.destination = std::move(destination);
  for (ipc::BodyRight& item : message.body) {
    if (item.right.holds_receive()) item.right.port()->leave_transit();
  }
  engine.send_on_its_way(message);
}

}  // namespace

void Promise::fulfil(ipc::Engine& engine, ipc::CarriedRight right) {
  const bool dead = right.is_dead();
  if (due != nullptr && dead) {
    due->destination.consume();
    due.reset();  // with its rights, as one to a dead port
  } else if (due != nullptr) {
    readdress(engine, *due, std::move(right));
    engine.deliver(std::move(due));
  } else if (ipc::SendOnceRight& request = (*port).*slot; request && !dead) {
    request.consume();
    request = right.take_send_once();
  }
}

Promises::~Promises() {
  NETMSG_CHECK(promises_.empty());
}

const ipc::Port& Promises::make(ipc::Engine& engine, ipc::Port& port, Promise::Slot slot) {
  ipc::ReceiveRight right = engine.make_remote_port(0);
  ipc::Port& stand_in = *right.port();
  port.*slot = ipc::SendOnceRight::mint(stand_in);
  promises_.emplace(&stand_in, Promise{ipc::PortRef(&port), slot, std::move(right)});
  return stand_in;
}

Promise Promises::take(const ipc::Port& stand_in) {
  return std::move(promises_.extract(&stand_in).mapped());
}

bool Promises::hold(ipc::MessagePtr& message) {
  const auto found = promises_.find(message->destination.port());
  if (found == promises_.end()) return false;
  found->second.due = std::move(message);
  return true;
}

std::vector<Promise*> Promises::in(const ipc::Message& message) {
  std::vector<Promise*> found;
  if (promises_.empty()) return found;
  for (const ipc::BodyRight& item : message.body) {
    if (!item.right.holds_receive() || item.right.is_dead()) continue;
    const ipc::Port& port = *item.right.port();
    for (const ipc::SendOnceRight* request : {&port.no_senders_request, &port.port_destroyed_request}) {
      if (Promise* promise = find(*request)) found.push_back(promise);
    }
  }
  return found;
}

Promise* Promises::find(const ipc::SendOnceRight& request) {
  const auto found = promises_.find(request.port());
  return found == promises_.end() ? nullptr : &found->second;
}

void Promises::drop_all() {
  for (auto& [stand_in, promise] : std::exchange(promises_, {})) {
    if (promise.due) promise.due->destination.consume();
  }
}

void Promises::for_each_right(const ipc::RemoteLink::RightVisitor& visitor) const {
  for (const auto& [stand_in, promise] : promises_) {
    visitor.receive(*stand_in);
    if (!promise.due) continue;
    visitor.send_once(*stand_in);
    for (const ipc::BodyRight& item : promise.due->body) {
      if (item.right.holds_receive()) visitor.receive(*item.right.port());
    }
  }
}

}  // namespace netmsg::proxy
