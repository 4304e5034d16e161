// SPDX-License-Identifier: Apache-2.0
#include "tests/model/generator.h"

#include <mach/notify.h>

#include <algorithm>
#include <climits>
#include <utility>

namespace netmsg::model {

using namespace conformance;

namespace {

// With fewer receive rights in a space than this, it mostly gets another one.
constexpr std::size_t kFewPorts = 3;
// Choices of which no name fits are made anew so many times.
constexpr int kAttempts = 6;

bool has(const NameState& state, mach_port_type_t type) {
  return (state.type & type) != 0;
}

// ---------------------------------------------------------------- wishes

bool anything(const NameState&) {
  return true;
}
bool is_receive(const NameState& state) {
  return has(state, MACH_PORT_TYPE_RECEIVE);
}
bool is_set(const NameState& state) {
  return has(state, MACH_PORT_TYPE_PORT_SET);
}
bool has_message(const NameState& state) {
  return is_receive(state) && state.status.mps_msgcount > 0 && state.status.mps_pset == MACH_PORT_NULL;
}
bool has_messages(const NameState& state) {
  return is_receive(state) && state.status.mps_msgcount > 1;
}
bool can_be_received_from(const NameState& state) {
  return is_set(state) || (is_receive(state) && state.status.mps_pset == MACH_PORT_NULL);
}
bool can_be_dropped(const NameState& state) {
  return has(state, MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_DEAD_NAME);
}
bool is_right(const NameState& state) {
  return has(state, MACH_PORT_TYPE_PORT_RIGHTS);
}
bool is_right_or_dead(const NameState& state) {
  return has(state, MACH_PORT_TYPE_PORT_OR_DEAD);
}

// Those that the state permits (spec 04 §1).
std::vector<std::uint32_t> dispositions_of(const NameState& state, bool body) {
  std::vector<std::uint32_t> fit;
  if (has(state, MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME)) {
    fit.insert(fit.end(), {MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_COPY_SEND});
  }
  if (has(state, MACH_PORT_TYPE_SEND_ONCE | MACH_PORT_TYPE_DEAD_NAME)) {
    fit.push_back(MACH_MSG_TYPE_MOVE_SEND_ONCE);
  }
  if (has(state, MACH_PORT_TYPE_RECEIVE)) {
    fit.insert(fit.end(), {MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE});
    if (body) fit.push_back(MACH_MSG_TYPE_MOVE_RECEIVE);
  }
  return fit;
}

SpaceId other(SpaceId space) {
  return space == SpaceId::kT0 ? SpaceId::kT1 : SpaceId::kT0;
}

}  // namespace

const Generator::Choice Generator::kChoices[] = {
    {3, &Generator::allocate},   {1, &Generator::allocate_name}, {1, &Generator::reply_port},
    {4, &Generator::deallocate}, {2, &Generator::destroy},       {6, &Generator::mod_refs},
    {2, &Generator::ask},        {2, &Generator::rename},        {5, &Generator::set_qlimit},
    {1, &Generator::set_number}, {1, &Generator::set_payload},   {8, &Generator::move_member},
    {10, &Generator::request},   {6, &Generator::insert},        {8, &Generator::extract},
    {28, &Generator::send},      {28, &Generator::receive},      {4, &Generator::rpc},
    {6, &Generator::start},      {6, &Generator::progress},      {1, &Generator::sleep},
};

Operation Generator::next(std::uint32_t number, bool late) {
  Operation operation;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    operation = choose(late);
    if (!std::exchange(lacking_, false)) break;
  }
  operation.number = number;
  return operation;
}

Operation Generator::choose(bool late) {
  Operation operation;
  if (const auto ended = recorder_.ended()) {
    operation.verb = Verb::kJoin;
    operation.thread = *ended;
    operation.target = ended->space;
    return operation;
  }
  operation.thread.space = percent(50) ? SpaceId::kT0 : SpaceId::kT1;
  if (recorder_.is_dead(operation.thread.space)) operation.thread.space = other(operation.thread.space);
  operation.target = operation.thread.space;
  if (late && percent(2)) {
    operation.verb = Verb::kTerminate;
  } else if (count(operation.target, is_receive) < kFewPorts && percent(25)) {
    operation.verb = Verb::kAlloc;
    operation.right = MACH_PORT_RIGHT_RECEIVE;
  } else {
    (this->*drawn())(operation);
  }
  return operation;
}

Generator::Make Generator::drawn() {
  unsigned all = 0;
  for (const Choice& choice : kChoices) all += choice.weight;
  unsigned at = below(all);
  const Choice* drawn = kChoices;
  while (at >= drawn->weight) at -= (drawn++)->weight;
  return drawn->make;
}

// ---------------------------------------------------------------- names

NameRef Generator::exact(SpaceId space, Wish wish) {
  std::vector<Symbol> fitting;
  for (const Seen& seen : recorder_.seen(space)) {
    if (wish(seen.state)) fitting.push_back(seen.symbol);
  }
  if (fitting.empty()) {
    lacking_ = true;
    return {.kind = NameRef::Kind::kBogus};
  }
  return {.kind = NameRef::Kind::kSymbol, .symbol = one_of(fitting)};
}

std::size_t Generator::count(SpaceId space, Wish wish) {
  const std::vector<Seen>& all = recorder_.seen(space);
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const Seen& seen) { return wish(seen.state); }));
}

NameRef Generator::any_name(SpaceId space) {
  switch (below(6)) {
    case 0:
      return {};
    case 1:
      return {.kind = NameRef::Kind::kDead};
    case 2:
      return {.kind = NameRef::Kind::kBogus};
    default:
      return exact(space, anything);
  }
}

NameRef Generator::name(SpaceId space, Wish wish) {
  return percent(5) ? any_name(space) : exact(space, wish);
}

NameState Generator::state_of(SpaceId space, const NameRef& name) {
  for (const Seen& seen : recorder_.seen(space)) {
    if (name.kind == NameRef::Kind::kSymbol && seen.symbol == name.symbol) return seen.state;
  }
  return {};
}

std::uint32_t Generator::disposition_for(SpaceId space, const NameRef& name, bool body) {
  const std::vector<std::uint32_t> fit = dispositions_of(state_of(space, name), body);
  const std::uint32_t any = MACH_MSG_TYPE_MOVE_SEND + below(5);
  return fit.empty() || percent(5) ? any : one_of(fit);
}

PortField Generator::right(SpaceId space, bool body) {
  const NameRef chosen = name(space, is_right_or_dead);
  return {disposition_for(space, chosen, body), chosen};
}

NameRef Generator::notify_port(SpaceId space) {
  return percent(6) ? any_name(space) : exact(space, is_receive);
}

// ---------------------------------------------------------------- port calls

void Generator::allocate(Operation& operation) {
  operation.verb = Verb::kAlloc;
  const unsigned kind = below(20);
  operation.right = kind < 13   ? MACH_PORT_RIGHT_RECEIVE
                    : kind < 17 ? MACH_PORT_RIGHT_PORT_SET
                    : kind < 19 ? MACH_PORT_RIGHT_DEAD_NAME
                                : below(7);
}

void Generator::allocate_name(Operation& operation) {
  allocate(operation);
  operation.verb = Verb::kAllocName;
  operation.name = any_name(operation.target);
}

void Generator::reply_port(Operation& operation) {
  operation.verb = Verb::kReplyPort;
}

void Generator::deallocate(Operation& operation) {
  operation.verb = Verb::kDealloc;
  operation.name = name(operation.target, can_be_dropped);
}

void Generator::destroy(Operation& operation) {
  operation.verb = Verb::kDestroy;
  operation.name = name(operation.target, percent(50) ? has_messages : anything);
}

void Generator::mod_refs(Operation& operation) {
  static const std::vector<std::int64_t> kDeltas = {-1,     -1,      -1,    1,     1,     2,      -2,
                                                    3,      0,       65530, 65532, 65533, 65534,  65535,
                                                    -65533, INT_MIN, 65536, -3,    -1,    INT_MAX};
  operation.verb = Verb::kModRefs;
  operation.name = name(operation.target, anything);
  const NameState state = state_of(operation.target, operation.name);
  std::vector<mach_port_right_t> rights;
  for (mach_port_right_t each = 0; each < MACH_PORT_RIGHT_NUMBER; ++each) {
    if (has(state, MACH_PORT_TYPE(each))) rights.push_back(each);
  }
  operation.right = rights.empty() || percent(8) ? below(7) : one_of(rights);
  operation.amount = one_of(kDeltas);
}

void Generator::ask(Operation& operation) {
  static const std::vector<Verb> kQuestions = {Verb::kGetRefs, Verb::kType, Verb::kNames, Verb::kGetStatus,
                                               Verb::kGetSetStatus};
  operation.verb = one_of(kQuestions);
  const bool about_set = operation.verb == Verb::kGetSetStatus && percent(80);
  operation.name = about_set ? exact(operation.target, is_set) : any_name(operation.target);
  operation.right = below(6);
}

void Generator::rename(Operation& operation) {
  operation.verb = Verb::kRename;
  operation.name = name(operation.target, anything);
  operation.other = percent(80) ? NameRef{.kind = NameRef::Kind::kBogus} : any_name(operation.target);
}

void Generator::set_qlimit(Operation& operation) {
  operation.verb = Verb::kSetQlimit;
  operation.name = name(operation.target, is_receive);
  operation.amount = percent(90) ? below(3) : below(20);
}

void Generator::set_number(Operation& operation) {
  operation.verb = percent(50) ? Verb::kSetMscount : Verb::kSetSeqno;
  operation.name = name(operation.target, is_receive);
  operation.amount = percent(70) ? below(4) : -1 - static_cast<std::int64_t>(below(2));
}

void Generator::set_payload(Operation& operation) {
  operation.verb = percent(70) ? Verb::kSetPayload : Verb::kClearPayload;
  operation.name = name(operation.target, is_receive);
  operation.amount = operation.verb == Verb::kSetPayload ? below(5) * 0x123456789LL : 0;
}

void Generator::move_member(Operation& operation) {
  operation.verb = Verb::kMoveMember;
  operation.name = name(operation.target, is_receive);
  operation.other = percent(20) ? NameRef{} : name(operation.target, is_set);
}

void Generator::request(Operation& operation) {
  static const std::vector<std::int32_t> kVariants = {MACH_NOTIFY_DEAD_NAME, MACH_NOTIFY_DEAD_NAME,
                                                      MACH_NOTIFY_NO_SENDERS, MACH_NOTIFY_NO_SENDERS,
                                                      MACH_NOTIFY_PORT_DESTROYED};
  const SpaceId caller = operation.thread.space;
  operation.verb = Verb::kRequestNotification;
  if (percent(15) && !recorder_.is_dead(other(caller))) operation.target = other(caller);
  operation.variant = percent(96) ? one_of(kVariants) : static_cast<std::int32_t>(64 + below(14));
  const bool of_port = operation.variant != MACH_NOTIFY_DEAD_NAME;
  operation.name = name(operation.target, of_port ? is_receive : is_right_or_dead);
  const bool counted = operation.variant == MACH_NOTIFY_NO_SENDERS || percent(40);
  operation.amount = counted ? below(4) : 0;
  operation.poly = {MACH_MSG_TYPE_MAKE_SEND_ONCE, notify_port(caller)};
  if (percent(12)) operation.poly.name = {};
  if (percent(12)) operation.poly = right(caller, true);
}

void Generator::insert(Operation& operation) {
  const SpaceId caller = operation.thread.space;
  operation.verb = Verb::kInsert;
  if (percent(60)) {
    operation.poly = {MACH_MSG_TYPE_MAKE_SEND, exact(caller, is_receive)};
    operation.name = operation.poly.name;
    return;
  }
  if (!recorder_.is_dead(other(caller))) operation.target = other(caller);
  operation.poly = right(caller, true);
  operation.name = percent(70) ? NameRef{.kind = NameRef::Kind::kBogus} : any_name(operation.target);
}

void Generator::extract(Operation& operation) {
  const SpaceId caller = operation.thread.space;
  operation.verb = Verb::kExtract;
  if (percent(85) && !recorder_.is_dead(other(caller))) operation.target = other(caller);
  operation.name = name(operation.target, is_right_or_dead);
  operation.poly.type = disposition_for(operation.target, operation.name, percent(30));
}

// ---------------------------------------------------------------- mach_msg

// Calls of the first thread never wait for ever.
void Generator::send_half(Operation& operation) {
  MsgCall& call = operation.call;
  const SpaceId space = operation.thread.space;
  call.option |= MACH_SEND_MSG | MACH_SEND_TIMEOUT;
  call.message = message(space);
  if (percent(15)) call.timeout_ms = 10;
  if (percent(20)) {
    call.option |= MACH_SEND_NOTIFY;
    call.notify = notify_port(space);
  } else if (percent(8)) {
    call.option |= MACH_SEND_CANCEL;
    call.notify = notify_port(space);
  }
}

void Generator::receive_half(Operation& operation) {
  MsgCall& call = operation.call;
  const SpaceId space = operation.thread.space;
  call.option |= MACH_RCV_MSG | MACH_RCV_TIMEOUT;
  const Wish wish = percent(70) ? has_message : can_be_received_from;
  call.receive_name = percent(3) ? any_name(space) : exact(space, wish);
  if (call.receive_name.kind == NameRef::Kind::kBogus) call.receive_name = exact(space, can_be_received_from);
  if (percent(12)) {
    call.option |= MACH_RCV_NOTIFY;
    if (call.notify.kind == NameRef::Kind::kNull) call.notify = notify_port(space);
  }
  if (percent(8)) call.option |= MACH_RCV_LARGE;
  if (percent(12)) call.buffer = {.base = SizeRef::Base::kBytes, .number = below(16) * 8};
}

void Generator::send(Operation& operation) {
  operation.verb = Verb::kMachMsg;
  send_half(operation);
}

void Generator::receive(Operation& operation) {
  operation.verb = Verb::kMachMsg;
  receive_half(operation);
}

void Generator::rpc(Operation& operation) {
  operation.verb = Verb::kMachMsg;
  send_half(operation);
  receive_half(operation);
}

void Generator::start(Operation& operation) {
  operation.verb = Verb::kStart;
  operation.thread.second = true;
  lacking_ |= recorder_.is_busy(operation.thread);
  const unsigned kind = below(10);
  if (kind < 6) send_half(operation);
  if (kind >= 5) receive_half(operation);
  if (percent(85)) operation.call.option &= ~(MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT);
  if (kind >= 6 && percent(80)) operation.call.receive_name = exact(operation.target, can_be_received_from);
}

void Generator::progress(Operation& operation) {
  operation.thread.second = true;
  lacking_ |= !recorder_.is_busy(operation.thread);
  const unsigned kind = below(10);
  operation.verb = kind < 1 ? Verb::kPoll : kind < 8 ? Verb::kJoin : Verb::kAbort;
}

void Generator::sleep(Operation& operation) {
  operation.verb = Verb::kSleep;
  operation.amount = 5 + below(10);
}

// ---------------------------------------------------------------- messages

Message Generator::message(SpaceId space) {
  Message made;
  made.id = static_cast<std::int32_t>(1000 + below(1000));
  made.remote.name = name(space, percent(90) ? is_right : is_right_or_dead);
  made.remote.type = disposition_for(space, made.remote.name, false);
  if (percent(50)) made.local = right(space, false);
  if (percent(15)) made.local = {disposition_for(space, made.remote.name, false), made.remote.name};
  if (percent(50)) {
    for (unsigned rest = 1 + below(3); rest > 0; --rest) made.items.push_back(item(space));
  }
  if (percent(5)) spoil(made);
  return made;
}

Item Generator::item(SpaceId space) {
  Item made = percent(70) ? ports(space) : data();
  if (percent(8)) {
    made = {.kind = Item::Kind::kNames, .type = MACH_MSG_TYPE_PORT_NAME};
    const NameRef named = exact(space, anything);
    if (named.kind == NameRef::Kind::kSymbol) made.names = {named};
  }
  if (percent(20)) out_of_line(made);
  made.long_form = percent(10);
  return made;
}

// All names of an item go by one disposition: that of the first.
Item Generator::ports(SpaceId space) {
  Item made{.kind = Item::Kind::kPorts};
  const PortField first = right(space, true);
  made.type = first.type;
  made.names = {first.name};
  const unsigned more = percent(30) ? 1 + below(2) : 0;
  while (made.names.size() <= more) made.names.push_back(right(space, true).name);
  if (percent(5)) made.names.push_back(percent(50) ? NameRef{} : NameRef{.kind = NameRef::Kind::kDead});
  if (percent(4)) made.names.clear();
  return made;
}

Item Generator::data() {
  Item made;
  made.type = percent(50) ? MACH_MSG_TYPE_CHAR : MACH_MSG_TYPE_INTEGER_32;
  made.bits = percent(80) ? 8 : 32;
  made.count = below(percent(5) ? 5000 : 12);
  made.seed = below(256);
  return made;
}

void Generator::out_of_line(Item& item) {
  item.out_of_line = true;
  item.deallocate = percent(40);
  item.bad_address = percent(4);
}

void Generator::spoil(Message& message) {
  switch (below(8)) {
    case 0:
      message.remote.type = below(32);
      break;
    case 1:
      message.local.type = below(32);
      break;
    case 2:
      message.cut = 4 * below(4);
      break;
    case 3:
      message.complex = percent(50);
      break;
    case 4:
      message.extra_bits = (below(0x4000) << 16) & ~MACH_MSGH_BITS_COMPLEX;
      break;
    case 5:
      message.size = SizeRef{.base = SizeRef::Base::kBytes, .number = below(40)};
      break;
    default:
      if (!message.items.empty()) {
        spoil(message.items[below(static_cast<unsigned>(message.items.size()))]);
      }
  }
}

// Lengths only grow: what remained of names could be read as a descriptor.
void Generator::spoil(Item& item) {
  item.unused = percent(20);
  item.deallocate |= percent(30);
  if (percent(30) && item.kind == Item::Kind::kPorts) item.size_field = 8 * below(3);
  if (percent(20)) item.number_field = element_count(item) + 10000;
}

}  // namespace netmsg::model
