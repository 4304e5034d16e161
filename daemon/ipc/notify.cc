// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/notify.h"

#include <mach/notify.h>

#include <cstring>

#include "daemon/ipc/core.h"
#include "daemon/ipc/queue.h"

namespace netmsg::ipc::notify {

namespace {

// The word before the value in the body (06 §1): type, 32 bits, inline, one element.
mach_msg_type_t one_word(std::uint8_t type) {
  mach_msg_type_t descriptor{};
  descriptor.msgt_name = type;
  descriptor.msgt_size = 32;
  descriptor.msgt_inline = 1;
  descriptor.msgt_number = 1;
  return descriptor;
}

void send(SendOnceRight to, mach_msg_id_t id, Bytes bytes) {
  if (to.port()->dead()) {
    to.consume();
    return;
  }
  Port& port = *to.port();
  Charge charge = Charge::owed(port.account(), Message::cost(bytes.size()));
  MessagePtr message = Message::create(port.core().reaper, std::move(bytes), std::move(charge));
  message->id = id;
  message->destination = CarriedRight(std::move(to));
  post(std::move(message));
}

void send_value(SendOnceRight to, mach_msg_id_t id, std::uint8_t type, std::uint32_t value) {
  Bytes bytes(sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t) + 8);
  const mach_msg_type_t descriptor = one_word(type);
  std::memcpy(bytes.data() + sizeof(mach_msg_header_t), &descriptor, sizeof descriptor);
  std::memcpy(bytes.data() + sizeof(mach_msg_header_t) + sizeof descriptor, &value, sizeof value);
  send(std::move(to), id, std::move(bytes));
}

}  // namespace

void port_deleted(std::unique_ptr<DeadNameRequest> request) {
  if (!request) return;
  send_value(std::move(request->notify), MACH_NOTIFY_PORT_DELETED, MACH_MSG_TYPE_PORT_NAME, request->name);
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
