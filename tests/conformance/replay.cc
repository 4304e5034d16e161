// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/replay.h"

#include <map>
#include <set>
#include <utility>

#include "tests/conformance/arrivals.h"
#include "tests/conformance/case_names.h"
#include "tests/conformance/case_states.h"
#include "tests/conformance/codes.h"
#include "tests/conformance/given_back.h"
#include "tests/conformance/message_codec.h"
#include "tests/conformance/port_call.h"
#include "tests/conformance/sent.h"
#include "tests/conformance/written.h"

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);

std::string differs(const std::string& what, const std::string& expected, const std::string& found) {
  return what + ": expected " + expected + ", found " + found;
}

using ThreadKey = std::pair<SpaceId, bool>;
ThreadKey key(Thread thread) {
  return {thread.space, thread.second};
}

class Replay {
 public:
  // REQUIRES: the case has begun on the backend.
  Replay(const Case& recorded, Backend& backend)
      : backend_(backend), names_(backend), excuses_(recorded), states_(names_, excuses_) {
    if (backend.has_several_hosts()) arrivals_.emplace(recorded);
  }

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
  std::string compare_line(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_unrecorded(const Operation& operation, const MsgAnswer& answer, const Sent& sent);
  std::string compare_memory(const Operation& operation, const Sent& sent);

  Backend& backend_;
  CaseNames names_;
  Excuses excuses_;
  std::optional<Arrivals> arrivals_;  // between hosts
  bool over_ = false;
  CaseStates states_;
  std::map<ThreadKey, Sent> under_way_;   // the latest call of each thread
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
    states_.forget(space, freed.symbol);
  }
  return {};
}

// ---------------------------------------------------------------- port calls

std::string Replay::port_call(const Operation& operation) {
  return compare_answer(operation, carry_out_port_call(operation, names_, backend_));
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
  names_.expect_strangers(operation.thread.space, true);
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
  if (operation.expected.code != "blocked") names_.expect_strangers(operation.thread.space, false);
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
    if (verdict == Verdict::kOverUnchanged && !states_.nothing_changed(operation))
      return "a message too short was consumed";
    if (over_) return {};
  }
  if (std::string wrong = apply_unbound(operation); !wrong.empty()) return wrong;
  if (operation.expected.written) return compare_written(operation, answer, sent);
  if (gives_back(answer.code) && !answer.written.empty()) {
    const Judge judged = judge(operation);
    rename_given_back(names_, operation.thread.space, sent, answer.written, judged.read_memory);
    return compare_header(given_back_unchanged(*sent.message), answer.written, judged);
  }
  std::string difference = compare_unrecorded(operation, answer, sent);
  return difference.empty() ? compare_memory(operation, sent) : difference;
}

// What was received, with the line of the trace that is its own, which may stand at another operation.
std::string Replay::compare_written(const Operation& operation, const MsgAnswer& answer, const Sent& sent) {
  const std::optional<Written> line =
      arrivals_ ? arrivals_->line_of(operation, answer.written, names_) : std::nullopt;
  if (!line) return compare_line(operation, answer, sent);
  if (accept(excuses_.arrival(operation, *line)) && over_) return {};
  Operation received = operation;
  received.expected.written = line;
  return compare_line(received, answer, sent);
}

std::string Replay::compare_line(const Operation& operation, const MsgAnswer& answer, const Sent& sent) {
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
  states_.begin();
  std::string difference = carry_out(operation);
  if (!difference.empty() || over_) return difference;
  backend_.settle();
  names_.changed();
  difference = states_.apply(operation);
  if (difference.empty()) difference = states_.compare(operation);
  over_ |= states_.over();
  if (!difference.empty() && states_.nothing_changed(operation)) {
    const std::uint32_t sent_size = under_way_[key(operation.thread)].size();
    if (accept(excuses_.states(operation, sent_size))) difference.clear();
  }
  states_.unbind_free();
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
      std::string difference = run.step(operation);
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
