// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/replay.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/conformance/codes.h"
#include "tests/conformance/deviations.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/symbols.h"

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kBigBuffer = 1U << 20;
constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);
constexpr std::uint32_t kSizeEnd = offsetof(mach_msg_header_t, msgh_size) + sizeof(mach_msg_size_t);

std::string to_text(SpaceId space, Symbol symbol) {
  return std::string(space == SpaceId::kT0 ? "t0:p" : "t1:p") + std::to_string(symbol);
}

std::string differs(const std::string& what, const std::string& expected, const std::string& found) {
  return what + ": expected " + expected + ", found " + found;
}

bool is_symbol(const NameRef& name) {
  return name.kind == NameRef::Kind::kSymbol;
}

mach_msg_size_t load_size(const Bytes& bytes, std::size_t offset) {
  mach_msg_size_t size;
  std::memcpy(&size, bytes.data() + offset, sizeof size);
  return size;
}

// A code of the send half after which the message is in the caller's buffer again.
bool gives_back(mach_msg_return_t code) {
  return code == MACH_SEND_TIMED_OUT || code == MACH_SEND_INTERRUPTED || code == MACH_SEND_INVALID_NOTIFY ||
         code == MACH_SEND_NOTIFY_IN_PROGRESS;
}

// A message that is or was under way: what its thread may get back.
struct Sent {
  const Message* message = nullptr;  // null: the call does not send
  Encoded encoded = {};
  mach_msg_size_t rcv_size = 0;
  bool receives = false;
};

class Replay {
 public:
  // REQUIRES: the case has begun on the backend.
  Replay(const Case& recorded, Backend& backend) : case_(recorded), backend_(backend) {
    for (const SpaceId space : kSpaces) unnamed(space) = names_in(space);
  }

  // The first difference of the operation, in words; empty if there is none.
  std::string step(const Operation& operation);

 private:
  // --- names ---
  Symbols& symbols(SpaceId space) { return symbols_[static_cast<std::size_t>(space)]; }
  std::set<Name>& unnamed(SpaceId space) { return unnamed_[static_cast<std::size_t>(space)]; }
  std::set<Name> names_in(SpaceId space);
  bool denotes_nothing(SpaceId space, Name number);
  Name stale_number(SpaceId space, Symbol symbol);
  Name number_of(SpaceId space, const NameRef& name);
  Name chosen_number(SpaceId space, const NameRef& name);
  bool accept_right(const Operation& operation, SpaceId space, const NameRef& expected, Name found);
  bool accept_datum(SpaceId space, const NameRef& expected, Name found);
  NameJudge judge(const Operation& operation);
  std::string apply_unbound(const Operation& operation);

  // --- port calls ---
  std::string port_call(const Operation& operation);
  std::string compare_answer(const Operation& operation, const PortAnswer& answer);
  std::string compare_names(const Operation& operation, const PortAnswer& answer);

  // --- mach_msg ---
  Sent& begin(const Operation& operation);
  std::string mach_msg(const Operation& operation);
  std::string compare_progress(const Operation& operation);
  std::string join(const Operation& operation);
  std::string compare_call(const Operation& operation, const MsgAnswer& answer);
  std::string compare_written(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_message(const Operation& operation, const Bytes& bytes);
  std::string compare_raw(const Message& expected, const Bytes& bytes);
  std::string compare_header_only(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_size_only(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_told_size(const Operation& operation, mach_msg_size_t found);
  std::string given_back_unseen(const Operation& operation, const Bytes& bytes, const Sent& sent);
  std::uint32_t bytes_of(const SizeRef& size) const;

  // --- states ---
  std::string state_of(SpaceId space, Name number);
  std::string status_of(SpaceId space, Name number);
  std::string apply_states(const Operation& operation);
  std::string compare_states();
  std::string find_unexpected();

  std::string carry_out(const Operation& operation);

  const Case& case_;
  Backend& backend_;
  std::array<Symbols, 2> symbols_;
  std::array<std::set<Name>, 2> unnamed_;  // names that have no symbol: the task's own, and those of rule B
  std::map<std::pair<SpaceId, Symbol>, std::string> states_;  // as last written, of bound symbols
  std::map<std::pair<SpaceId, bool>, Sent> under_way_;        // the latest call of each thread
  std::set<std::pair<SpaceId, bool>> unjoined_;               // threads whose started call was not joined yet
  std::map<std::pair<SpaceId, bool>, MsgAnswer> ended_;       // calls that ended and were not joined yet
  std::map<std::uint32_t, std::uint32_t> sizes_;              // of the messages sent, by operation
  std::vector<std::pair<std::int32_t, Bytes>> bodies_;        // of the messages sent, with their ids
};

std::pair<SpaceId, bool> key(Thread thread) {
  return {thread.space, thread.second};
}

// ---------------------------------------------------------------- names

std::set<Name> Replay::names_in(SpaceId space) {
  const PortAnswer answer = backend_.port_call({.verb = Verb::kNames, .caller = space, .target = space});
  return {answer.names.begin(), answer.names.end()};
}

bool Replay::denotes_nothing(SpaceId space, Name number) {
  PortCall call{.verb = Verb::kType, .caller = space, .target = space, .name = number};
  return backend_.port_call(call).code != KERN_SUCCESS;
}

// A number for an unbound symbol: its old one, so that stale names are tried, unless it means something
// again.
Name Replay::stale_number(SpaceId space, Symbol symbol) {
  if (!symbols(space).is_known(symbol)) return backend_.unused_name(space);
  const Name number = symbols(space).number(symbol);
  return denotes_nothing(space, number) ? number : backend_.unused_name(space);
}

Name Replay::number_of(SpaceId space, const NameRef& name) {
  space = name.space.value_or(space);
  switch (name.kind) {
    case NameRef::Kind::kNull:
      return MACH_PORT_NULL;
    case NameRef::Kind::kDead:
      return MACH_PORT_DEAD;
    case NameRef::Kind::kBogus:
      return backend_.unused_name(space);
    case NameRef::Kind::kSymbol:
      break;
  }
  return symbols(space).is_bound(name.symbol) ? symbols(space).number(name.symbol)
                                              : stale_number(space, name.symbol);
}

// A name that the operation chooses itself: an unbound symbol may be any unused number.
Name Replay::chosen_number(SpaceId space, const NameRef& name) {
  const bool choose = is_symbol(name) && !symbols(space).is_bound(name.symbol);
  return choose ? backend_.unused_name(space) : number_of(space, name);
}

bool Replay::accept_right(const Operation& operation, SpaceId space, const NameRef& expected, Name found) {
  if (!is_symbol(expected))
    return expected.kind != NameRef::Kind::kBogus && found == number_of(space, expected);
  if (!MACH_PORT_NAME_VALID(found)) return false;
  Symbols& names = symbols(space);
  if (names.is_known(expected.symbol)) {
    return names.is_bound(expected.symbol) && names.number(expected.symbol) == found;
  }
  std::vector<Symbol> replaced;
  for (const NameRef& freed : operation.expected.unbound) {
    if (freed.space.value_or(space) == space) replaced.push_back(freed.symbol);
  }
  return names.bind(expected.symbol, found, std::move(replaced));
}

bool Replay::accept_datum(SpaceId space, const NameRef& expected, Name found) {
  if (!is_symbol(expected))
    return expected.kind != NameRef::Kind::kBogus && found == number_of(space, expected);
  return symbols(expected.space.value_or(space)).may_denote(expected.symbol, found);
}

NameJudge Replay::judge(const Operation& operation) {
  const SpaceId space = operation.thread.space;
  return {
      [this, space, &operation](const NameRef& expected, Name found) {
        return accept_right(operation, space, expected, found);
      },
      [this, space](const NameRef& expected, Name found) { return accept_datum(space, expected, found); }};
}

std::string Replay::apply_unbound(const Operation& operation) {
  for (const NameRef& freed : operation.expected.unbound) {
    const SpaceId space = freed.space.value_or(operation.thread.space);
    if (!symbols(space).is_bound(freed.symbol)) return to_text(space, freed.symbol) + " is not bound";
    symbols(space).unbind(freed.symbol);
    states_.erase({space, freed.symbol});
  }
  return {};
}

// ---------------------------------------------------------------- port calls

bool chooses_name(Verb verb) {
  return verb == Verb::kInsert || verb == Verb::kTrapInsert || verb == Verb::kAllocName ||
         verb == Verb::kTrapAllocName;
}

std::string Replay::port_call(const Operation& operation) {
  PortCall call{.verb = operation.verb,
                .caller = operation.thread.space,
                .target = operation.target,
                .right = operation.right,
                .amount = operation.amount,
                .variant = operation.variant,
                .poly_type = operation.poly.type};
  const bool chosen = chooses_name(operation.verb);
  call.name = chosen ? chosen_number(call.target, operation.name) : number_of(call.target, operation.name);
  call.other = operation.verb == Verb::kRename ? chosen_number(call.target, operation.other)
                                               : number_of(call.target, operation.other);
  call.poly = number_of(call.caller, operation.poly.name);
  PortAnswer answer = backend_.port_call(call);
  if (chosen) answer.name = call.name;
  if (operation.verb == Verb::kRename) answer.name = call.other;
  return compare_answer(operation, answer);
}

std::string Replay::compare_answer(const Operation& operation, const PortAnswer& answer) {
  const Expected& expected = operation.expected;
  const std::string code = port_call_code(answer.code);
  if (code != expected.code) return differs("code", expected.code, code);
  if (std::string wrong = apply_unbound(operation); !wrong.empty()) return wrong;
  if (expected.number && *expected.number != answer.number) {
    return differs("number", std::to_string(*expected.number), std::to_string(answer.number));
  }
  const SpaceId caller = operation.thread.space;
  if (expected.right && expected.right->type != answer.type) {
    return differs("type", std::to_string(expected.right->type), std::to_string(answer.type));
  }
  const auto accept = [&](SpaceId space, const NameRef& name) {
    return accept_right(operation, space, name, answer.name);
  };
  if ((expected.name && !accept(operation.target, *expected.name)) ||
      (expected.previous && !accept(caller, *expected.previous)) ||
      (expected.right && !accept(caller, expected.right->name))) {
    return "name " + std::to_string(answer.name) + " in the answer";
  }
  return expected.names ? compare_names(operation, answer) : std::string();
}

// A task has names that no operation mentions; a set has no such members.
std::string Replay::compare_names(const Operation& operation, const PortAnswer& answer) {
  std::set<Symbol> expected;
  for (const NameRef& name : *operation.expected.names) expected.insert(name.symbol);
  std::set<Symbol> found;
  for (const Name number : answer.names) {
    const std::optional<Symbol> symbol = symbols(operation.target).symbol_of(number);
    if (symbol) {
      found.insert(*symbol);
    } else if (operation.verb == Verb::kGetSetStatus) {
      return "member " + std::to_string(number) + " is no symbol's number";
    }
  }
  return found == expected ? "" : "other names";
}

// ---------------------------------------------------------------- mach_msg

std::uint32_t Replay::bytes_of(const SizeRef& size) const {
  const std::uint32_t offset = scaled(static_cast<std::uint32_t>(std::abs(size.offset)));
  const auto shifted = [&](std::uint32_t base) { return size.offset < 0 ? base - offset : base + offset; };
  switch (size.base) {
    case SizeRef::Base::kHeader:
      return shifted(kHeaderSize);
    case SizeRef::Base::kOperation:
      return shifted(sizes_.at(size.number));
    case SizeRef::Base::kBytes:
      return shifted(size.number);
    case SizeRef::Base::kBig:
      break;
  }
  return shifted(kBigBuffer);
}

Sent& Replay::begin(const Operation& operation) {
  const SpaceId space = operation.thread.space;
  const MsgCall& call = operation.call;
  Sent sent;
  MsgArguments arguments;
  if (call.message) {
    sent.message = &*call.message;
    sent.encoded = encode(*call.message, [&](const NameRef& name) { return number_of(space, name); });
    const Bytes& bytes = sent.encoded.bytes;
    sizes_[operation.number] = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() >= kHeaderSize) {
      bodies_.emplace_back(call.message->id, Bytes(bytes.begin() + kHeaderSize, bytes.end()));
    }
    arguments.message = bytes;
  }
  sent.receives = (call.option & MACH_RCV_MSG) != 0;
  sent.rcv_size = sent.receives ? bytes_of(call.buffer) : 0;
  arguments.option = call.option;
  arguments.rcv_size = sent.rcv_size;
  arguments.rcv_name = number_of(space, call.receive_name);
  arguments.timeout_ms = call.timeout_ms;
  arguments.notify = number_of(space, call.notify);
  Sent& kept = under_way_[key(operation.thread)] = std::move(sent);
  backend_.start(operation.thread, std::move(arguments));
  return kept;
}

std::string Replay::mach_msg(const Operation& operation) {
  begin(operation);
  const std::optional<MsgAnswer> answer = backend_.wait(operation.thread);
  return answer ? compare_call(operation, *answer) : differs("code", operation.expected.code, "blocked");
}

// start and poll.
std::string Replay::compare_progress(const Operation& operation) {
  if (std::optional<MsgAnswer> answer = backend_.result(operation.thread)) {
    ended_[key(operation.thread)] = std::move(*answer);
  }
  const std::string found = ended_.count(key(operation.thread)) != 0 ? "done" : "blocked";
  return found == operation.expected.code ? "" : differs("progress", operation.expected.code, found);
}

std::string Replay::join(const Operation& operation) {
  if (operation.expected.code != "blocked") unjoined_.erase(key(operation.thread));
  auto node = ended_.extract(key(operation.thread));
  const std::optional<MsgAnswer> answer =
      node.empty() ? backend_.result(operation.thread) : std::optional(std::move(node.mapped()));
  if (answer) return compare_call(operation, *answer);
  return operation.expected.code == "blocked" ? "" : differs("code", operation.expected.code, "blocked");
}

std::string Replay::compare_call(const Operation& operation, const MsgAnswer& answer) {
  const std::string code = mach_msg_code(answer.code);
  if (code != operation.expected.code) return differs("code", operation.expected.code, code);
  if (std::string wrong = apply_unbound(operation); !wrong.empty()) return wrong;
  const Sent& sent = under_way_[key(operation.thread)];
  if (operation.expected.written) return compare_written(operation, answer, sent);
  if (answer.written.empty()) return {};
  if (gives_back(answer.code)) return given_back_unseen(operation, answer.written, sent);
  // DEVIATIONS.md §3.2: a combined call whose reported size is that of the message just sent.
  if (answer.code == MACH_RCV_TOO_LARGE && sent.message != nullptr) return {};
  return "the buffer was written";
}

std::string Replay::compare_written(const Operation& operation, const MsgAnswer& answer, const Sent& sent) {
  switch (operation.expected.written->kind) {
    case Written::Kind::kHeaderOnly:
      return compare_header_only(operation, answer, sent);
    case Written::Kind::kSizeOnly:
      return compare_size_only(operation, answer, sent);
    case Written::Kind::kReceived:
    case Written::Kind::kGivenBack:
      break;
  }
  if (answer.offset != 0 || answer.written.size() < kHeaderSize) return "no message was written";
  return compare_message(operation, answer.written);
}

std::string Replay::compare_message(const Operation& operation, const Bytes& bytes) {
  const Written& expected = *operation.expected.written;
  const mach_msg_size_t told = load_size(bytes, offsetof(mach_msg_header_t, msgh_size));
  if (told != bytes.size()) return differs("msgh_size", std::to_string(bytes.size()), std::to_string(told));
  std::string difference = compare_header(expected, bytes, judge(operation));
  if (!difference.empty()) return difference;
  if (expected.message.body != Message::Body::kItems) return compare_raw(expected.message, bytes);
  return compare_items(expected.message, bytes, judge(operation));
}

// A body that the kernel did not look at is that of a message of this case, byte for byte.
std::string Replay::compare_raw(const Message& expected, const Bytes& bytes) {
  const Bytes body(bytes.begin() + kHeaderSize, bytes.end());
  const bool known = std::any_of(bodies_.begin(), bodies_.end(), [&](const auto& sent) {
    return sent.first == expected.id && sent.second == body;
  });
  return known ? "" : "the body is not the one sent";
}

// Nothing is written past rcv_size (DEVIATIONS.md §1, deviation 6).
std::string Replay::compare_header_only(const Operation& operation, const MsgAnswer& answer,
                                        const Sent& sent) {
  const std::size_t size = std::min(kHeaderSize, sent.rcv_size);
  if (answer.offset != 0 || answer.written.size() != size) {
    return differs("bytes written", std::to_string(size), std::to_string(answer.written.size()));
  }
  std::string difference = compare_header(*operation.expected.written, answer.written, judge(operation));
  if (!difference.empty() || size < kSizeEnd) return difference;
  return compare_told_size(operation, load_size(answer.written, offsetof(mach_msg_header_t, msgh_size)));
}

std::string Replay::compare_size_only(const Operation& operation, const MsgAnswer& answer, const Sent& sent) {
  const std::size_t size = sent.rcv_size < kSizeEnd ? 0 : sizeof(mach_msg_size_t);
  if (answer.written.size() != size ||
      (size != 0 && answer.offset != offsetof(mach_msg_header_t, msgh_size))) {
    return differs("bytes written", std::to_string(size), std::to_string(answer.written.size()));
  }
  return size == 0 ? "" : compare_told_size(operation, load_size(answer.written, 0));
}

// Notifications are of two sizes: send-once ones are a bare header, all others have one item of one element.
bool is_notification_size(mach_msg_size_t size) {
  return size == kHeaderSize || size == kHeaderSize + 16;
}

std::string Replay::compare_told_size(const Operation& operation, mach_msg_size_t found) {
  const ToldSize& told = operation.expected.written->size;
  if (told_size_is_wrong(case_.name, operation.number)) return {};
  switch (told.kind) {
    case ToldSize::Kind::kNotRecorded:
      return {};
    case ToldSize::Kind::kOfNotification:
      return is_notification_size(found) ? ""
                                         : differs("size", "that of a notification", std::to_string(found));
    case ToldSize::Kind::kOfOperation:
      break;
  }
  const std::uint32_t expected = sizes_.at(told.operation);
  return found == expected ? "" : differs("size", std::to_string(expected), std::to_string(found));
}

// ---------------------------------------------------------------- rule B (DEVIATIONS.md §1.1)

// The symbols of a message in the order in which the kernel freed them, each where it is mentioned last.
std::vector<Symbol> mentioned(const Message& message) {
  std::vector<NameRef> names{message.local.name, message.remote.name};
  if (is_complex(message)) {
    for (const Item& item : message.items) {
      if (item.kind == Item::Kind::kPorts) names.insert(names.end(), item.names.begin(), item.names.end());
    }
  }
  std::vector<Symbol> symbols;
  for (const NameRef& name : names) {
    if (!is_symbol(name)) continue;
    symbols.erase(std::remove(symbols.begin(), symbols.end(), name.symbol), symbols.end());
    symbols.push_back(name.symbol);
  }
  return symbols;
}

Name load_name(const Bytes& bytes, std::size_t offset) {
  Name name;
  std::memcpy(&name, bytes.data() + offset, sizeof name);
  return name;
}

std::vector<Name> names_given_back(const Bytes& bytes, const Sent& sent) {
  std::vector<Name> names{load_name(bytes, offsetof(mach_msg_header_t, msgh_remote_port)),
                          load_name(bytes, offsetof(mach_msg_header_t, msgh_local_port))};
  if (!is_complex(*sent.message)) return names;
  for (const std::uint32_t slot : sent.encoded.slots) names.push_back(load_name(bytes, slot));
  return names;
}

// The message came back and the recorder did not see it, because the header was byte for byte the one sent.
// The new names belong to the symbols that the send freed: the one freed last is used first.
std::string Replay::given_back_unseen(const Operation& operation, const Bytes& bytes, const Sent& sent) {
  const SpaceId space = operation.thread.space;
  Symbols& names = symbols(space);
  std::vector<Symbol> freed;
  for (const Symbol symbol : mentioned(*sent.message)) {
    if (names.is_bound(symbol) && denotes_nothing(space, names.number(symbol))) freed.push_back(symbol);
  }
  for (const Name name : names_given_back(bytes, sent)) {
    if (!MACH_PORT_NAME_VALID(name) || names.symbol_of(name)) continue;
    if (freed.empty()) {  // made by a MAKE_* of an item: the recorder never saw it
      unnamed(space).insert(name);
      continue;
    }
    names.rebind(freed.back(), name);
    freed.pop_back();
  }
  Written unchanged{.kind = Written::Kind::kGivenBack, .message = *sent.message};
  unchanged.message.complex = is_complex(*sent.message);
  unchanged.message.extra_bits &= ~MACH_MSGH_BITS_CIRCULAR;
  return compare_header(unchanged, bytes, judge(operation));
}

// ---------------------------------------------------------------- states

std::string Replay::status_of(SpaceId space, Name number) {
  PortCall call{.verb = Verb::kGetStatus, .caller = space, .target = space, .name = number};
  const mach_port_status_t status = backend_.port_call(call).status;
  const std::pair<const char*, std::uint32_t> fields[] = {
      {"seqno", status.mps_seqno},         {"mscount", status.mps_mscount},
      {"qlimit", status.mps_qlimit},       {"msgcount", status.mps_msgcount},
      {"sorights", status.mps_sorights},   {"srights", status.mps_srights},
      {"pdrequest", status.mps_pdrequest}, {"nsrequest", status.mps_nsrequest},
  };
  std::string text;
  for (const auto& [name, value] : fields) text += std::string(" ") + name + "=" + std::to_string(value);
  const std::optional<Symbol> set = symbols(space).symbol_of(status.mps_pset);
  const std::string unknown = status.mps_pset == MACH_PORT_NULL ? "-" : std::to_string(status.mps_pset);
  return text + " pset=" + (set ? "p" + std::to_string(*set) : unknown);
}

// As a `=` line writes it (FORMAT.md §8).
std::string Replay::state_of(SpaceId space, Name number) {
  PortCall call{.verb = Verb::kType, .caller = space, .target = space, .name = number};
  const PortAnswer type = backend_.port_call(call);
  if (type.code != KERN_SUCCESS) return "free";
  constexpr std::pair<const char*, mach_port_right_t> kRights[] = {
      {"RECEIVE", MACH_PORT_RIGHT_RECEIVE},     {"SEND", MACH_PORT_RIGHT_SEND},
      {"SEND_ONCE", MACH_PORT_RIGHT_SEND_ONCE}, {"PORT_SET", MACH_PORT_RIGHT_PORT_SET},
      {"DEAD_NAME", MACH_PORT_RIGHT_DEAD_NAME},
  };
  std::string text;
  call.verb = Verb::kGetRefs;
  for (const auto& [name, right] : kRights) {
    if ((type.number & MACH_PORT_TYPE(right)) == 0) continue;
    call.right = right;
    text +=
        (text.empty() ? "" : "+") + std::string(name) + ":" + std::to_string(backend_.port_call(call).number);
  }
  if ((type.number & MACH_PORT_TYPE_DNREQUEST) != 0) text += " DNREQUEST";
  if ((type.number & MACH_PORT_TYPE_MAREQUEST) != 0) text += " MAREQUEST";
  if ((type.number & MACH_PORT_TYPE_RECEIVE) != 0) text += status_of(space, number);
  return text;
}

std::string Replay::apply_states(const Operation& operation) {
  for (const State& state : operation.expected.states) {
    const SpaceId space = state.name.space.value_or(operation.thread.space);
    const Symbol symbol = state.name.symbol;
    if (!symbols(space).is_bound(symbol)) return to_text(space, symbol) + " has a state and is not bound";
    states_[{space, symbol}] = state.text;
  }
  return {};
}

std::string Replay::compare_states() {
  for (const SpaceId space : kSpaces) {
    for (const Symbol symbol : symbols(space).bound()) {
      const std::string& expected = states_[{space, symbol}];
      const std::string found = state_of(space, symbols(space).number(symbol));
      if (found != expected) return differs(to_text(space, symbol), expected, found);
      if (expected != "free") continue;
      symbols(space).unbind(symbol);
      states_.erase({space, symbol});
    }
  }
  return {};
}

// A name that the implementation has and the trace does not. Names that a call brought which was not joined
// yet are not known to the trace either.
std::string Replay::find_unexpected() {
  for (const SpaceId space : kSpaces) {
    if (unjoined_.count({space, true}) != 0) continue;
    for (const Name name : names_in(space)) {
      if (symbols(space).symbol_of(name) || unnamed(space).count(name) != 0) continue;
      return "name " + std::to_string(name) +
             " denotes something and has no symbol: " + state_of(space, name);
    }
  }
  return {};
}

// ---------------------------------------------------------------- operations

std::string Replay::carry_out(const Operation& operation) {
  switch (operation.verb) {
    case Verb::kMachMsg:
      return mach_msg(operation);
    case Verb::kStart:
      unjoined_.insert(key(operation.thread));
      begin(operation);
      return compare_progress(operation);
    case Verb::kPoll:
      return compare_progress(operation);
    case Verb::kJoin:
      return join(operation);
    case Verb::kAbort:
      backend_.abort(operation.thread);
      return {};
    case Verb::kSleep:
      backend_.sleep(static_cast<std::uint32_t>(operation.amount));
      return {};
    case Verb::kTerminate:
      backend_.terminate(operation.thread.space);
      return {};
    default:
      return port_call(operation);
  }
}

std::string Replay::step(const Operation& operation) {
  std::string difference = carry_out(operation);
  backend_.settle();
  if (difference.empty()) difference = apply_states(operation);
  if (difference.empty()) difference = compare_states();
  return difference.empty() ? find_unexpected() : difference;
}

}  // namespace

Outcome replay(const Case& recorded, Backend& backend) {
  Outcome outcome;
  backend.begin_case();
  Replay run(recorded, backend);
  for (const Operation& operation : recorded.operations) {
    outcome.missing = backend.missing_for(operation);
    if (!outcome.missing.empty()) break;
    std::string difference = run.step(operation);
    if (!difference.empty()) {
      outcome.difference = Difference{operation.number, std::move(difference)};
      break;
    }
    ++outcome.operations;
  }
  backend.end_case();
  return outcome;
}

}  // namespace netmsg::conformance
