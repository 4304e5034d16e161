// SPDX-License-Identifier: Apache-2.0
// The reading end of a port: messages are received from it, and it makes all rights to send there. With the object
// the port dies. Threads: const functions may be called by several at once, receive() among them.
#pragma once

#include <mach.h>

#include <netmsg/descriptor.hpp>
#include <netmsg/owned_name.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>

namespace netmsg {

class ReceivedMessage;

namespace detail {

// Registers a right made from `to` (MACH_PORT_NULL: none) for the notification; the right that was registered before.
inline Result<SendOnceRight> request_notification(mach_port_name_t name, mach_msg_id_t id,
                                                  mach_port_mscount_t sync, mach_port_name_t to) {
  mach_port_t previous = MACH_PORT_NULL;
  const kern_return_t code = mach_port_request_notification(mach_task_self(), name, id, sync, to,
                                                            MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
  if (code != KERN_SUCCESS) return Error(code);
  return SendOnceRight::adopt(previous);
}

}  // namespace detail

class ReceiveRight : public detail::OwnedName<detail::drop_receive> {
 public:
  ReceiveRight() = default;
  // Takes over the caller's receive right; send rights under the same name stay with whoever owns them.
  [[nodiscard]] static ReceiveRight adopt(mach_port_name_t name) { return ReceiveRight(name); }
  // A new port. KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE, KERN_FAILURE (no daemon).
  static Result<ReceiveRight> make() {
    mach_port_name_t name = MACH_PORT_NULL;
    const kern_return_t code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name);
    if (code != KERN_SUCCESS) return Error(code);
    return adopt(name);
  }

  // A send right for this port; it has the same name. KERN_UREFS_OVERFLOW.
  Result<SendRight> make_send() const {
    const kern_return_t code =
        mach_port_insert_right(mach_task_self(), name(), name(), MACH_MSG_TYPE_MAKE_SEND);
    if (code != KERN_SUCCESS) return Error(code);
    return SendRight::adopt(name());
  }
  // KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE.
  Result<SendOnceRight> make_send_once() const {
    mach_port_t once = MACH_PORT_NULL;
    mach_msg_type_name_t type = 0;
    const kern_return_t code =
        mach_port_extract_right(mach_task_self(), name(), MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &type);
    if (code != KERN_SUCCESS) return Error(code);
    return SendOnceRight::adopt(once);
  }

  // The next message. MACH_RCV_TIMED_OUT; MACH_RCV_IN_SET: receive from the set; MACH_RCV_PORT_DIED and
  // MACH_RCV_PORT_CHANGED: the right went away, or into a set, meanwhile; MACH_RCV_INVALID_NAME: it is empty;
  // KERN_RESOURCE_SHORTAGE: no memory for it, it stays queued. MACH_RCV_HEADER_ERROR, MACH_RCV_BODY_ERROR: there was
  // no room for its rights or memory; it is destroyed.
  Result<ReceivedMessage> receive(Timeout timeout = kForever) const;
  // The same into a message that is there: what it held is given up, the room it has grown to is used again.
  Result<void> receive_into(ReceivedMessage& message, Timeout timeout = kForever) const;

  // Readable while there is something to receive.
  Result<Descriptor> descriptor() const { return Descriptor::of(name()); }

  // Messages that are queued before senders block, 0 to 16; 5 unless set. KERN_INVALID_VALUE.
  Result<void> set_queue_limit(mach_port_msgcount_t limit) const {
    return Result<void>::of(mach_port_set_qlimit(mach_task_self(), name(), limit));
  }
  Result<mach_port_status_t> status() const {
    mach_port_status_t status{};
    const kern_return_t code = mach_port_get_receive_status(mach_task_self(), name(), &status);
    if (code != KERN_SUCCESS) return Error(code);
    return status;
  }

  // A no-senders notification (spec 06 §7) is sent to `to` (this port itself may be given) when nobody has a send
  // right any more; at once if nobody has and `sync` send rights or more have been made. What the Server tells is
  // to be compared: a right may have been made since. Gives back the right of the request that was there. On a
  // failure `to` may get a send-once notification.
  Result<SendOnceRight> request_no_senders(const ReceiveRight& to, mach_port_mscount_t sync = 0) const {
    return detail::request_notification(name(), MACH_NOTIFY_NO_SENDERS, sync, to.name());
  }
  // A port-destroyed notification (spec 06 §6) that carries the receive right is sent to `to` instead of the
  // port's death.
  Result<SendOnceRight> request_port_destroyed(const ReceiveRight& to) const {
    return detail::request_notification(name(), MACH_NOTIFY_PORT_DESTROYED, 0, to.name());
  }
  // The right of the request that was there; empty: there was none.
  Result<SendOnceRight> cancel_no_senders() const {
    return detail::request_notification(name(), MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL);
  }
  Result<SendOnceRight> cancel_port_destroyed() const {
    return detail::request_notification(name(), MACH_NOTIFY_PORT_DESTROYED, 0, MACH_PORT_NULL);
  }

 private:
  using OwnedName::OwnedName;
};

inline Result<SendOnceRight> SendRight::request_dead_name(const ReceiveRight& to) const {
  constexpr mach_port_mscount_t kAlsoIfDead = 1;
  return detail::request_notification(name(), MACH_NOTIFY_DEAD_NAME, kAlsoIfDead, to.name());
}

inline Result<SendOnceRight> SendRight::cancel_dead_name() const {
  return detail::request_notification(name(), MACH_NOTIFY_DEAD_NAME, 0, MACH_PORT_NULL);
}

}  // namespace netmsg
