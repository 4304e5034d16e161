// SPDX-License-Identifier: Apache-2.0
#include "tests/model/recorder.h"

#include <algorithm>
#include <cstring>

#include "tests/conformance/codes.h"
#include "tests/conformance/port_call.h"
#include "tests/conformance/state_text.h"

namespace netmsg::model {

using namespace conformance;

namespace {

constexpr Symbol kSymbolsPerOperation = 1000;

bool is_start(const Operation& operation) {
  return operation.verb == Verb::kMachMsg || operation.verb == Verb::kStart;
}

bool needs_call(Verb verb) {
  return verb == Verb::kPoll || verb == Verb::kJoin || verb == Verb::kAbort;
}

std::uint32_t load_size(const Bytes& bytes, std::size_t offset) {
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + offset, sizeof size);
  return size;
}

}  // namespace

Recorder::Recorder(Backend& backend) : backend_((backend.begin_case(), backend)), names_(backend) {
  for (const SpaceId space : kSpaces) see(space);
}

Recorder::~Recorder() {
  backend_.end_case();
}

bool Recorder::record(Operation& operation) {
  if (!makes_sense(operation)) return false;
  operation.expected = {};
  if (operation.call.message) forget_unknown_data(operation);
  next_symbol_ = operation.number * kSymbolsPerOperation;
  carry_out(operation);
  backend_.settle();
  fetch_answers();
  names_.changed();
  read_states(operation);
  return true;
}

bool Recorder::makes_sense(const Operation& operation) const {
  if (is_dead(operation.thread.space)) return false;
  if (const auto first = ended())
    return operation.verb == Verb::kJoin && key(operation.thread) == key(*first);
  if (is_start(operation)) return !is_busy(operation.thread);
  return !needs_call(operation.verb) || is_busy(operation.thread);
}

void Recorder::carry_out(Operation& operation) {
  const Thread thread = operation.thread;
  switch (operation.verb) {
    case Verb::kMachMsg: {
      begin(operation);
      const std::optional<MsgAnswer> answer = backend_.wait(thread);
      names_.changed();
      const auto call = under_way_.extract(key(thread));
      return read_call(operation, answer.value(), call.mapped());
    }
    case Verb::kStart:
      begin(operation);
      return progress(operation);
    case Verb::kPoll:
      return progress(operation);
    case Verb::kJoin:
      return join(operation);
    case Verb::kAbort:
      return backend_.abort(thread);
    case Verb::kSleep:
      return backend_.sleep(static_cast<std::uint32_t>(operation.amount));
    case Verb::kTerminate:
      dead_.insert(thread.space);
      under_way_.erase({thread.space, true});
      return backend_.terminate(thread.space);
    default:
      return port_call(operation);
  }
}

// ---------------------------------------------------------------- names

// A number that no symbol ever had cannot be written as a datum.
void Recorder::forget_unknown_data(Operation& operation) {
  for (Item& item : operation.call.message->items) {
    if (item.kind != Item::Kind::kNames) continue;
    for (NameRef& name : item.names) {
      const bool known = is_symbol(name) && names_.of(operation.thread.space).is_known(name.symbol);
      if (!known) name = {};
    }
  }
}

NameRef Recorder::mention(SpaceId space, Name number) {
  if (number == MACH_PORT_NULL) return {};
  if (number == MACH_PORT_DEAD) return {.kind = NameRef::Kind::kDead};
  Symbols& symbols = names_.of(space);
  if (const auto symbol = symbols.symbol_of(number)) {
    return {.kind = NameRef::Kind::kSymbol, .symbol = *symbol};
  }
  const NameRef fresh{.kind = NameRef::Kind::kSymbol, .symbol = next_symbol_++};
  symbols.bind(fresh.symbol, number, {});
  known_[number] = {.kind = NameRef::Kind::kSymbol, .space = space, .symbol = fresh.symbol};
  return fresh;
}

NameRef Recorder::datum(Name number) const {
  if (number == MACH_PORT_DEAD) return {.kind = NameRef::Kind::kDead};
  const auto known = known_.find(number);
  return known == known_.end() ? NameRef{} : known->second;
}

NameReader Recorder::reader(SpaceId space) {
  return {[this, space](Name number) { return mention(space, number); },
          [this](Name number) { return datum(number); },
          [this, space](Address address, std::size_t size) {
            return backend_.read_memory(space, address, size);
          }};
}

// ---------------------------------------------------------------- port calls

void Recorder::port_call(Operation& operation) {
  const PortAnswer answer = carry_out_port_call(operation, names_, backend_);
  operation.expected.code = port_call_code(answer.code);
  if (answer.code == KERN_SUCCESS) read_answer(operation, answer);
}

void Recorder::read_answer(Operation& operation, const PortAnswer& answer) {
  Expected& expected = operation.expected;
  const SpaceId caller = operation.thread.space;
  switch (operation.verb) {
    case Verb::kAlloc:
    case Verb::kAllocName:
    case Verb::kReplyPort:
    case Verb::kRename:
    case Verb::kInsert:
      expected.name = mention(operation.target, answer.name);
      break;
    case Verb::kGetRefs:
    case Verb::kType:
      expected.number = answer.number;
      break;
    case Verb::kNames:
    case Verb::kGetSetStatus:
      expected.names.emplace();
      for (const Name name : answer.names) {
        if (names_.of(operation.target).symbol_of(name)) {
          expected.names->push_back(mention(operation.target, name));
        }
      }
      break;
    case Verb::kExtract:
      expected.right = PortField{answer.type, mention(caller, answer.name)};
      break;
    case Verb::kRequestNotification:
      expected.previous = mention(caller, answer.name);
      break;
    default:
      break;
  }
}

// ---------------------------------------------------------------- mach_msg

void Recorder::begin(const Operation& operation) {
  const SpaceId space = operation.thread.space;
  const MsgCall& wanted = operation.call;
  Call call{.option = wanted.option, .sends = wanted.message.has_value()};
  MsgArguments arguments{.option = wanted.option, .timeout_ms = wanted.timeout_ms};
  if (call.sends) {
    call.message = *wanted.message;
    call.encoded =
        encode(call.message, {[&](const NameRef& name) { return names_.number_of(space, name); },
                              [&](const Bytes& content) { return backend_.place_memory(space, content); }});
    arguments.message = call.encoded.bytes;
    sent_.add(operation, call.encoded.bytes);
  }
  if ((wanted.option & MACH_RCV_MSG) != 0) {
    arguments.rcv_size = wanted.buffer.base == SizeRef::Base::kBytes ? wanted.buffer.number : kBigBuffer;
  }
  arguments.rcv_name = names_.number_of(space, wanted.receive_name);
  arguments.notify = names_.number_of(space, wanted.notify);
  under_way_[key(operation.thread)] = std::move(call);
  backend_.start(operation.thread, std::move(arguments));
}

std::optional<Thread> Recorder::ended() const {
  for (const auto& [thread, call] : under_way_) {
    if (call.answer) return Thread{thread.first, thread.second};
  }
  return std::nullopt;
}

void Recorder::fetch_answers() {
  for (auto& [thread, call] : under_way_) {
    if (!call.answer) call.answer = backend_.result({thread.first, thread.second});
  }
}

void Recorder::progress(Operation& operation) {
  fetch_answers();
  const Call& call = under_way_[key(operation.thread)];
  operation.expected.code = call.answer ? "done" : "blocked";
}

void Recorder::join(Operation& operation) {
  progress(operation);
  if (operation.expected.code == "blocked") return;
  names_.changed();
  const auto call = under_way_.extract(key(operation.thread));
  read_call(operation, *call.mapped().answer, call.mapped());
}

void Recorder::read_call(Operation& operation, const MsgAnswer& answer, const Call& call) {
  const SpaceId space = operation.thread.space;
  operation.expected.code = mach_msg_code(answer.code);
  operation.expected.written = read_written(answer, call, space);
  for (const auto& [item, address] : regions_of(call.encoded)) {
    operation.expected.memory_kept.push_back(backend_.read_memory(space, address, 1).has_value());
  }
}

std::optional<Written> Recorder::read_written(const MsgAnswer& answer, const Call& call, SpaceId space) {
  const bool received = (call.option & MACH_RCV_MSG) != 0 && answer.code == MACH_MSG_SUCCESS;
  if (received) return Written{Written::Kind::kReceived, decode(answer.written, reader(space)), {}};
  if (gives_back(answer.code) && !answer.written.empty()) {
    return Written{Written::Kind::kGivenBack, decode(answer.written, reader(space)), {}};
  }
  const bool large = answer.code == MACH_RCV_TOO_LARGE && (call.option & MACH_RCV_LARGE) != 0;
  if (large) {
    const ToldSize told = answer.written.empty() ? ToldSize{} : told_size(load_size(answer.written, 0));
    return Written{Written::Kind::kSizeOnly, {}, told};
  }
  if (answer.code != MACH_RCV_TOO_LARGE && answer.code != MACH_RCV_INVALID_NOTIFY) return std::nullopt;
  const std::size_t offset = offsetof(mach_msg_header_t, msgh_size);
  const bool sized = answer.written.size() >= offset + sizeof(mach_msg_size_t);
  return Written{Written::Kind::kHeaderOnly, decode_header(answer.written, reader(space)),
                 sized ? told_size(load_size(answer.written, offset)) : ToldSize{}};
}

ToldSize Recorder::told_size(std::uint32_t size) const {
  for (const auto& [operation, sent] : sent_.sizes) {
    if (sent == size) return {ToldSize::Kind::kOfOperation, operation};
  }
  return {ToldSize::Kind::kOfNotification, 0};
}

// ---------------------------------------------------------------- states

void Recorder::read_states(Operation& operation) {
  for (const SpaceId space : kSpaces) {
    Symbols& symbols = names_.of(space);
    for (const Symbol symbol : symbols.bound()) {
      std::string text = state_text(names_.view(space), symbols.number(symbol), symbols);
      std::string& before = states_[{space, symbol}];
      if (text == before) continue;
      before = text;
      const bool is_free = text == "free";
      operation.expected.states.push_back(
          {{.kind = NameRef::Kind::kSymbol, .space = space, .symbol = symbol}, std::move(text)});
      if (is_free) symbols.unbind(symbol);
    }
    see(space);
  }
}

void Recorder::see(SpaceId space) {
  std::vector<Seen>& all = seen_[space];
  all.clear();
  for (const Symbol symbol : names_.of(space).bound()) {
    all.push_back({symbol, names_.view(space).at(names_.of(space).number(symbol))});
  }
}

}  // namespace netmsg::model
