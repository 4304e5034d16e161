// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/excuses.h"

#include <mach/notify.h>

#include <algorithm>
#include <optional>

#include "tests/conformance/recorded_layout.h"

namespace netmsg::conformance {

namespace {

constexpr std::string_view kSuccess = "MACH_MSG_SUCCESS";
constexpr std::string_view kTooSmall = "MACH_SEND_MSG_TOO_SMALL";

template <typename Holds>
bool any_item(const Operation& operation, Holds holds) {
  const std::optional<Message>& message = operation.call.message;
  return message && is_complex(*message) && std::any_of(message->items.begin(), message->items.end(), holds);
}

bool carries_rights(const Message& message) {
  return std::any_of(message.items.begin(), message.items.end(),
                     [](const Item& item) { return item.kind == Item::Kind::kPorts; });
}

bool requests_dead_name(std::string_view state) {
  return state.find(" DNREQUEST") != std::string_view::npos;
}

// The text between two words of a state, as "3" in "SEND:3 DNREQUEST"; empty if `word` is not there.
std::string_view count_of(std::string_view state, std::string_view word) {
  const std::size_t at = state.find(word);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = state.substr(at + word.size());
  return rest.substr(0, rest.find_first_not_of("0123456789"));
}

// --- §2: what depends on the layout ---

bool has_bad_inner_header(const Operation& operation) {
  return any_item(operation, [](const Item& item) { return item.bad_header; });
}

bool has_overflowing_ports(const Operation& operation) {
  return any_item(operation, recorded::length_overflowed);
}

bool has_swapped_port_size(const Operation& operation) {
  return any_item(operation, [](const Item& item) {
    return item.kind == Item::Kind::kPorts && !item.out_of_line && item.size_field == 64U;
  });
}

// Shorter than a header in our layout, and not in the recorded one.
bool is_too_short_only_here(const Operation& operation, std::uint32_t sent_size) {
  const std::optional<Message>& message = operation.call.message;
  return message && message->cut != 0 && sent_size < sizeof(mach_msg_header_t) &&
         recorded::sent_size(*message) >= recorded::kHeaderSize;
}

// Whole items were cut off, and in the recorded layout a part of one.
bool is_cut_between_items_only_here(const Operation& operation, std::uint32_t sent_size) {
  const std::optional<Message>& message = operation.call.message;
  if (!message || message->cut == 0 || !is_complex(*message)) return false;
  const std::vector<std::uint32_t> there = recorded::boundaries(*message);
  const std::vector<std::uint32_t> here = boundaries(*message);
  return std::count(here.begin(), here.end(), sent_size) != 0 &&
         std::count(there.begin(), there.end(), recorded::sent_size(*message)) == 0;
}

// --- §1, deviation 2 ---

bool destroys_receive_right(const Operation& operation, SpaceId space, Symbol symbol) {
  return operation.verb == Verb::kModRefs && operation.right == MACH_PORT_RIGHT_RECEIVE &&
         operation.amount == -1 && operation.target == space && is_symbol(operation.name) &&
         operation.name.symbol == symbol;
}

struct PhantomRight {
  std::string recorded;  // a dead name, with the reference of the notification that a request would bring
  std::string ours;      // the send right, with its request
};

// What becomes of an entry whose port survives in a port-destroyed notification.
std::optional<PhantomRight> phantom_right(std::string_view before) {
  const std::string_view urefs = count_of(before, "RECEIVE:1+SEND:");
  if (urefs.empty() || before.find(" pdrequest=1") == std::string_view::npos) return std::nullopt;
  const bool request = requests_dead_name(before);
  const std::uint64_t recorded = std::stoull(std::string(urefs)) + (request ? 1 : 0);
  const bool accepted = before.find(" MAREQUEST") != std::string_view::npos;
  return PhantomRight{
      "DEAD_NAME:" + std::to_string(recorded),
      "SEND:" + std::string(urefs) + (request ? " DNREQUEST" : "") + (accepted ? " MAREQUEST" : "")};
}

}  // namespace

Excuses::Verdict Excuses::excuse(const Operation& operation, std::string_view section, Verdict verdict) {
  used_.push_back({section, operation.number});
  return verdict;
}

void Excuses::sent(const Operation& operation) {
  if (has_swapped_port_size(operation)) excuse(operation, "2, portsize64", Verdict::kGoesOn);
}

Excuses::Verdict Excuses::code(const Operation& operation, std::uint32_t sent_size, std::string_view found) {
  const std::string& expected = operation.expected.code;
  if (expected == "MACH_SEND_INVALID_TYPE" && found == kSuccess && has_bad_inner_header(operation)) {
    return excuse(operation, "2, long-badhdr", Verdict::kOver);
  }
  if (expected == "MACH_SEND_INVALID_RIGHT" && found == kTooSmall && has_overflowing_ports(operation)) {
    return excuse(operation, "2, count.overflow.port", Verdict::kGoesOn);
  }
  if (expected == kSuccess && found == kTooSmall && is_too_short_only_here(operation, sent_size)) {
    return excuse(operation, "2, trunc.longdesc", Verdict::kOverUnchanged);
  }
  if (expected == kTooSmall && found == kSuccess && is_cut_between_items_only_here(operation, sent_size)) {
    return excuse(operation, "2, trunc.longdesc4", Verdict::kOver);
  }
  return Verdict::kNone;
}

Excuses::Verdict Excuses::states(const Operation& operation, std::uint32_t sent_size) {
  if (operation.expected.code != kTooSmall || !is_too_short_only_here(operation, sent_size))
    return Verdict::kNone;
  return excuse(operation, "2, trunc.longdesc", Verdict::kOverUnchanged);
}

Excuses::Verdict Excuses::state(const Operation& operation, SpaceId space, Symbol symbol,
                                std::string_view before, std::string_view expected, std::string_view found) {
  if (!destroys_receive_right(operation, space, symbol)) return Verdict::kNone;
  const std::optional<PhantomRight> phantom = phantom_right(before);
  if (!phantom || expected != phantom->recorded || found != phantom->ours) return Verdict::kNone;
  return excuse(operation, "1, deviation 2", Verdict::kOver);
}

Excuses::Verdict Excuses::memory_gone(const Operation& operation, const Item& item) {
  if (!item.deallocate || !recorded::number_was_cut(item)) return Verdict::kNone;
  return excuse(operation, "2, bodyfail", Verdict::kGoesOn);
}

// The recording kernel served who blocked last; the message of who blocked first was received instead.
Excuses::Verdict Excuses::message(const Operation& operation, std::int32_t found_id) {
  const auto& senders = blocked_senders_;
  const auto theirs = std::find(senders.begin(), senders.end(), operation.expected.written->message.id);
  const auto ours = std::find(senders.begin(), senders.end(), found_id);
  if (theirs == senders.end() || ours >= theirs) return Verdict::kNone;
  return excuse(operation, "1, deviation 1", Verdict::kOver);
}

// A right that comes earlier or later changes the states meanwhile.
Excuses::Verdict Excuses::arrival(const Operation& operation, const Written& line) {
  const bool changes = carries_rights(line.message) || carries_rights(operation.expected.written->message);
  return excuse(operation, "4.1", changes ? Verdict::kOver : Verdict::kGoesOn);
}

// --- §1, deviation 5 ---

void Excuses::recorded_state(const Operation& operation, SpaceId space, Symbol symbol,
                             std::string_view before, std::string_view after) {
  const Entry entry{space, symbol};
  if (requests_dead_name(after)) {
    const auto renamed = operation.verb == Verb::kRename && operation.expected.name
                             ? requests_.find({operation.target, operation.name.symbol})
                             : requests_.end();
    requests_.emplace(entry, renamed != requests_.end() ? renamed->second : operation.number);
    return;
  }
  const auto request = requests_.find(entry);
  if (request == requests_.end()) return;
  if (requests_dead_name(before) && after.starts_with("DEAD_NAME:")) {
    deaths_[entry] = operation.number;
    registered_[entry] = request->second;
  }
  requests_.erase(request);
}

void Excuses::received(const Operation& operation) {
  std::erase(blocked_senders_, operation.expected.written->message.id);
}

Excuses::Verdict Excuses::datum(const Operation& operation, const NameRef& expected, Name found,
                                CaseNames& names) {
  if (operation.expected.written->message.id != MACH_NOTIFY_DEAD_NAME || !is_symbol(expected))
    return Verdict::kNone;
  const Entry theirs{expected.space.value_or(operation.thread.space), expected.symbol};
  const auto death = deaths_.find(theirs);
  if (death == deaths_.end() || !recorded_.insert(theirs).second) return Verdict::kNone;
  if (names.accept_datum(operation.thread.space, expected, found) && told_.insert(theirs).second) {
    return Verdict::kGoesOn;
  }
  for (const auto& [ours, when] : deaths_) {
    const bool earlier = told_.count(theirs) != 0 || registered_[ours] < registered_[theirs];
    if (when != death->second || told_.count(ours) != 0 || !earlier) continue;
    if (!names.of(ours.first).may_denote(ours.second, found)) continue;
    told_.insert(ours);
    return excuse(operation, "1, deviation 5", Verdict::kGoesOn);
  }
  return Verdict::kNone;
}

// --- §3.1 ---

// Is this the message that the next successful receive from there gets?
// Is a message with this id the next that is received from there? From a set whose members come and go that is not to
// be seen: there it is enough that nobody has received it yet.
bool Excuses::is_next_message(const Operation& operation, std::int32_t id) const {
  const NameRef& name = operation.call.receive_name;
  const bool from_set = is_set(operation.thread.space, name);
  for (const Operation& one : case_.operations) {
    if (!one.expected.written || one.expected.written->kind != Written::Kind::kReceived) continue;
    const bool same_id = one.expected.written->message.id == id;
    const bool later = one.number > operation.number;
    if (from_set && !later && same_id) return false;
    const bool there =
        one.thread.space == operation.thread.space && one.call.receive_name.symbol == name.symbol;
    if (!from_set && later && there) return same_id;
  }
  return from_set;
}

bool Excuses::is_set(SpaceId space, const NameRef& name) const {
  return std::any_of(case_.operations.begin(), case_.operations.end(), [&](const Operation& one) {
    const auto& states = one.expected.states;
    return std::any_of(states.begin(), states.end(), [&](const State& state) {
      return state.name.space == space && state.name.symbol == name.symbol &&
             state.text.starts_with("PORT_SET");
    });
  });
}

Excuses::Verdict Excuses::told_size(const Operation& operation, std::uint32_t found,
                                    const std::map<std::uint32_t, std::uint32_t>& sizes) {
  for (const Operation& earlier : case_.operations) {
    if (earlier.number >= operation.number || !earlier.call.message) continue;
    if (sizes.at(earlier.number) != found || !is_next_message(operation, earlier.call.message->id)) continue;
    return excuse(operation, "3.1", Verdict::kGoesOn);
  }
  return Verdict::kNone;
}

}  // namespace netmsg::conformance
