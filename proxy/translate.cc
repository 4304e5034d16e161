// SPDX-License-Identifier: Apache-2.0
#include "proxy/translate.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/body_check.h"
#include "proxy/mutant.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

std::uint32_t wire_type(ipc::RightType type) {
  return static_cast<std::uint32_t>(type);
}

bool is_theirs(const Tables& tables, const ipc::Port& port) {
  return port.remote() && is_proxy_slot(port.link_slot) && proxy_peer(port.link_slot) == tables.peer;
}

// --- going out: the plan ---

bool can_leave(const Tables& tables, const ipc::CarriedRight& right) {
  if (right.port() == nullptr || right.is_dead()) return true;
  return right.type() != ipc::RightType::kReceive &&
         (!right.port()->remote() || is_theirs(tables, *right.port()));
}

bool can_leave(const Tables& tables, const MessageLimits& theirs, const ipc::Message& message) {
  if (message.size() + message.memory_bytes() > theirs.bytes) return false;
  if (message.body.size() > theirs.rights) return false;
  if (!is_theirs(tables, *message.destination.port())) return false;
  return can_leave(tables, message.reply) &&
         std::all_of(message.body.begin(), message.body.end(),
                     [&](const ipc::BodyRight& item) { return can_leave(tables, item.right); });
}

// --- going out: the commit ---

void say(v1::Right& wire, v1::Uid::Side side, Serial serial) {
  wire.set_value(v1::Right::PORT);
  wire.mutable_port()->set_side(side);
  wire.mutable_port()->set_serial(serial);
}

// R2: what goes home is used up here; a send-once right becomes the home's again, without a notification.
void go_home(ipc::CarriedRight& right, v1::Right& wire) {
  say(wire, v1::Uid::RECEIVER, proxy_serial(right.port()->link_slot));
  if (broken(Rule::kOnceGoesHomeSilently)) return right.reset();
  right.consume();
}

// R1: the right itself becomes the unit in our books.
void grant(Tables& tables, ipc::CarriedRight& right, v1::Right& wire) {
  wire.set_room(right.port()->room());
  const Serial serial = right.holds_send() ? tables.exports.grant(right.take_send())
                                           : tables.exports.grant_once(right.take_send_once());
  say(wire, v1::Uid::SENDER, serial);
}

void leave(Tables& tables, ipc::CarriedRight& right, v1::Right& wire) {
  wire.set_type(wire_type(right.type()));
  if (right.is_dead()) {
    wire.set_value(v1::Right::DEAD);
    right.reset();
  } else if (right.is_null()) {
    wire.set_value(v1::Right::NULL_RIGHT);
  } else if (right.port()->remote()) {
    go_home(right, wire);
  } else {
    grant(tables, right, wire);
  }
}

void leave_bytes(const ipc::Message& message, v1::Message& wire) {
  wire.set_other_bits(message.other_bits);
  wire.set_id(message.id);
  const auto* start = reinterpret_cast<const char*>(message.bytes.data());
  wire.mutable_body()->assign(start + kHeaderSize, start + message.bytes.size());
}

// Arrays have none: their rights stand for them. False: it cannot be read, and nobody shall get zeros for it.
bool leave_memory(const ipc::Message& message, v1::Message& wire) {
  for (const ipc::Region& region : message.regions) {
    if (region.rights > 0) continue;
    std::string& bytes = *wire.add_memory();
    bytes.resize(static_cast<std::size_t>(region.memory.length()));
    if (!region.memory.read(0, std::as_writable_bytes(std::span(bytes)))) return false;
  }
  return true;
}

void leave_destination(ipc::CarriedRight& destination, v1::Message& wire) {
  wire.set_destination_type(wire_type(destination.type()));
  v1::Uid& uid = *wire.mutable_destination();
  uid.set_side(v1::Uid::RECEIVER);
  uid.set_serial(proxy_serial(destination.port()->link_slot));
  destination.consume();
}

// --- coming in: the plan ---

bool is_send_type(std::uint32_t type) {
  return type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

Check check_uid(const v1::Uid& uid) {
  if (uid.side() != v1::Uid::SENDER && uid.side() != v1::Uid::RECEIVER)
    return protocol_error("uid of a third daemon");
  if (uid.serial() > kSerialMax) return protocol_error("serial out of range");
  return std::nullopt;
}

Check check_right(const v1::Right& right, bool type_may_be_none) {
  const bool null = right.value() == v1::Right::NULL_RIGHT;
  const bool none = right.type() == 0 && type_may_be_none && null;
  const bool receive = right.type() == MACH_MSG_TYPE_PORT_RECEIVE && !type_may_be_none;
  if (!none && !receive && !is_send_type(right.type())) return protocol_error("type of a right");
  if (null || right.value() == v1::Right::DEAD) return std::nullopt;
  if (right.value() != v1::Right::PORT) return protocol_error("value of a right");
  if (receive) return protocol_error("receive right");
  return check_uid(right.port());
}

Check check_rights(const v1::Message& wire) {
  if (Check fault = check_right(wire.reply(), true)) return fault;
  for (const v1::Right& right : wire.rights()) {
    if (Check fault = check_right(right, false)) return fault;
  }
  return std::nullopt;
}

Check check_destination(const v1::Message& wire) {
  if (!is_send_type(wire.destination_type())) return protocol_error("type of a destination");
  if (wire.destination().side() != v1::Uid::RECEIVER)
    return protocol_error("destination is not the receiver's");
  return check_uid(wire.destination());
}

Check check_bits(const v1::Message& wire) {
  constexpr std::uint32_t kNever =
      MACH_MSGH_BITS_CIRCULAR | MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK;
  return (wire.other_bits() & kNever) != 0 ? protocol_error("header bits") : std::nullopt;
}

Check check_size(const PeerLimits& limits, const v1::Message& wire) {
  std::uint64_t size = kHeaderSize + wire.body().size();
  for (const std::string& memory : wire.memory()) size += memory.size();
  if (size > limits.message_bytes) return protocol_error("message too large");
  if (static_cast<std::uint32_t>(wire.rights_size()) > limits.rights_per_message) {
    return protocol_error("too many rights");
  }
  return std::nullopt;
}

// Every right for a port of theirs that we have no proxy for yet, each port once.
std::size_t count_new_proxies(const Tables& tables, const v1::Message& wire) {
  std::set<Serial> found;
  const auto look_at = [&](const v1::Right& right) {
    const bool theirs = right.value() == v1::Right::PORT && right.port().side() == v1::Uid::SENDER;
    if (theirs && !tables.holders.contains(right.port().serial())) found.insert(right.port().serial());
  };
  look_at(wire.reply());
  for (const v1::Right& right : wire.rights()) look_at(right);
  return found.size();
}

Check check_ceiling(const Tables& tables, const PeerLimits& limits, const v1::Message& wire) {
  const std::size_t new_ones = count_new_proxies(tables, wire);
  if (new_ones == 0 || tables.holders.size() + new_ones <= limits.proxies) return std::nullopt;
  return Fault{v1::Fence::LIMIT, "too many ports"};
}

Check check_message(const Tables& tables, const PeerLimits& limits, const v1::Message& wire, BodyPlan& plan) {
  if (Check fault = check_size(limits, wire)) return fault;
  if (Check fault = check_bits(wire)) return fault;
  if (Check fault = check_destination(wire)) return fault;
  if (Check fault = check_rights(wire)) return fault;
  if (Check fault = check_body(wire, plan)) return fault;
  return check_ceiling(tables, limits, wire);
}

ipc::Bytes message_bytes(const v1::Message& wire) {
  ipc::Bytes bytes(kHeaderSize + wire.body().size());
  std::memcpy(bytes.data() + kHeaderSize, wire.body().data(), wire.body().size());
  return bytes;
}

// The plan's regions with what came for them.
std::vector<ipc::Region> regions_of(BodyPlan& plan, const v1::Message& wire) {
  int next = 0;
  for (ipc::Region& region : plan.regions) {
    if (region.rights > 0) continue;
    const auto bytes = std::as_bytes(std::span(wire.memory(next++)));
    region.memory = ipc::MemoryRef::of({bytes.begin(), bytes.end()});
  }
  return std::move(plan.regions);
}

// --- coming in: the commit ---

class Entrance {
 public:
  Entrance(Tables& tables, Arrival& arrival) : tables_(tables), arrival_(arrival) {}

  ipc::CarriedRight enter(const v1::Right& wire) {
    const auto type = static_cast<ipc::RightType>(wire.type());
    if (wire.value() == v1::Right::NULL_RIGHT) return ipc::CarriedRight::null(type);
    if (wire.value() == v1::Right::DEAD) return ipc::CarriedRight::dead(type);
    if (wire.port().side() == v1::Uid::RECEIVER) return come_home(wire.port().serial(), type);
    return receive(wire, type);
  }

  // R2, R8; also how a destination is found.
  ipc::CarriedRight come_home(Serial serial, ipc::RightType type) {
    if (type == ipc::RightType::kSend) {
      if (ipc::SendRight right = tables_.exports.use(serial)) return ipc::CarriedRight(std::move(right));
    } else if (ipc::SendOnceRight right = tables_.exports.use_once(serial)) {
      return ipc::CarriedRight(std::move(right));
    }
    ++arrival_.refused;
    return ipc::CarriedRight::dead(type);
  }

 private:
  // R1.
  ipc::CarriedRight receive(const v1::Right& wire, ipc::RightType type) {
    Holder& holder = tables_.holders.obtain(wire.port().serial(), wire.room());
    arrival_.rooms.push_back({wire.port().serial(), wire.room()});
    if (type == ipc::RightType::kSendOnce) {
      if (broken(Rule::kOnceArrives)) return ipc::CarriedRight::dead(type);
      return ipc::CarriedRight(ipc::SendOnceRight::mint(holder.port()));
    }
    if (!broken(Rule::kCountEachUnit) || holder.received == 0) ++holder.received;
    return ipc::CarriedRight(ipc::SendRight::mint(holder.port()));
  }

  Tables& tables_;
  Arrival& arrival_;
};

}  // namespace

bool can_translate(const Tables& tables, const ipc::Port& port, ipc::RightType type) {
  return type != ipc::RightType::kReceive && (!port.remote() || is_theirs(tables, port));
}

Egress translate_out(Tables& tables, const MessageLimits& theirs, FrameNumber as_of, ipc::Message& message,
                     v1::Message& wire) {
  if (!can_leave(tables, theirs, message) || !leave_memory(message, wire)) return Egress::kRefused;
  leave_bytes(message, wire);
  leave_destination(message.destination, wire);
  leave(tables, message.reply, *wire.mutable_reply());
  for (ipc::BodyRight& item : message.body) leave(tables, item.right, *wire.add_rights());
  wire.set_as_of(as_of);
  return Egress::kDone;
}

Check translate_in(Tables& tables, ipc::Engine& engine, ipc::Account& account, const PeerLimits& limits,
                   const v1::Message& wire, Arrival& arrival) {
  BodyPlan plan;
  if (Check fault = check_message(tables, limits, wire, plan)) return fault;
  arrival.overdrawn = account.overdrawn();
  ipc::MessagePtr message = engine.new_message(account, message_bytes(wire));

  if (arrival.overdrawn && broken(Rule::kOverdrawnIsSettled)) return std::nullopt;

  Entrance entrance(tables, arrival);
  message->other_bits = wire.other_bits();
  message->id = wire.id();
  message->destination =
      entrance.come_home(wire.destination().serial(), static_cast<ipc::RightType>(wire.destination_type()));
  if (message->destination.is_dead() && broken(Rule::kRefusedIsSettled)) return std::nullopt;
  message->reply = entrance.enter(wire.reply());
  message->body.reserve(plan.slots.size());
  for (std::size_t at = 0; at < plan.slots.size(); ++at) {
    if (message->reply.is_dead() && broken(Rule::kHeaderAndBodyTogether)) break;
    const BodyPlan::Slot& slot = plan.slots[at];
    message->body.push_back({slot.offset, entrance.enter(wire.rights(static_cast<int>(at))), slot.region});
  }
  message->regions = regions_of(plan, wire);
  message->charge_rights();
  message->charge_memory();
  arrival.deliverable = message->destination.port() != nullptr && !arrival.overdrawn;
  arrival.message = std::move(message);
  return std::nullopt;
}

}  // namespace netmsg::proxy
