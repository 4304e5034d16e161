// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/arrivals.h"

#include <mach/notify.h>

#include <algorithm>
#include <cstring>

#include "tests/conformance/scan.h"

namespace netmsg::conformance {

namespace {

constexpr std::size_t kValueOffset = sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t);

bool dequeues(const Operation& operation) {
  const std::optional<Written>& written = operation.expected.written;
  return written &&
         (written->kind == Written::Kind::kReceived || written->kind == Written::Kind::kHeaderOnly);
}

// Where the message came from: the port that it names, for a set does not.
std::optional<NameRef> source_of(const Operation& operation) {
  const Message& message = operation.expected.written->message;
  if (!message.payload && is_symbol(message.local.name)) return message.local.name;
  return is_symbol(operation.call.receive_name) ? std::optional(operation.call.receive_name) : std::nullopt;
}

std::optional<std::uint32_t> queued(std::string_view state) {
  constexpr std::string_view kWord = " msgcount=";
  const std::size_t at = state.find(kWord);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = state.substr(at + kWord.size());
  return scan::parse_u32(rest.substr(0, rest.find(' ')));
}

// The name that a notification tells as a datum.
std::optional<NameRef> told_name(const Operation& receive) {
  const std::vector<Item>& items = receive.expected.written->message.items;
  if (items.size() != 1 || items[0].kind != Item::Kind::kNames || items[0].names.size() != 1)
    return std::nullopt;
  return items[0].names[0];
}

// These are made at the space of the name: one host.
std::optional<SpaceId> host_of(const Operation& receive) {
  const std::optional<NameRef> name = told_name(receive);
  if (!name || !is_symbol(*name)) return std::nullopt;
  return name->space.value_or(receive.thread.space);
}

bool is_notification(const Operation& receive) {
  const std::int32_t id = receive.expected.written->message.id;
  return MACH_NOTIFY_FIRST <= id && id <= MACH_NOTIFY_LAST;
}

// Is it the message of this line?
bool is_line_of(const Operation& receive, const Bytes& found, CaseNames& names) {
  mach_msg_header_t header;
  std::memcpy(&header, found.data(), sizeof header);
  if (header.msgh_id != receive.expected.written->message.id) return false;
  const std::optional<NameRef> told = told_name(receive);
  if (!told) return true;
  Name name = 0;
  if (found.size() < kValueOffset + sizeof name) return false;
  std::memcpy(&name, found.data() + kValueOffset, sizeof name);
  return names.accept_datum(receive.thread.space, *told, name);
}

// Of messages of one kind the lines are taken in order: which of them comes first is no matter of hosts.
bool same_kind(const Operation& one, const Operation& other) {
  return one.expected.written->message.id == other.expected.written->message.id &&
         host_of(one) == host_of(other);
}

// May `later` come before `earlier`, both of one cause?
bool may_overtake(const Operation& later, const Operation& earlier) {
  const std::optional<SpaceId> host = host_of(later);
  return (is_notification(later) || is_notification(earlier)) && (!host || host != host_of(earlier));
}

}  // namespace

Arrivals::Arrivals(const Case& recorded) {
  for (const Operation& operation : recorded.operations) follow(operation);
}

void Arrivals::follow(const Operation& operation) {
  follow_rename(operation);
  std::optional<Port> from;
  if (dequeues(operation)) {
    if (const std::optional<NameRef> name = source_of(operation))
      from = Port{operation.thread.space, name->symbol};
  }
  for (const State& state : operation.expected.states) {
    const Port port{state.name.space.value_or(operation.thread.space), state.name.symbol};
    follow_state(operation, port, state.text, from == port);
  }
}

void Arrivals::follow_rename(const Operation& operation) {
  if (operation.verb != Verb::kRename || !operation.expected.name) return;
  auto node = queues_.extract({operation.target, operation.name.symbol});
  if (node.empty()) return;
  node.key() = {operation.target, operation.expected.name->symbol};
  queues_.insert(std::move(node));
}

// What the operation received was there before what it caused, unless nothing was.
void Arrivals::follow_state(const Operation& operation, const Port& port, std::string_view state,
                            bool received) {
  const std::optional<std::uint32_t> count = queued(state);
  if (!count) {
    queues_.erase(port);
    return;
  }
  const bool known = queues_.count(port) != 0;
  Queue& queue = queues_[port];
  const std::size_t total = *count + (received ? 1 : 0);
  while (queue.size() > total) queue.pop_front();
  while (queue.size() < total) queue.push_back(known ? operation.number : 0);
  if (!received) return;
  take(operation, port, queue.front());
  queue.pop_front();
}

void Arrivals::take(const Operation& operation, const Port& port, std::uint32_t cause) {
  if (cause == 0 || operation.expected.written->kind != Written::Kind::kReceived) return;
  causes_.emplace(operation.number, Cause{port, cause});
  Lines& lines = lines_[{port, cause}];
  lines.all.push_back(&operation);
  lines.due.push_back(&operation);
}

std::optional<Written> Arrivals::line_of(const Operation& operation, const Bytes& found, CaseNames& names) {
  const auto cause = causes_.find(operation.number);
  if (cause == causes_.end() || found.size() < sizeof(mach_msg_header_t)) return std::nullopt;
  auto& [all, due] = lines_.at(cause->second);
  const auto like = std::find_if(
      all.begin(), all.end(), [&](const Operation* receive) { return is_line_of(*receive, found, names); });
  if (like == all.end()) return std::nullopt;
  const auto came = std::find_if(due.begin(), due.end(),
                                 [&](const Operation* receive) { return same_kind(*receive, **like); });
  if (came == due.end()) return std::nullopt;
  const Operation& receive = **came;
  if (!std::all_of(due.begin(), came, [&](const Operation* one) { return may_overtake(receive, *one); }))
    return std::nullopt;
  due.erase(came);
  if (&receive == &operation) return std::nullopt;
  std::optional<Written> line = receive.expected.written;
  line->message.seqno = operation.expected.written->message.seqno;
  return line;
}

}  // namespace netmsg::conformance
