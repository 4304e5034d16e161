// SPDX-License-Identifier: Apache-2.0
// Rights and messages into a space (spec 02 §6, 03 §5, §12, 04 §§5-7).
#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/model/model.h"

namespace netmsg::model {

namespace {

constexpr std::size_t kHeaderSize = sizeof(mach_msg_header_t);

template <typename T>
void store(Bytes& bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

mach_msg_header_t header_of(const Message& message) {
  mach_msg_header_t header;
  std::memcpy(&header, message.bytes.data(), sizeof header);
  header.msgh_size = static_cast<mach_msg_size_t>(message.bytes.size());
  return header;
}

// The types of the two rights; all other bits are those that the message has.
mach_msg_bits_t bits_of(const Message& message, Disposition remote, Disposition local) {
  const mach_msg_header_t header = header_of(message);
  return MACH_MSGH_BITS_OTHER(header.msgh_bits) | MACH_MSGH_BITS(remote, local);
}

}  // namespace

// ---------------------------------------------------------------- 04 §5: one right

Name Model::copyout(SpaceId space, const Right& right) {
  if (right.to == Right::To::kNull) return MACH_PORT_NULL;
  if (right.to == Right::To::kDead || port(right.port).dead) return MACH_PORT_DEAD;
  switch (right.type) {
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
      return new_name(space, {.what = What::kSendOnce, .port = right.port});
    case MACH_MSG_TYPE_PORT_SEND:
      return copyout_send(space, right.port);
    default:
      return copyout_receive(space, right.port);
  }
}

Name Model::copyout_send(SpaceId space, PortId id) {
  const unsigned most = planted(Fault::kSendReferencesGoTo65535) ? 65535 : 65534;
  const Name name = name_for(space, id);
  if (name == MACH_PORT_NULL) return new_name(space, {.what = What::kSend, .urefs = 1, .port = id});
  Entry& entry = at(space, name);
  if (entry.what == What::kReceive) {
    entry.what = What::kReceiveSend;
    entry.urefs = 1;
    return name;
  }
  entry.urefs = std::min(entry.urefs + 1, most);
  --port(id).srights;
  return name;
}

Name Model::copyout_receive(SpaceId space, PortId id) {
  port(id).holder = space;
  port(id).transit_to = kNobody;
  const Name name = name_for(space, id);
  if (name == MACH_PORT_NULL) return new_name(space, {.what = What::kReceive, .port = id});
  at(space, name).what = What::kReceiveSend;
  return name;
}

void Model::write_items(SpaceId space, const Message& message, Bytes& bytes) {
  for (const Item& item : message.items) {
    if (item.out_of_line) {
      store(bytes, item.offset, copyout_memory(space, item));
      continue;
    }
    std::size_t at = item.offset;
    for (const Right& right : item.rights) {
      store(bytes, at, std::uint64_t{copyout(space, right)});
      at += sizeof(std::uint64_t);
    }
  }
}

// ---------------------------------------------------------------- 04 §6, §7: a received message

// The name of the destination; the right is used up.
Name Model::consume_destination(SpaceId space, const Right& destination) {
  Port& from = port(destination.port);
  if (from.dead) return MACH_PORT_DEAD;
  const bool here = from.holder == space;
  const Name name = here ? name_for(space, destination.port) : MACH_PORT_NULL;
  if (destination.type == MACH_MSG_TYPE_PORT_SEND || !here) {
    release(destination);
  } else {
    --from.sorights;
  }
  return name;
}

// 03 §11 from phase 3 on. The message has left the queue.
Answer Model::received(SpaceId space, const Arguments& arguments, const MessagePtr& message) {
  picked_up(*message);
  if (message->bytes.size() > arguments.rcv_size) {
    return header_only(space, MACH_RCV_TOO_LARGE, arguments, *message);
  }
  if ((arguments.option & MACH_RCV_NOTIFY) != 0 && !has_receive(space, arguments.notify)) {
    return header_only(space, MACH_RCV_INVALID_NOTIFY, arguments, *message);
  }
  return whole_message(space, arguments, *message);
}

Answer Model::whole_message(SpaceId space, const Arguments& arguments, Message& message) {
  mach_msg_header_t header = header_of(message);
  const Name first_new = space_of(space).next_name;
  const Name reply = copyout(space, message.reply);
  const bool reply_is_new = reply == first_new && space_of(space).next_name != first_new;
  if ((arguments.option & MACH_RCV_NOTIFY) != 0 && reply_is_new) {
    const PortId notify_port = look_up(space, arguments.notify).port;
    ++port(notify_port).sorights;
    at(space, reply).request = Request{notify_port, next_order_++};
  }
  const std::optional<std::uint64_t> payload = port(message.destination.port).payload;
  const Name local = consume_destination(space, message.destination);
  header.msgh_bits = bits_of(message, message.reply.type,
                             payload ? MACH_MSG_TYPE_PROTECTED_PAYLOAD : message.destination.type);
  header.msgh_remote_port_do_not_use = reply;
  header.msgh_protected_payload = payload.value_or(local);
  header.msgh_seqno = message.seqno;
  Bytes bytes = message.bytes;
  write_items(space, message, bytes);
  store(bytes, 0, header);
  return {arguments.unmapped ? MACH_RCV_INVALID_DATA : MACH_MSG_SUCCESS, 0, std::move(bytes)};
}

// 03 §12. Never more than rcv_size bytes.
Answer Model::header_only(SpaceId space, mach_msg_return_t code, const Arguments& arguments,
                          Message& message) {
  mach_msg_header_t header = header_of(message);
  header.msgh_bits = bits_of(message, message.reply.type, message.destination.type);
  header.msgh_remote_port_do_not_use = message.reply.to == Right::To::kDead ? MACH_PORT_DEAD : MACH_PORT_NULL;
  header.msgh_protected_payload = consume_destination(space, message.destination);
  header.msgh_seqno = message.seqno;
  release(message.reply);
  for (const Item& item : message.items) {
    for (const Right& right : item.rights) release(right);
  }
  Bytes bytes(kHeaderSize);
  store(bytes, 0, header);
  bytes.resize(std::min<std::size_t>(kHeaderSize, arguments.rcv_size));
  return {code, 0, std::move(bytes)};
}

// ---------------------------------------------------------------- 03 §5: pseudo-receive

Answer Model::given_back(SpaceId space, mach_msg_return_t code, Message& message) {
  mach_msg_header_t header = header_of(message);
  header.msgh_bits = bits_of(message, message.destination.type, message.reply.type);
  header.msgh_remote_port_do_not_use = copyout(space, message.destination);
  if (planted(Fault::kReplyIsNotGivenBack)) {
    release(std::exchange(message.reply, {.type = message.reply.type}));
  }
  header.msgh_protected_payload = copyout(space, message.reply);
  Bytes bytes = message.bytes;
  write_items(space, message, bytes);
  store(bytes, 0, header);
  return {code, 0, std::move(bytes)};
}

}  // namespace netmsg::model
