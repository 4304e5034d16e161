// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/copyout.h"

#include <algorithm>
#include <cstring>

#include "daemon/base/check.h"
#include "daemon/ipc/core.h"

namespace netmsg::ipc {

namespace {

// --- bytes ---

struct ReturnedHeader {
  RightType remote_type = RightType::kNone;
  RightType local_type = RightType::kNone;
  Name remote = kNullName;
  Name local = kNullName;
};

// All 32 bytes are written: nothing of what the sender left there gets through (02 §2).
void write_header(Message& message, const ReturnedHeader& fields) {
  mach_msg_header_t header{};
  header.msgh_bits = message.other_bits | MACH_MSGH_BITS(static_cast<mach_msg_bits_t>(fields.remote_type),
                                                         static_cast<mach_msg_bits_t>(fields.local_type));
  header.msgh_size = message.size();
  header.msgh_remote_port = fields.remote;
  header.msgh_local_port = fields.local;
  header.msgh_seqno = message.seqno;
  header.msgh_id = message.id;
  std::memcpy(message.bytes.data(), &header, sizeof header);
}

// 02 §10: the payload goes where the local name would be.
void write_payload(Message& message, std::uint64_t payload) {
  mach_msg_header_t header;
  std::memcpy(&header, message.bytes.data(), sizeof header);
  header.msgh_bits = (header.msgh_bits & ~MACH_MSGH_BITS_LOCAL_MASK) |
                     MACH_MSGH_BITS(0U, static_cast<mach_msg_bits_t>(MACH_MSG_TYPE_PROTECTED_PAYLOAD));
  header.msgh_protected_payload = payload;
  std::memcpy(message.bytes.data(), &header, sizeof header);
}

void write_name(Bytes& bytes, std::uint32_t offset, Name name) {
  std::memcpy(bytes.data() + offset, &name, sizeof name);
}

// Who paid for the memory pays until the result is gone.
MsgResult whole(mach_msg_return_t code, Message& message) {
  MsgResult result{code, 0, std::move(message.bytes)};
  if (!message.regions.empty()) result.charge = message.take_charge();
  result.regions = std::move(message.regions);
  return result;
}

// --- one right ---

std::optional<Name> copyout_send(Space& space, SendRight right) {
  if (const Name existing = space.name_of(*right.port())) {
    space.merge_send(existing, std::move(right));
    return existing;
  }
  if (space.full()) return std::nullopt;
  const Name name = space.pick_name();
  space.add_send(name, std::move(right));
  return name;
}

std::optional<Name> copyout_send_once(Space& space, SendOnceRight right) {
  if (space.full()) return std::nullopt;
  const Name name = space.pick_name();
  space.add_send_once(name, std::move(right));
  return name;
}

std::optional<Name> copyout_receive(Space& space, ReceiveRight right) {
  right.port()->leave_transit();
  if (const Name existing = space.name_of(*right.port())) {
    space.merge_receive(existing, std::move(right));
    return existing;
  }
  if (space.full()) return std::nullopt;
  const Name name = space.pick_name();
  space.add_receive(name, std::move(right));
  return name;
}

// --- the header ---

// 04 §6, destination: its name for the receiver, decided at the same instant as the reply.
Name destination_name(const Space& space, const CarriedRight& destination) {
  if (destination.is_dead()) return kDeadName;
  const Port& port = *destination.port();
  return port.receiver() == &space ? port.receiver_name() : kNullName;
}

// 04 §6, destination: the right is used up. If the receive right has gone elsewhere meanwhile, a send-once
// right does not vanish unseen: its notification goes to the new owner.
void consume_destination(const Space& space, CarriedRight& destination) {
  const bool here = destination.port()->receiver() == &space;
  if (here) destination.consume();
  destination.reset();
}

void register_request(Space& space, Name name, Port& notify_port) {
  Entry& entry = *space.find(name);
  entry.request = std::make_unique<DeadNameRequest>(space, name, SendOnceRight::mint(notify_port));
  entry.port()->dead_name_requests.push_back(*entry.request);
}

// Cannot fail: the plan has made sure of a name.
Name commit_reply(Space& space, const HeaderCopyout& plan, CarriedRight& reply) {
  switch (plan.reply) {
    case HeaderCopyout::Reply::kNull:
      return kNullName;
    case HeaderCopyout::Reply::kDead:
      reply.reset();
      return kDeadName;
    case HeaderCopyout::Reply::kMerge:
      space.merge_send(plan.reply_name, reply.take_send());
      return plan.reply_name;
    case HeaderCopyout::Reply::kNewName:
      break;
  }
  const std::optional<Name> name = copyout_right(space, std::move(reply));
  NETMSG_CHECK(name.has_value());
  if (plan.notify_port != nullptr) register_request(space, *name, *plan.notify_port);
  return *name;
}

void commit_header_copyout(Space& space, const HeaderCopyout& plan, Message& message) {
  ReturnedHeader fields;
  fields.remote_type = message.reply.type();
  fields.local_type = message.destination.type();
  fields.local = destination_name(space, message.destination);
  const PortRef port(message.destination.port());
  fields.remote = commit_reply(space, plan, message.reply);
  consume_destination(space, message.destination);
  write_header(message, fields);
  if (port && port->payload) write_payload(message, *port->payload);
}

// For each region the bytes of its names to be; empty for data.
std::vector<Bytes> blank_arrays(const std::vector<Region>& regions) {
  std::vector<Bytes> arrays(regions.size());
  for (std::size_t at = 0; at < regions.size(); ++at) arrays[at].resize(regions[at].rights * sizeof(Name));
  return arrays;
}

void fill_arrays(std::vector<Region>& regions, std::vector<Bytes> arrays) {
  for (std::size_t at = 0; at < regions.size(); ++at) {
    if (regions[at].rights > 0) regions[at].memory = MemoryRef::of(std::move(arrays[at]));
  }
}

// Special bits for rights of the body that found no name (03 §8); the others are in the space.
mach_msg_return_t copyout_body(Space& space, Message& message) {
  mach_msg_return_t bits = 0;
  if (message.body.empty() && message.regions.empty()) return bits;
  std::vector<Bytes> arrays = blank_arrays(message.regions);
  for (BodyRight& item : message.body) {
    const std::optional<Name> name = copyout_right(space, std::move(item.right));
    if (!name) bits |= MACH_MSG_IPC_SPACE;
    Bytes& bytes = item.region == BodyRight::kInline ? message.bytes : arrays[item.region];
    write_name(bytes, item.offset, name.value_or(kNullName));
  }
  fill_arrays(message.regions, std::move(arrays));
  return bits;
}

HeaderCopyout::Reply plan_reply(Space& space, const CarriedRight& reply, Name& existing) {
  using Reply = HeaderCopyout::Reply;
  if (reply.is_dead()) return Reply::kDead;
  if (reply.is_null()) return Reply::kNull;
  existing = reply.holds_send() ? space.name_of(*reply.port()) : kNullName;
  return existing != kNullName ? Reply::kMerge : Reply::kNewName;
}

// The reply field when the right itself is lost (03 §12): NULL and DEAD as the sender put them, else NULL.
Name lost_reply_name(const CarriedRight& reply) {
  return reply.port() == nullptr && reply.is_dead() ? kDeadName : kNullName;
}

}  // namespace

std::optional<Name> copyout_right(Space& space, CarriedRight right) {
  if (right.is_dead()) return kDeadName;
  if (right.is_null()) return kNullName;
  if (right.holds_send()) return copyout_send(space, right.take_send());
  if (right.holds_send_once()) return copyout_send_once(space, right.take_send_once());
  return copyout_receive(space, right.take_receive());
}

std::variant<mach_msg_return_t, HeaderCopyout> plan_header_copyout(Space& space, const Message& message,
                                                                   const Name* notify) {
  HeaderCopyout plan;
  const Entry* notify_entry = notify != nullptr ? space.find_receive(*notify) : nullptr;
  if (notify != nullptr && notify_entry == nullptr) return MACH_RCV_INVALID_NOTIFY;
  plan.reply = plan_reply(space, message.reply, plan.reply_name);
  if (plan.reply == HeaderCopyout::Reply::kNewName) {
    if (space.full()) return static_cast<mach_msg_return_t>(MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_SPACE);
    if (notify_entry != nullptr) plan.notify_port = notify_entry->receive.port();
  }
  return plan;
}

MsgResult receive_message(Space& space, MessagePtr message, const Name* notify, mach_msg_size_t rcv_size) {
  const auto plan = plan_header_copyout(space, *message, notify);
  if (const auto* refused = std::get_if<mach_msg_return_t>(&plan)) {
    return return_header(space, std::move(message), *refused, rcv_size);
  }
  commit_header_copyout(space, std::get<HeaderCopyout>(plan), *message);
  const mach_msg_return_t bits = copyout_body(space, *message);
  return whole(bits != 0 ? MACH_RCV_BODY_ERROR | bits : MACH_MSG_SUCCESS, *message);
}

MsgResult return_header(Space& space, MessagePtr message, mach_msg_return_t code, mach_msg_size_t rcv_size) {
  ReturnedHeader fields;
  fields.remote_type = message->reply.type();
  fields.local_type = message->destination.type();
  fields.remote = lost_reply_name(message->reply);
  fields.local = destination_name(space, message->destination);
  write_header(*message, fields);
  Bytes bytes = std::move(message->bytes);
  bytes.resize(std::min<std::size_t>({sizeof(mach_msg_header_t), bytes.size(), rcv_size}));
  consume_destination(space, message->destination);
  message->take_apart();  // here and not by the reaper: what dies of it dies in order, before anything else
                          // (01 §12)
  return {code, 0, std::move(bytes)};
}

MsgResult give_back(Space& space, MessagePtr message, mach_msg_return_t code) {
  ReturnedHeader fields;
  fields.remote_type = message->destination.type();
  fields.local_type = message->reply.type();
  const std::optional<Name> remote = copyout_right(space, std::move(message->destination));
  const std::optional<Name> local = copyout_right(space, std::move(message->reply));
  fields.remote = remote.value_or(kNullName);
  fields.local = local.value_or(kNullName);
  mach_msg_return_t bits = copyout_body(space, *message);
  if (!remote || !local) bits |= MACH_MSG_IPC_SPACE;
  write_header(*message, fields);
  return whole(code | bits, *message);
}

}  // namespace netmsg::ipc
