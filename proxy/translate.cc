// SPDX-License-Identifier: Apache-2.0
#include "proxy/translate.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/port.h"
#include "proxy/body_check.h"
#include "proxy/moves.h"
#include "proxy/mutant.h"
#include "proxy/unit_type.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

std::uint32_t wire_type(ipc::RightType type) {
  return static_cast<std::uint32_t>(type);
}

bool is_theirs(const Tables& tables, const ipc::Port& port) {
  const Registry::Entry* entry = std::as_const(tables.registry).find(port);
  return entry != nullptr && entry->home == tables.peer;
}

// --- going out: the plan ---

bool can_leave(const Tables& tables, const ipc::CarriedRight& right) {
  if (right.port() == nullptr || right.is_dead()) return true;
  return can_translate(tables, *right.port(), right.type());
}

bool can_leave(const Tables& tables, const MessageLimits& theirs, const ipc::Message& message) {
  if (message.size() + message.memory_bytes() > theirs.bytes) return false;
  if (message.body.size() > theirs.rights) return false;
  return can_leave(tables, message.reply) &&
         std::all_of(message.body.begin(), message.body.end(),
                     [&](const ipc::BodyRight& item) { return can_leave(tables, item.right); });
}

// --- going out: the commit ---

void say(const Tables& tables, v1::Right& wire, v1::Right::Value value, const PortUid& port) {
  wire.set_value(value);
  write_uid(tables.ends, port, *wire.mutable_port());
}

// R2: what goes home is used up here; a send-once right becomes the home's again, without a notification.
void go_home(Tables& tables, ipc::CarriedRight& right, v1::Right& wire) {
  say(tables, wire, v1::Right::HOME, tables.registry.find(*right.port())->uid);
  if (broken(Rule::kOnceGoesHomeSilently)) return right.reset();
  right.consume();
}

// What a right is in. A Move does not say what we had applied when it was written: the rooms in it are for new proxies only.
enum class Carrier { kMessage, kMove };

// R1: the right itself becomes the unit in our books.
void grant(Tables& tables, ipc::CarriedRight& right, v1::Right& wire, Carrier carrier) {
  const std::uint32_t room = tables.registry.room_for(*right.port(), tables.peer);
  wire.set_room(room);
  const auto told = carrier == Carrier::kMessage ? std::optional(room) : std::nullopt;
  const PortUid port = right.holds_send() ? tables.exports.grant(right.take_send(), told)
                                          : tables.exports.grant_once(right.take_send_once(), told);
  say(tables, wire, v1::Right::GRANTED, port);
}

// M1: the port has left, its Move has been appended; what was its receive right is the proxy's now.
void move_on(Tables& tables, ipc::CarriedRight& right, v1::Right& wire) {
  const PortUid port = tables.registry.find(*right.port())->uid;
  say(tables, wire, v1::Right::MOVED, port);
  tables.holders.settle(port, right.take_receive());
}

void leave(Tables& tables, ipc::CarriedRight& right, v1::Right& wire, Carrier carrier,
           std::vector<Introducing>& introducing) {
  wire.set_type(wire_type(right.type()));
  if (right.is_dead()) {
    wire.set_value(v1::Right::DEAD);
    right.reset();
  } else if (right.is_null()) {
    wire.set_value(v1::Right::NULL_RIGHT);
  } else if (right.holds_receive()) {
    move_on(tables, right, wire);
  } else if (is_theirs(tables, *right.port())) {
    go_home(tables, right, wire);
  } else if (right.port()->remote()) {
    introducing.push_back({std::move(right), &wire});
  } else {
    grant(tables, right, wire, carrier);
  }
}

// NULL of no type is not said.
bool has_reply(const ipc::Message& message) {
  return !message.reply.is_null() || wire_type(message.reply.type()) != 0;
}

void leave_bytes(const ipc::Message& message, v1::Message& wire) {
  wire.set_other_bits(message.other_bits);
  wire.set_id(message.id);
  const auto* start = reinterpret_cast<const char*>(message.bytes.data());
  wire.mutable_body()->assign(start + kHeaderSize, start + message.bytes.size());
}

// Arrays have none: their rights stand for them. False: it cannot be read, and nobody shall get zeros for it.
bool leave_memory(const ipc::Message& message, v1::Message& wire) {
  if (wire.transfer() != 0) return true;  // it has gone ahead
  for (const ipc::Region& region : message.regions) {
    if (region.rights > 0) continue;
    std::string& bytes = *wire.add_memory();
    bytes.resize(static_cast<std::size_t>(region.memory.length()));
    if (!region.memory.read(0, std::as_writable_bytes(std::span(bytes)))) return false;
  }
  return true;
}

void leave_destination(Tables& tables, ipc::CarriedRight& destination, v1::Message& wire) {
  wire.set_destination_type(wire_type(destination.type()));
  write_uid(tables.ends, tables.registry.find(*destination.port())->uid, *wire.mutable_destination());
  destination.consume();
}

// --- coming in: the plan ---

Check check_introduced(const Tables& tables, const v1::Right& right) {
  PortUid port;
  Origin hint;
  if (right.introduced().nonce() == 0) return protocol_error("introduction 0");
  if (Check fault = read_uid(tables.ends, right.port(), port)) return fault;
  return read_origin(right.introduced().hint(), hint);
}

Check check_port(const Tables& tables, const v1::Right& right) {
  PortUid port;
  switch (right.value()) {
    case v1::Right::GRANTED:
    case v1::Right::MOVED:
      return read_granted_uid(tables, right.port(), port);
    case v1::Right::HOME:
      return read_uid(tables.ends, right.port(), port);
    case v1::Right::INTRODUCED:
      return check_introduced(tables, right);
    default:
      return protocol_error("value of a right");
  }
}

Check check_right(const Tables& tables, const v1::Right& right, bool type_may_be_none) {
  const bool null = right.value() == v1::Right::NULL_RIGHT;
  const bool none = right.type() == 0 && type_may_be_none && null;
  const bool receive = right.type() == MACH_MSG_TYPE_PORT_RECEIVE && !type_may_be_none;
  if (!none && !receive && !is_send_type(right.type())) return protocol_error("type of a right");
  if (null || right.value() == v1::Right::DEAD) return std::nullopt;
  if (receive != (right.value() == v1::Right::MOVED)) return protocol_error("receive right");
  return check_port(tables, right);
}

Check check_rights(const Tables& tables, const v1::Message& wire) {
  if (Check fault = check_right(tables, wire.reply(), true)) return fault;
  for (const v1::Right& right : wire.rights()) {
    if (Check fault = check_right(tables, right, false)) return fault;
  }
  return std::nullopt;
}

Check check_destination(const Tables& tables, const v1::Message& wire) {
  if (!is_send_type(wire.destination_type())) return protocol_error("type of a destination");
  PortUid port;
  return read_uid(tables.ends, wire.destination(), port);
}

Check check_bits(const v1::Message& wire) {
  constexpr std::uint32_t kNever =
      MACH_MSGH_BITS_CIRCULAR | MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK;
  return (wire.other_bits() & kNever) != 0 ? protocol_error("header bits") : std::nullopt;
}

Check check_size(const PeerLimits& limits, const v1::Message& wire, const Freight& freight) {
  std::uint64_t size = kHeaderSize + wire.body().size();
  for (const std::string& memory : wire.memory()) size += memory.size();
  if (size > kFrameMessageMax) return protocol_error("too much in one frame");
  if (wire.transfer() != 0 && wire.memory_size() != 0) return protocol_error("memory in two ways");
  if (freight.body) size += freight.body->size();
  for (const Freight::Part& part : freight.memory) size += part.memory.length();
  if (size > limits.message_bytes) return protocol_error("message too large");
  if (static_cast<std::uint32_t>(wire.rights_size()) > limits.rights_per_message) {
    return protocol_error("too many rights");
  }
  return std::nullopt;
}

// REQUIRES: it was checked.
PortUid port_of(const Tables& tables, const v1::Uid& wire) {
  PortUid port;
  (void)read_uid(tables.ends, wire, port);
  return port;
}

// Every right for a port of theirs that we have no proxy for yet, each port once.
std::size_t count_new_proxies(const Tables& tables, const v1::Message& wire) {
  std::set<PortUid> found;
  const auto look_at = [&](const v1::Right& right) {
    if (right.value() != v1::Right::GRANTED) return;
    const PortUid port = port_of(tables, right.port());
    if (!tables.holders.contains(port)) found.insert(port);
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

// Without the body nobody knows where the rights belong; nobody shall have them.
Check plan_rights_alone(const v1::Message& wire, BodyPlan& plan) {
  plan.slots.assign(static_cast<std::size_t>(wire.rights_size()), {kHeaderSize, ipc::BodyRight::kInline});
  return std::nullopt;
}

Check check_message(const Tables& tables, const PeerLimits& limits, const v1::Message& wire,
                    const Freight& freight, BodyPlan& plan) {
  if (Check fault = check_size(limits, wire, freight)) return fault;
  if (Check fault = check_bits(wire)) return fault;
  if (Check fault = check_destination(tables, wire)) return fault;
  if (Check fault = check_rights(tables, wire)) return fault;
  if (Check fault = freight.spoilt ? plan_rights_alone(wire, plan) : check_body(wire, freight, plan))
    return fault;
  return check_ceiling(tables, limits, wire);
}

ipc::Bytes message_bytes(const v1::Message& wire, Freight& freight) {
  if (freight.body) return std::move(*freight.body);
  ipc::Bytes bytes(kHeaderSize + wire.body().size());
  std::memcpy(bytes.data() + kHeaderSize, wire.body().data(), wire.body().size());
  return bytes;
}

// The plan's regions with what came for them.
std::vector<ipc::Region> regions_of(BodyPlan& plan, Freight& freight) {
  std::size_t next = 0;
  for (ipc::Region& region : plan.regions) {
    if (region.rights == 0) region.memory = std::move(freight.memory[next++].memory);
  }
  return std::move(plan.regions);
}

// --- coming in: the commit ---

class Entrance {
 public:
  Entrance(Tables& tables, Arrival& arrival) : tables_(tables), arrival_(arrival) {}

  ipc::CarriedRight enter(const v1::Right& wire, std::size_t slot) {
    const auto type = static_cast<ipc::RightType>(wire.type());
    if (wire.value() == v1::Right::NULL_RIGHT) return ipc::CarriedRight::null(type);
    if (wire.value() == v1::Right::DEAD) return ipc::CarriedRight::dead(type);
    const PortUid port = port_of(tables_, wire.port());
    if (wire.value() == v1::Right::MOVED) return claim(port);
    if (wire.value() == v1::Right::HOME) return come_home(port, type);
    return wire.value() == v1::Right::GRANTED ? receive(wire, port, slot) : introduced(wire, port, slot);
  }

  // R2, R8; also how a destination is found.
  ipc::CarriedRight come_home(const PortUid& port, ipc::RightType type) {
    if (type == ipc::RightType::kSend) {
      if (ipc::SendRight right = tables_.exports.use(port)) return ipc::CarriedRight(std::move(right));
    } else if (ipc::SendOnceRight right = tables_.exports.use_once(port)) {
      return ipc::CarriedRight(std::move(right));
    }
    if (tables_.moves == nullptr) return refuse(type);
    ipc::CarriedRight right = tables_.moves->follow(tables_.peer, port, type);
    return right.is_null() ? refuse(type) : std::move(right);
  }

 private:
  // M1: its Move has come just before.
  ipc::CarriedRight claim(const PortUid& port) {
    ipc::ReceiveRight right = tables_.moves != nullptr ? tables_.moves->claim(port) : ipc::ReceiveRight();
    return right ? ipc::CarriedRight(std::move(right)) : refuse(ipc::RightType::kReceive);
  }

  ipc::CarriedRight receive(const v1::Right& wire, const PortUid& port, std::size_t slot) {
    const auto type = static_cast<ipc::RightType>(wire.type());
    if (is_contested(tables_, port) && !broken(Rule::kContestWaits)) {
      arrival_.contested.push_back({slot, port, type, wire.room()});
      return ipc::CarriedRight::null(type);
    }
    std::optional<ipc::CarriedRight> unit = receive_unit(tables_, port, wire.room(), type);
    if (!unit) return refuse(type);
    arrival_.rooms.push_back({port, wire.room()});
    return std::move(*unit);
  }

  // R3.
  ipc::CarriedRight introduced(const v1::Right& wire, const PortUid& port, std::size_t slot) {
    const auto type = static_cast<ipc::RightType>(wire.type());
    Arrival::Introduced& made = arrival_.introduced.emplace_back();
    made.slot = slot;
    made.port = port;
    made.type = type;
    made.id = {tables_.ends.them, wire.introduced().nonce()};
    (void)read_origin(wire.introduced().hint(), made.hint);  // it was checked
    made.session = wire.introduced().session();
    return ipc::CarriedRight::null(type);
  }

  ipc::CarriedRight refuse(ipc::RightType type) {
    ++arrival_.refused;
    return ipc::CarriedRight::dead(type);
  }

  Tables& tables_;
  Arrival& arrival_;
};

}  // namespace

// What says GRANTED or MOVED can be a port of ours that has moved, but none that nobody was ever given; name services never
// move.
Check read_granted_uid(const Tables& tables, const v1::Uid& wire, PortUid& port) {
  if (Check fault = read_uid(tables.ends, wire, port)) return fault;
  const bool invented = port.origin == tables.ends.us && !tables.registry.given_out(port);
  if (invented) return protocol_error("a port of ours that was never given out");
  const bool elsewhere = port.serial == kNameServiceSerial && port.origin != tables.ends.them;
  return elsewhere ? protocol_error("somebody else's name service") : std::nullopt;
}

bool is_contested(const Tables& tables, const PortUid& port) {
  const Registry::Entry* known = std::as_const(tables.registry).find(port);
  return known != nullptr && known->home && *known->home != tables.peer;
}

std::optional<ipc::CarriedRight> receive_unit(Tables& tables, const PortUid& port, std::uint32_t room,
                                              ipc::RightType type) {
  const Registry::Entry* known = std::as_const(tables.registry).find(port);
  if (known != nullptr && known->home != tables.peer) return std::nullopt;
  Holder& holder = tables.holders.obtain(port, room);
  if (type == ipc::RightType::kSendOnce) {
    if (broken(Rule::kOnceArrives)) return ipc::CarriedRight::dead(type);
    return ipc::CarriedRight(ipc::SendOnceRight::mint(holder.port()));
  }
  if (!broken(Rule::kCountEachUnit) || holder.received == 0) ++holder.received;
  return ipc::CarriedRight(ipc::SendRight::mint(holder.port()));
}

bool can_translate(const Tables& tables, const ipc::Port& port, ipc::RightType type) {
  if (port.remote()) return type != ipc::RightType::kReceive || is_theirs(tables, port);
  if (type != ipc::RightType::kReceive) return true;
  const Registry::Entry* entry = std::as_const(tables.registry).find(port);
  const bool name_service = entry != nullptr && entry->uid.serial == kNameServiceSerial;  // never moves
  return tables.moves != nullptr && !name_service;
}

bool can_go_along(const Tables& tables, const MessageLimits& theirs, const ipc::Port& port) {
  bool all = true;
  port.queue.for_each([&](const ipc::Message& message) { all = all && can_leave(tables, theirs, message); });
  return all;
}

void leave_right(Tables& tables, ipc::CarriedRight right, v1::Right& wire,
                 std::vector<Introducing>& introducing) {
  leave(tables, right, wire, Carrier::kMove, introducing);
}

Check check_request(const Tables& tables, const v1::Right& wire) {
  if (wire.type() != 0 && wire.type() != MACH_MSG_TYPE_PORT_SEND_ONCE) return protocol_error("request");
  return check_right(tables, wire, true);
}

ipc::SendOnceRight enter_request(Tables& tables, ipc::Engine& engine, const v1::Right& wire, Arrival& open) {
  if (wire.value() == v1::Right::DEAD) {
    const ipc::ReceiveRight dying = engine.make_remote_port(0);
    return ipc::SendOnceRight::mint(*dying.port());
  }
  ipc::CarriedRight right = Entrance(tables, open).enter(wire, 0);
  return right.holds_send_once() ? right.take_send_once() : ipc::SendOnceRight();
}

Egress translate_out(Tables& tables, const MessageLimits& theirs, FrameNumber as_of, ipc::Message& message,
                     v1::Message& wire, std::vector<Introducing>& introducing) {
  if (!pack(tables, theirs, message, wire)) return Egress::kRefused;
  leave_packed(tables, as_of, message, wire, introducing);
  return Egress::kDone;
}

bool pack(const Tables& tables, const MessageLimits& theirs, const ipc::Message& message, v1::Message& wire) {
  return is_theirs(tables, *message.destination.port()) && can_leave(tables, theirs, message) &&
         leave_memory(message, wire);
}

void leave_packed(Tables& tables, FrameNumber as_of, ipc::Message& message, v1::Message& wire,
                  std::vector<Introducing>& introducing) {
  leave_bytes(message, wire);
  leave_destination(tables, message.destination, wire);
  if (broken(Rule::kHeaderInOneStep) && message.reply.holds_send() && !message.reply.port()->remote())
    grant(tables, message.reply, *wire.mutable_reply(),
          Carrier::kMessage);  // as it was when the message was accepted
  const Carrier carrier = Carrier::kMessage;
  if (has_reply(message)) leave(tables, message.reply, *wire.mutable_reply(), carrier, introducing);
  for (ipc::BodyRight& item : message.body) {
    leave(tables, item.right, *wire.add_rights(), carrier, introducing);
  }
  wire.set_as_of(as_of);
}

Check translate_in(Tables& tables, ipc::Engine& engine, ipc::Account& account, const PeerLimits& limits,
                   const v1::Message& wire, Freight freight, Arrival& arrival) {
  BodyPlan plan;
  if (wire.transfer() == 0) freight = freight_in_frame(wire);
  if (Check fault = check_message(tables, limits, wire, freight, plan)) return fault;
  arrival.overdrawn = account.overdrawn() || freight.spoilt;
  ipc::MessagePtr message = engine.new_message(account, message_bytes(wire, freight));

  if (arrival.overdrawn && broken(Rule::kOverdrawnIsSettled)) return std::nullopt;

  Entrance entrance(tables, arrival);
  message->other_bits = wire.other_bits();
  message->id = wire.id();
  arrival.destination = port_of(tables, wire.destination());
  message->destination =
      entrance.come_home(arrival.destination, static_cast<ipc::RightType>(wire.destination_type()));
  if (message->destination.is_dead() && broken(Rule::kRefusedIsSettled)) return std::nullopt;
  message->reply = entrance.enter(wire.reply(), 0);
  message->body.reserve(plan.slots.size());
  for (std::size_t at = 0; at < plan.slots.size(); ++at) {
    if (message->reply.is_dead() && broken(Rule::kHeaderAndBodyTogether)) break;
    const BodyPlan::Slot& slot = plan.slots[at];
    const v1::Right& right = wire.rights(static_cast<int>(at));
    message->body.push_back({slot.offset, entrance.enter(right, at + 1), slot.region});
  }
  message->regions = regions_of(plan, freight);
  message->charge_rights();
  message->charge_memory();
  arrival.deliverable = message->destination.port() != nullptr && !arrival.overdrawn;
  if (arrival.deliverable) engine.send_on_its_way(*message);
  arrival.message = std::move(message);
  return std::nullopt;
}

}  // namespace netmsg::proxy
