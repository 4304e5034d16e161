// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/notify.h"

#include <mach/notify.h>

#include <cstring>

#include "daemon/ipc/body_item.h"
#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"
#include "daemon/ipc/remote_link.h"

namespace netmsg::ipc::notify {

namespace {

constexpr std::uint32_t kValueOffset = sizeof(mach_msg_header_t) + kDescriptorSize;

// The bytes of a notification with a body (06 §1): one inline element of this type and size in bits.
Bytes bytes_of(std::uint8_t type, std::uint16_t bits, std::uint32_t value) {
  const mach_msg_type_t descriptor = inline_descriptor(type, bits, 1);
  Bytes bytes(kValueOffset + kSlotSize);
  std::memcpy(bytes.data() + sizeof(mach_msg_header_t), &descriptor, sizeof descriptor);
  std::memcpy(bytes.data() + kValueOffset, &value, sizeof value);
  return bytes;
}

MessagePtr make(SendOnceRight to, mach_msg_id_t id, Bytes bytes) {
  const Port& port = *to.port();
  Charge charge = Charge::owed(port.account(), Message::cost(bytes.size()));
  MessagePtr message = Message::create(port.core().reaper, std::move(bytes), std::move(charge));
  message->id = id;
  message->destination = CarriedRight(std::move(to));
  return message;
}

void send(SendOnceRight to, mach_msg_id_t id, Bytes bytes) {
  if (to.port()->dead()) {
    to.consume();
  } else {
    post(make(std::move(to), id, std::move(bytes)));
  }
}

void send_value(SendOnceRight to, mach_msg_id_t id, std::uint8_t type, std::uint32_t value) {
  send(std::move(to), id, bytes_of(type, 32, value));
}

}  // namespace

void port_deleted(std::unique_ptr<DeadNameRequest> request) {
  if (!request) return;
  send_value(std::move(request->notify), MACH_NOTIFY_PORT_DELETED, MACH_MSG_TYPE_PORT_NAME, request->name);
}

void msg_accepted(SendOnceRight to, Name name) {
  send_value(std::move(to), MACH_NOTIFY_MSG_ACCEPTED, MACH_MSG_TYPE_PORT_NAME, name);
}

// Also to a dead backup it becomes a message, so that the port dies in the order in which messages are destroyed.
void port_destroyed(SendOnceRight to, ReceiveRight right) {
  Port& backup = *to.port();
  const bool can_travel =
      !backup.remote() || backup.core().link().can_carry(backup, *right.port(), RightType::kReceive, 0);
  MessagePtr message =
      make(std::move(to), MACH_NOTIFY_PORT_DESTROYED, bytes_of(MACH_MSG_TYPE_PORT_RECEIVE, 64, kNullName));
  message->other_bits = MACH_MSGH_BITS_COMPLEX;
  right.port()->settle_in_transit(backup);
  message->body.push_back({kValueOffset, CarriedRight(std::move(right))});
  message->charge_rights();
  if (can_travel) post(std::move(message));
}

void dead_name(SendOnceRight to, Name name) {
  send_value(std::move(to), MACH_NOTIFY_DEAD_NAME, MACH_MSG_TYPE_PORT_NAME, name);
}

void no_senders(SendOnceRight to, std::uint32_t count) {
  send_value(std::move(to), MACH_NOTIFY_NO_SENDERS, MACH_MSG_TYPE_INTEGER_32, count);
}

void send_once(SendOnceRight unused) {
  send(std::move(unused), MACH_NOTIFY_SEND_ONCE, Bytes(sizeof(mach_msg_header_t)));
}

}  // namespace netmsg::ipc::notify
