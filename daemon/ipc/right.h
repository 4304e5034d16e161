// SPDX-License-Identifier: Apache-2.0
// Rights as move-only values. Each one owns exactly one unit of its port: it was counted when it was made and
// is given up when the value dies, with the Mach consequences of that (spec 01 §11, "naked" rows). So a right
// cannot be lost or doubled without the compiler noticing.
//
//   right          counted in   made by                given up by its destructor
//   SendRight      srights      mint(), duplicate()    no-senders if it was the last one and that was asked for
//   SendOnceRight  sorights     mint()                 a send-once notification, unless the port is dead
//   ReceiveRight   one a port   Port::create()         the port dies (01 §10 from step 2 on)
//
// Consequences run at once, inside the event (Event, core.h) of whoever drops the right; messages that have
// to be destroyed in turn go through the reaper's work list, so nothing recurses. Owner thread only.
#pragma once

#include <utility>

#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Port;

// Keeps the memory of a port, not the port: says nothing about rights.
class PortRef {
 public:
  PortRef() = default;
  explicit PortRef(Port* port);
  PortRef(const PortRef& other) : PortRef(other.port_) {}
  PortRef(PortRef&& other) noexcept : port_(std::exchange(other.port_, nullptr)) {}
  PortRef& operator=(PortRef other) noexcept {
    std::swap(port_, other.port_);
    return *this;
  }
  ~PortRef();

  Port* get() const { return port_; }
  Port* operator->() const { return port_; }
  Port& operator*() const { return *port_; }
  explicit operator bool() const { return port_ != nullptr; }

 private:
  Port* port_ = nullptr;
};

class SendRight {
 public:
  SendRight() = default;
  SendRight(SendRight&&) noexcept = default;
  SendRight& operator=(SendRight&& other) noexcept;
  ~SendRight() { reset(); }

  // A new naked send right; does not touch the make-send count (that belongs to MAKE_SEND alone, 01 §6).
  static SendRight mint(Port& port);
  SendRight duplicate() const { return mint(*port_); }

  // Gives the right up without looking at no-senders: srights-1. True if it was the last one of a live port.
  // For mach_port_destroy, which sends the notification later with the count of now (01 §11).
  bool release_quietly();
  void reset();

  Port* port() const { return port_.get(); }
  explicit operator bool() const { return static_cast<bool>(port_); }

 private:
  explicit SendRight(Port& port) : port_(&port) {}
  PortRef port_;
};

class SendOnceRight {
 public:
  SendOnceRight() = default;
  SendOnceRight(SendOnceRight&&) noexcept = default;
  SendOnceRight& operator=(SendOnceRight&& other) noexcept;
  ~SendOnceRight() { reset(); }

  static SendOnceRight mint(Port& port);

  // The right has been used: a message sent to it was received, or one of the silent cases of 01 §12 applies.
  void consume();
  // Gives the right up unused: its port gets a send-once notification.
  void reset();

  Port* port() const { return port_.get(); }
  explicit operator bool() const { return static_cast<bool>(port_); }

 private:
  explicit SendOnceRight(Port& port) : port_(&port) {}
  PortRef port_;
};

class ReceiveRight {
 public:
  ReceiveRight() = default;
  ReceiveRight(ReceiveRight&&) noexcept = default;
  ReceiveRight& operator=(ReceiveRight&& other) noexcept;
  ~ReceiveRight() { reset(); }

  // Destroys the port (01 §10 from step 2 on).
  void reset();

  Port* port() const { return port_.get(); }
  explicit operator bool() const { return static_cast<bool>(port_); }

 private:
  friend class Port;  // the only maker
  explicit ReceiveRight(Port& port) : port_(&port) {}
  PortRef port_;
};

// A right in a message: its type, and NULL, DEAD, or the right itself. A right whose port has died since
// reads as DEAD (03 §10); the type never changes.
class CarriedRight {
 public:
  struct Null {};
  struct Dead {};

  CarriedRight() = default;  // no right: type 0, NULL
  explicit CarriedRight(SendRight right) : right_(std::move(right)), type_(RightType::kSend) {}
  explicit CarriedRight(SendOnceRight right) : right_(std::move(right)), type_(RightType::kSendOnce) {}
  explicit CarriedRight(ReceiveRight right) : right_(std::move(right)), type_(RightType::kReceive) {}
  static CarriedRight null(RightType type) { return CarriedRight(type, Null{}); }
  static CarriedRight dead(RightType type) { return CarriedRight(type, Dead{}); }

  RightType type() const { return type_; }
  bool is_null() const { return std::holds_alternative<Null>(right_); }
  bool is_dead() const;  // carried as DEAD, or the port has died in transit
  Port* port() const;    // null for NULL and DEAD

  // REQUIRES: that alternative is held. Afterwards this is NULL of the same type. (One that was moved from as a
  // whole can only be assigned to or destroyed.)
  SendRight take_send() { return take<SendRight>(); }
  SendOnceRight take_send_once() { return take<SendOnceRight>(); }
  ReceiveRight take_receive() { return take<ReceiveRight>(); }

  bool holds_send() const { return std::holds_alternative<SendRight>(right_); }
  bool holds_send_once() const { return std::holds_alternative<SendOnceRight>(right_); }
  bool holds_receive() const { return std::holds_alternative<ReceiveRight>(right_); }

  // Gives the right up with all consequences; becomes NULL of the same type.
  void reset() { right_ = Null{}; }
  // The right has reached its goal: a send-once right vanishes without a notification.
  void consume();

 private:
  CarriedRight(RightType type, Null null) : right_(null), type_(type) {}
  CarriedRight(RightType type, Dead dead) : right_(dead), type_(type) {}

  template <typename Right>
  Right take() {
    Right taken = std::move(std::get<Right>(right_));
    right_ = Null{};
    return taken;
  }

  // What follows stands in the bytes that it does not need: a task has seven of them.
  [[no_unique_address]] std::variant<Null, Dead, SendRight, SendOnceRight, ReceiveRight> right_;
  RightType type_ = RightType::kNone;
};

}  // namespace netmsg::ipc
