// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/replay.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "tests/conformance/case_names.h"
#include "tests/conformance/codes.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/state_text.h"
#include "tests/conformance/written.h"

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

std::string differs(const std::string& what, const std::string& expected, const std::string& found) {
  return what + ": expected " + expected + ", found " + found;
}

// A code of the send half after which the message is in the caller's buffer again.
bool gives_back(mach_msg_return_t code) {
  return code == MACH_SEND_TIMED_OUT || code == MACH_SEND_INTERRUPTED || code == MACH_SEND_INVALID_NOTIFY ||
         code == MACH_SEND_NOTIFY_IN_PROGRESS;
}

// A call that is or was under way: what its thread may get back.
struct Sent {
  const Message* message = nullptr;  // null: the call does not send
  Encoded encoded = {};
  mach_msg_size_t rcv_size = 0;

  std::uint32_t size() const { return static_cast<std::uint32_t>(encoded.bytes.size()); }
};

using ThreadKey = std::pair<SpaceId, bool>;
ThreadKey key(Thread thread) {
  return {thread.space, thread.second};
}

class Replay {
 public:
  // REQUIRES: the case has begun on the backend.
  Replay(const Case& recorded, Backend& backend) : backend_(backend), names_(backend), excuses_(recorded) {}

  // The first difference of the operation, in words; empty if there is none.
  std::string step(const Operation& operation);
  // An excused difference after which the rest of the case means nothing.
  bool over() const { return over_; }
  const std::vector<Excuse>& excuses() const { return excuses_.used(); }

 private:
  using Verdict = Excuses::Verdict;

  std::string carry_out(const Operation& operation);
  std::string apply_unbound(const Operation& operation);
  // True: excused. `over_` is set if nothing more is to be compared.
  bool accept(Verdict verdict);

  // --- port calls ---
  std::string port_call(const Operation& operation);
  std::string compare_answer(const Operation& operation, const PortAnswer& answer);
  std::string compare_names(const Operation& operation, const PortAnswer& answer);

  // --- mach_msg ---
  Judge judge(const Operation& operation);
  Sent& prepare(const Operation& operation, MsgArguments& arguments);
  void begin(const Operation& operation);
  std::uint32_t bytes_of(const SizeRef& size) const;
  std::string mach_msg(const Operation& operation);
  std::string start(const Operation& operation);
  std::string compare_progress(const Operation& operation);
  std::string join(const Operation& operation);
  std::string compare_call(const Operation& operation, const MsgAnswer& answer);
  std::string compare_written(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_unrecorded(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_memory(const Operation& operation, const Sent& sent);
  std::string given_back_unseen(const Operation& operation, const Bytes& bytes, const Sent& sent);

  // --- states ---
  std::string apply_states(const Operation& operation);
  std::string compare_states(const Operation& operation);
  std::string compare_state(const Operation& operation, SpaceId space, Symbol symbol);
  bool nothing_changed(const Operation& operation);
  void forget_free();
  std::string find_unexpected();

  using States = std::map<std::pair<SpaceId, Symbol>, std::string>;

  Backend& backend_;
  CaseNames names_;
  Excuses excuses_;
  bool over_ = false;
  States states_;                         // as last written, of bound symbols
  States states_before_;                  // the same, before this operation
  std::map<ThreadKey, Sent> under_way_;   // the latest call of each thread
  std::set<ThreadKey> unjoined_;          // threads whose started call was not joined yet
  std::map<ThreadKey, MsgAnswer> ended_;  // calls that ended and were not joined yet
  SentMessages sent_;
};

bool Replay::accept(Verdict verdict) {
  over_ |= verdict == Verdict::kOver || verdict == Verdict::kOverUnchanged;
  return verdict != Verdict::kNone;
}

std::string Replay::apply_unbound(const Operation& operation) {
  for (const NameRef& freed : operation.expected.unbound) {
    const SpaceId space = freed.space.value_or(operation.thread.space);
    if (!names_.of(space).is_bound(freed.symbol)) return to_text(space, freed.symbol) + " is not bound";
    names_.of(space).unbind(freed.symbol);
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
  const bool renames = operation.verb == Verb::kRename;
  call.name = chosen ? names_.chosen_number(call.target, operation.name)
                     : names_.number_of(call.target, operation.name);
  call.other = renames ? names_.chosen_number(call.target, operation.other)
                       : names_.number_of(call.target, operation.other);
  call.poly = names_.number_of(call.caller, operation.poly.name);
  PortAnswer answer = backend_.port_call(call);
  names_.changed();
  if (chosen) answer.name = call.name;
  if (renames) answer.name = call.other;
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
  if (expected.right && expected.right->type != answer.type) {
    return differs("type", std::to_string(expected.right->type), std::to_string(answer.type));
  }
  const auto accept_name = [&](SpaceId space, const NameRef& name) {
    return names_.accept_right(expected, space, name, answer.name);
  };
  const SpaceId caller = operation.thread.space;
  if ((expected.name && !accept_name(operation.target, *expected.name)) ||
      (expected.previous && !accept_name(caller, *expected.previous)) ||
      (expected.right && !accept_name(caller, expected.right->name))) {
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
    const std::optional<Symbol> symbol = names_.of(operation.target).symbol_of(number);
    if (symbol) {
      found.insert(*symbol);
    } else if (operation.verb == Verb::kGetSetStatus) {
      return "member " + std::to_string(number) + " is no symbol's number";
    }
  }
  return found == expected ? "" : "other names";
}

// ---------------------------------------------------------------- mach_msg

Judge Replay::judge(const Operation& operation) {
  const SpaceId space = operation.thread.space;
  return {[this, space, &operation](const NameRef& expected, Name found) {
            return names_.accept_right(operation.expected, space, expected, found);
          },
          [this, space, &operation](const NameRef& expected, Name found) {
            return excuses_.datum(operation, expected, found, names_) == Verdict::kGoesOn ||
                   names_.accept_datum(space, expected, found);
          },
          [this, space](Address address, std::size_t size) {
            return backend_.read_memory(space, address, size);
          }};
}

std::uint32_t Replay::bytes_of(const SizeRef& size) const {
  const std::uint32_t offset = scaled(static_cast<std::uint32_t>(std::abs(size.offset)));
  const auto shifted = [&](std::uint32_t base) { return size.offset < 0 ? base - offset : base + offset; };
  switch (size.base) {
    case SizeRef::Base::kHeader:
      return shifted(kHeaderSize);
    case SizeRef::Base::kOperation:
      return shifted(sent_.sizes.at(size.number));
    case SizeRef::Base::kBytes:
      return shifted(size.number);
    case SizeRef::Base::kBig:
      break;
  }
  return shifted(kBigBuffer);
}

Sent& Replay::prepare(const Operation& operation, MsgArguments& arguments) {
  const SpaceId space = operation.thread.space;
  const MsgCall& call = operation.call;
  Sent sent;
  if (call.message) {
    const Sender sender{[&](const NameRef& name) { return names_.number_of(space, name); },
                        [&](const Bytes& content) { return backend_.place_memory(space, content); }};
    sent.message = &*call.message;
    sent.encoded = encode(*call.message, sender);
    arguments.message = sent.encoded.bytes;
    sent_.add(operation, sent.encoded.bytes);
    excuses_.sent(operation);
  }
  if ((call.option & MACH_RCV_MSG) != 0) sent.rcv_size = bytes_of(call.buffer);
  return under_way_[key(operation.thread)] = std::move(sent);
}

void Replay::begin(const Operation& operation) {
  MsgArguments arguments;
  const Sent& sent = prepare(operation, arguments);
  const SpaceId space = operation.thread.space;
  const MsgCall& call = operation.call;
  arguments.option = call.option;
  arguments.rcv_size = sent.rcv_size;
  arguments.rcv_name = names_.number_of(space, call.receive_name);
  arguments.timeout_ms = call.timeout_ms;
  arguments.notify = names_.number_of(space, call.notify);
  arguments.unmapped = call.unmapped;
  backend_.start(operation.thread, std::move(arguments));
}

std::string Replay::mach_msg(const Operation& operation) {
  begin(operation);
  const std::optional<MsgAnswer> answer = backend_.wait(operation.thread);
  names_.changed();
  return answer ? compare_call(operation, *answer) : differs("code", operation.expected.code, "blocked");
}

std::string Replay::start(const Operation& operation) {
  unjoined_.insert(key(operation.thread));
  begin(operation);
  names_.changed();
  std::string difference = compare_progress(operation);
  if (difference.empty() && operation.call.message && operation.expected.code == "blocked") {
    excuses_.sender_blocks(operation);
  }
  return difference;
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
  const Sent& sent = under_way_[key(operation.thread)];
  const std::string code = mach_msg_code(answer.code);
  if (code != operation.expected.code) {
    const Verdict verdict = excuses_.code(operation, sent.size(), code);
    if (!accept(verdict)) return differs("code", operation.expected.code, code);
    if (verdict == Verdict::kOverUnchanged && !nothing_changed(operation))
      return "a message too short was consumed";
    if (over_) return {};
  }
  if (std::string wrong = apply_unbound(operation); !wrong.empty()) return wrong;
  if (operation.expected.written) return compare_written(operation, answer, sent);
  if (gives_back(answer.code) && !answer.written.empty())
    return given_back_unseen(operation, answer.written, sent);
  std::string difference = compare_unrecorded(operation, answer, sent);
  return difference.empty() ? compare_memory(operation, sent) : difference;
}

std::string Replay::compare_written(const Operation& operation, const MsgAnswer& answer, const Sent& sent) {
  const Written& expected = *operation.expected.written;
  if (expected.kind == Written::Kind::kReceived && answer.written.size() >= kHeaderSize) {
    const std::int32_t id = id_of(answer.written);
    if (id != expected.message.id && accept(excuses_.message(operation, id))) return {};
    excuses_.received(operation);
  }
  const Judge judged = judge(operation);
  std::string difference = WrittenCheck(operation, sent_, excuses_, judged).compare(answer, sent.rcv_size);
  return difference.empty() ? compare_memory(operation, sent) : difference;
}

// The trace has no line for the buffer: nothing was written, or the size that a combined call reported is that of the
// message it had just sent (DEVIATIONS.md §3.2).
std::string Replay::compare_unrecorded(const Operation& operation, const MsgAnswer& answer,
                                       const Sent& sent) {
  if (answer.written.empty()) return {};
  const bool told_size = answer.code == MACH_RCV_TOO_LARGE && (operation.call.option & MACH_RCV_LARGE) != 0 &&
                         answer.offset == offsetof(mach_msg_header_t, msgh_size);
  if (!told_size || sent.message == nullptr) return "the buffer was written";
  const std::uint32_t size = sent.size();
  const auto* bytes = reinterpret_cast<const std::byte*>(&size);
  return answer.written == Bytes(bytes, bytes + sizeof size) ? ""
                                                             : "a size that is not that of the message sent";
}

// What became of the sender's memory (FORMAT.md §6, `ool=`).
std::string Replay::compare_memory(const Operation& operation, const Sent& sent) {
  if (sent.message == nullptr) return {};
  const std::vector<bool>& expected = operation.expected.memory_kept;
  const auto regions = regions_of(sent.encoded);
  if (regions.size() != expected.size()) return "other regions than recorded";
  for (std::size_t at = 0; at < regions.size(); ++at) {
    const auto& [item, address] = regions[at];
    const bool kept = backend_.read_memory(operation.thread.space, address, 1).has_value();
    if (kept == expected[at]) continue;
    if (!kept && accept(excuses_.memory_gone(operation, *item))) continue;
    return differs("region " + std::to_string(at + 1), expected[at] ? "kept" : "gone",
                   kept ? "kept" : "gone");
  }
  return {};
}

// ---------------------------------------------------------------- rule B (DEVIATIONS.md §1.1)

// The symbols of a message in the order in which the kernel freed them, each where it is mentioned last.
std::vector<Symbol> mentioned(const Message& message) {
  std::vector<NameRef> mentions{message.local.name, message.remote.name};
  if (is_complex(message)) {
    for (const Item& item : message.items) {
      if (item.kind == Item::Kind::kPorts)
        mentions.insert(mentions.end(), item.names.begin(), item.names.end());
    }
  }
  std::vector<Symbol> symbols;
  for (const NameRef& name : mentions) {
    if (!is_symbol(name)) continue;
    std::erase(symbols, name.symbol);
    symbols.push_back(name.symbol);
  }
  return symbols;
}

std::vector<Name> names_given_back(const Bytes& bytes, const Sent& sent, const ReadMemory& read_memory) {
  mach_msg_header_t header;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Name> names{header.msgh_remote_port, header.msgh_local_port};
  if (!is_complex(*sent.message)) return names;
  const std::vector<Name> items = names_in_items(sent.encoded, bytes, read_memory);
  names.insert(names.end(), items.begin(), items.end());
  return names;
}

// The message came back and the recorder did not see it, because the header was byte for byte the one sent.
// The new names belong to the symbols that the send freed: the one freed last is used first.
std::string Replay::given_back_unseen(const Operation& operation, const Bytes& bytes, const Sent& sent) {
  const SpaceId space = operation.thread.space;
  Symbols& symbols = names_.of(space);
  const Judge judged = judge(operation);
  std::vector<Symbol> freed;
  for (const Symbol symbol : mentioned(*sent.message)) {
    if (symbols.is_bound(symbol) && names_.denotes_nothing(space, symbols.number(symbol)))
      freed.push_back(symbol);
  }
  for (const Name name : names_given_back(bytes, sent, judged.read_memory)) {
    if (!MACH_PORT_NAME_VALID(name) || symbols.symbol_of(name)) continue;
    if (freed.empty()) {  // made by a MAKE_* of an item: the recorder never saw it
      names_.leave_unnamed(space, name);
      continue;
    }
    symbols.rebind(freed.back(), name);
    freed.pop_back();
  }
  Written unchanged{.kind = Written::Kind::kGivenBack, .message = *sent.message};
  unchanged.message.complex = is_complex(*sent.message);
  unchanged.message.extra_bits &= ~MACH_MSGH_BITS_CIRCULAR;
  return compare_header(unchanged, bytes, judged);
}

// ---------------------------------------------------------------- states

std::string Replay::apply_states(const Operation& operation) {
  for (const State& state : operation.expected.states) {
    const SpaceId space = state.name.space.value_or(operation.thread.space);
    const Symbol symbol = state.name.symbol;
    if (!names_.of(space).is_bound(symbol)) return to_text(space, symbol) + " has a state and is not bound";
    std::string& kept = states_[{space, symbol}];
    excuses_.recorded_state(operation, space, symbol, kept, state.text);
    kept = state.text;
  }
  return {};
}

std::string Replay::compare_state(const Operation& operation, SpaceId space, Symbol symbol) {
  const Symbols& symbols = names_.of(space);
  const std::string& expected = states_[{space, symbol}];
  const std::string found = state_text(names_.view(space), symbols.number(symbol), symbols);
  if (found == expected) return {};
  if (accept(excuses_.state(operation, space, symbol, states_before_[{space, symbol}], expected, found)))
    return {};
  return differs(to_text(space, symbol), expected, found);
}

std::string Replay::compare_states(const Operation& operation) {
  for (const SpaceId space : kSpaces) {
    for (const Symbol symbol : names_.of(space).bound()) {
      std::string difference = compare_state(operation, space, symbol);
      if (!difference.empty()) return difference;
    }
  }
  return {};
}

// Every bound symbol denotes what it did before the operation.
bool Replay::nothing_changed(const Operation& operation) {
  std::swap(states_, states_before_);
  const bool same = compare_states(operation).empty() && find_unexpected().empty();
  std::swap(states_, states_before_);
  return same;
}

// Symbols that a `free` line unbinds (FORMAT.md §3).
void Replay::forget_free() {
  for (auto at = states_.begin(); at != states_.end();) {
    const bool gone = at->second == "free";
    if (gone) names_.of(at->first.first).unbind(at->first.second);
    at = gone ? states_.erase(at) : std::next(at);
  }
}

// A name that the implementation has and the trace does not. Names that a call brought which was not joined
// yet are not known to the trace either.
std::string Replay::find_unexpected() {
  for (const SpaceId space : kSpaces) {
    if (unjoined_.count({space, true}) != 0) continue;
    if (const std::optional<Name> name = names_.unexpected(space)) {
      return "name " + std::to_string(*name) + " denotes something and has no symbol: " +
             state_text(names_.view(space), *name, names_.of(space));
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
      return start(operation);
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
  states_before_ = states_;
  std::string difference = carry_out(operation);
  if (!difference.empty() || over_) return difference;
  backend_.settle();
  names_.changed();
  difference = apply_states(operation);
  if (difference.empty()) difference = compare_states(operation);
  if (difference.empty()) difference = find_unexpected();
  if (!difference.empty() && nothing_changed(operation)) {
    const std::uint32_t sent_size = under_way_[key(operation.thread)].size();
    if (accept(excuses_.states(operation, sent_size))) difference.clear();
  }
  forget_free();
  return difference;
}

}  // namespace

Outcome replay(const Case& recorded, Backend& backend) {
  Outcome outcome;
  std::uint32_t number = 0;
  try {
    backend.begin_case();
    Replay run(recorded, backend);
    for (const Operation& operation : recorded.operations) {
      number = operation.number;
      const std::string_view missing = backend.missing_for(operation);
      std::string difference = missing.empty() ? run.step(operation) : "not offered: " + std::string(missing);
      outcome.excuses = run.excuses();
      if (!difference.empty()) outcome.difference = Difference{number, std::move(difference)};
      if (outcome.difference) break;
      ++outcome.operations;
      if (run.over()) break;
    }
  } catch (const BackendFailure& failure) {
    outcome.difference = Difference{number, failure.what()};
  }
  backend.end_case();
  return outcome;
}

}  // namespace netmsg::conformance
