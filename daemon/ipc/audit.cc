// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/audit.h"

#include <unordered_map>

#include "daemon/base/check.h"
#include "daemon/ipc/places.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

namespace {

// ---------------------------------------------------------------- the census

class Census {
 public:
  explicit Census(const Core& core) {
    for_each_right(core, [this](const Place&, RightType type, const Port& port) { held_[&port].add(type); });
  }

  const Held& of(const Port& port) { return held_[&port]; }

 private:
  std::unordered_map<const Port*, Held> held_;
};

std::string describe(const Port& port) {
  if (const Space* space = port.receiver()) {
    return "port " + std::to_string(port.receiver_name()) + " of space " + std::to_string(space->id()) +
           " (" + space->label() + ")";
  }
  return port.dead() ? "a dead port" : port.remote() ? "a proxy" : "a port without a name";
}

void compare(std::vector<std::string>& imbalances, const Port& port, const char* what, std::uint32_t counted,
             std::uint32_t found) {
  if (counted == found) return;
  imbalances.push_back(describe(port) + ": " + what + ": the port counts " + std::to_string(counted) +
                       ", held are " + std::to_string(found));
}

// ---------------------------------------------------------------- structure

void check_home(const Port& port) {
  if (Space* space = port.receiver()) {
    const Entry* entry = space->find(port.receiver_name());
    NETMSG_CHECK(entry != nullptr && entry->receive.port() == &port);
  }
  // kLimbo between events: only in a circular message whose send is blocked (03 §9); the census finds its
  // right there.
  for (const Port* at = port.transit_to(); at != nullptr; at = at->transit_to()) NETMSG_CHECK(at != &port);
}

void check_queue(const Port& port) {
  std::uint32_t queued = 0;
  port.queue.for_each([&](const Message& message) {
    NETMSG_CHECK(message.destination.port() == &port);
    ++queued;
  });
  if (!port.remote()) NETMSG_CHECK(port.msgcount == queued + port.held);
  NETMSG_CHECK(!port.remote() || (!port.closed && queued + port.held == 0));
  NETMSG_CHECK(port.set == nullptr || (port.receiver() != nullptr && port.receivers.empty()));
  NETMSG_CHECK(queued == 0 || port.receivers.empty());
  if (!port.senders.empty()) NETMSG_CHECK(!port.dead() && port.room() == 0);
}

// The order of arrival holds exactly the messages of the members, those of each member in their order.
void check_set(const Space& space, Name name, const PortSet& set) {
  NETMSG_CHECK(set.name == name);
  NETMSG_CHECK(set.arrivals.empty() || set.receivers.empty());
  std::unordered_map<const Port*, std::vector<const Message*>> arrived;
  set.arrivals.for_each(
      [&](const Message& message) { arrived[message.destination.port()].push_back(&message); });
  set.members.for_each([&](const Port& port) {
    NETMSG_CHECK(port.set == &set && port.receiver() == &space);
    std::vector<const Message*> queued;
    port.queue.for_each([&](const Message& message) { queued.push_back(&message); });
    NETMSG_CHECK(arrived[&port] == queued);
    arrived.erase(&port);
  });
  NETMSG_CHECK(arrived.empty());
}

void check_watch(const Watch& watch) {
  NETMSG_CHECK(watch.watchers > 0);
  NETMSG_CHECK(!watch.linked());
  NETMSG_CHECK(watch.ready() == watch.has_answer());
}

void check_entry(Space& space, Name name, const Entry& entry) {
  const EntryState state = entry.state();
  const bool counted =
      state == EntryState::kSend || state == EntryState::kReceiveSend || state == EntryState::kDead;
  NETMSG_CHECK(!counted || (entry.urefs >= 1 && entry.urefs <= kDeadUrefsMax));
  if (entry.send) NETMSG_CHECK(space.name_of(*entry.send.port()) == name);
  if (entry.receive && entry.send) NETMSG_CHECK(entry.receive.port() == entry.send.port());
  if (entry.set) check_set(space, name, *entry.set);
  if (entry.accepted != nullptr) NETMSG_CHECK(entry.accepted->name() == name && entry.port() != nullptr);
  if (!entry.request) return;
  NETMSG_CHECK(entry.request->name == name && &entry.request->space == &space);
  NETMSG_CHECK(entry.request->linked() && entry.request->notify && entry.port() != nullptr);
}

// ---------------------------------------------------------------- digest

// FNV-1a over a walk in canonical order: spaces by id, names ascending, ports numbered when first met.
class Digest {
 public:
  explicit Digest(const Core& core) {
    for (const auto& [id, space] : core.spaces) add_space(*space);
    core.inheritances.for_each([this](const Inheritance& inheritance) {
      inheritance.for_each_right([this](const CarriedRight& right) { add_right(right); });
    });
    for (std::size_t at = 0; at < met_.size(); ++at) add_port(*met_[at]);
  }

  std::uint64_t value() const { return value_; }

 private:
  void add(std::uint64_t word) {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<std::uint8_t>(word >> shift));
  }

  void add_byte(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001B3ULL; }

  void add_bytes(const Bytes& bytes) {
    add(bytes.size());
    for (const std::byte byte : bytes) add_byte(static_cast<std::uint8_t>(byte));
  }

  void add_reference(const Port* port) {
    if (port == nullptr) return add(0);
    const auto [found, is_new] = numbers_.emplace(port, numbers_.size() + 1);
    if (is_new) met_.push_back(port);
    add(found->second);
  }

  void add_right(const CarriedRight& right) {
    add(static_cast<std::uint64_t>(right.type()));
    add(right.is_dead());
    add_reference(right.port());
  }

  void add_message(const Message& message) {
    add(message.other_bits);
    add(static_cast<std::uint32_t>(message.id));
    add_bytes(message.bytes);
    add_right(message.destination);
    add_right(message.reply);
    for (const BodyRight& item : message.body) add_right(item.right);
    for (const Region& region : message.regions) {
      add(region.slot);
      add(region.rights);
      add(region.memory.length());
    }
    add(message.circular);
    add(message.accepted ? message.accepted->name() : kNullName);
    add_reference(message.accepted ? message.accepted->notify().port() : nullptr);
  }

  void add_operation(const Operation& operation) {
    const MsgArgs& args = operation.args;
    add(operation.token);
    for (const std::uint32_t word : {static_cast<std::uint32_t>(args.option), args.rcv_size, args.rcv_name,
                                     args.timeout_ms, args.notify}) {
      add(word);
    }
    if (operation.message) add_message(*operation.message);
  }

  void add_space(Space& space) {
    add(space.id());
    space.for_each([this](Name name, const Entry& entry) {
      add(name);
      add(entry.type());
      add(entry.urefs);
      add_reference(entry.port());
      add_reference(entry.request ? entry.request->notify.port() : nullptr);
      if (entry.set) add_set(*entry.set);
    });
    for (const auto& [token, operation] : space.operations()) add_operation(*operation);
    space.task().for_each_right([this](const CarriedRight& right) { add_right(right); });
    for (const auto& [id, watch] : space.watches()) {
      for (const std::uint32_t word : {id, watch->watchers, watch->signal(), std::uint32_t{watch->ready()}})
        add(word);
    }
  }

  // Which port the messages are for, oldest first; they themselves come with their ports.
  void add_set(const PortSet& set) {
    set.arrivals.for_each([this](const Message& message) { add_reference(message.destination.port()); });
    set.receivers.for_each([this](const Operation& operation) { add(operation.token); });
  }

  void add_port(const Port& port) {
    add(static_cast<std::uint64_t>(port.home()));
    for (const std::uint32_t count :
         {port.srights(), port.sorights(), port.mscount, port.seqno, port.msgcount, port.qlimit}) {
      add(count);
    }
    add(port.set != nullptr ? port.set->name : kNullName);
    add(port.payload.has_value());
    add(port.payload.value_or(0));
    add_reference(port.no_senders_request.port());
    add_reference(port.port_destroyed_request.port());
    add_reference(port.transit_to());
    port.queue.for_each([this](const Message& message) { add_message(message); });
    port.senders.for_each([this](const Operation& operation) { add(operation.token); });
    port.receivers.for_each([this](const Operation& operation) { add(operation.token); });
  }

  std::uint64_t value_ = 0xCBF29CE484222325ULL;
  std::unordered_map<const Port*, std::size_t> numbers_;
  std::vector<const Port*> met_;
};

}  // namespace

std::vector<std::string> audit_rights(const Core& core) {
  std::vector<std::string> imbalances;
  Census census(core);
  core.ports.for_each([&](const Port& port) {
    const Held& held = census.of(port);
    compare(imbalances, port, "send rights", port.srights(), held.send);
    compare(imbalances, port, "send-once rights", port.sorights(), held.send_once);
    compare(imbalances, port, "receive rights", port.dead() ? 0 : 1, held.receive);
  });
  return imbalances;
}

void check_structure(const Core& core) {
  core.ports.for_each([](const Port& port) {
    check_home(port);
    check_queue(port);
  });
  for (const auto& [id, space] : core.spaces) {
    space->for_each([&at = *space](Name name, const Entry& entry) { check_entry(at, name, entry); });
    for (const auto& [watch_id, watch] : space->watches()) check_watch(*watch);
  }
}

std::uint64_t digest_of(const Core& core) {
  return Digest(core).value();
}

}  // namespace netmsg::ipc
