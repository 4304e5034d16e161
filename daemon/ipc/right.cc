// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/right.h"

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/notify.h"
#include "daemon/ipc/port.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc {

PortRef::PortRef(Port* port) : port_(port) {
  if (port_ != nullptr) ++port_->memory_refs_;
}

PortRef::~PortRef() {
  if (port_ != nullptr && --port_->memory_refs_ == 0) delete port_;
}

SendRight SendRight::mint(Port& port) {
  ++port.srights_;
  return SendRight(port);
}

SendRight& SendRight::operator=(SendRight&& other) noexcept {
  reset();
  port_ = std::move(other.port_);
  return *this;
}

bool SendRight::release_quietly() {
  const PortRef port = std::move(port_);
  NETMSG_CHECK(port->srights_ > 0);
  --port->srights_;
  if (port->remote() && port->srights_ == 0) port->core().link().unreferenced(*port);
  return port->srights_ == 0 && !port->dead();
}

void SendRight::reset() {
  if (!port_) return;
  const PortRef port = port_;
  if (release_quietly() && port->no_senders_request) {
    notify::no_senders(std::move(port->no_senders_request), port->mscount);
  }
}

SendOnceRight SendOnceRight::mint(Port& port) {
  ++port.sorights_;
  return SendOnceRight(port);
}

SendOnceRight& SendOnceRight::operator=(SendOnceRight&& other) noexcept {
  reset();
  port_ = std::move(other.port_);
  return *this;
}

void SendOnceRight::consume() {
  const PortRef port = std::move(port_);
  NETMSG_CHECK(port->sorights_ > 0);
  --port->sorights_;
  if (port->remote() && !port->referenced()) port->core().link().unreferenced(*port);
}

void SendOnceRight::reset() {
  if (!port_) return;
  if (port_->dead()) {
    consume();
  } else {
    notify::send_once(std::move(*this));
  }
}

ReceiveRight& ReceiveRight::operator=(ReceiveRight&& other) noexcept {
  reset();
  port_ = std::move(other.port_);
  return *this;
}

void ReceiveRight::reset() {
  const PortRef port = std::move(port_);
  if (port) port->die();
}

Port* CarriedRight::port() const {
  if (const auto* send = std::get_if<SendRight>(&right_)) return send->port();
  if (const auto* once = std::get_if<SendOnceRight>(&right_)) return once->port();
  if (const auto* receive = std::get_if<ReceiveRight>(&right_)) return receive->port();
  return nullptr;
}

bool CarriedRight::is_dead() const {
  const Port* carried = port();
  return std::holds_alternative<Dead>(right_) || (carried != nullptr && carried->dead());
}

void CarriedRight::consume() {
  if (auto* once = std::get_if<SendOnceRight>(&right_)) once->consume();
  right_ = Null{};
}

}  // namespace netmsg::ipc
