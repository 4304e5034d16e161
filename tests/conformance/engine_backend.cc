// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/engine_backend.h"

#include <mach/notify.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/ipc/mach_port.h"
#include "tests/conformance/engine_hosts.h"
#include "tests/conformance/far_call.h"
#include "tests/conformance/task_memory.h"

namespace netmsg::conformance {

namespace {

namespace mp = ipc::mach_port;

// Far above the names that the engine chooses.
constexpr Name kFirstUnusedName = 0x00B0'0000;

// ---------------------------------------------------------------- port calls

template <typename T, typename Store>
PortAnswer answer(const ipc::Kern<T>& result, Store store) {
  PortAnswer given;
  given.code = result.code();
  if (result.ok()) store(given, result.value());
  return given;
}

PortAnswer answer_name(const ipc::Kern<Name>& result) {
  return answer(result, [](PortAnswer& given, Name name) { given.name = name; });
}

PortAnswer answer_number(const ipc::Kern<std::uint32_t>& result) {
  return answer(result, [](PortAnswer& given, std::uint32_t number) { given.number = number; });
}

PortAnswer reply_port(ipc::Space& caller) {
  PortAnswer given;
  given.name = mp::reply_port(caller);
  if (given.name == MACH_PORT_NULL) given.code = KERN_RESOURCE_SHORTAGE;
  return given;
}

// The engine gives the codes of the system call; as a request message the same refusal is one of the message
// (spec 05 §5).
PortAnswer insert(ipc::Space& caller, ipc::Space& target, const PortCall& call) {
  PortAnswer given;
  given.code = mp::insert_right(caller, target, call.name, call.poly, call.poly_type);
  const bool refused = given.code == KERN_INVALID_NAME || given.code == KERN_INVALID_RIGHT;
  if (call.verb == Verb::kInsert && refused) given.code = MACH_SEND_INVALID_RIGHT;
  return given;
}

PortAnswer extract(ipc::Space& caller, ipc::Space& target, const PortCall& call) {
  return answer(mp::extract_right(caller, target, call.name, call.poly_type),
                [](PortAnswer& given, const auto& right) { std::tie(given.name, given.type) = right; });
}

PortAnswer answer_names(const ipc::Kern<std::vector<Name>>& result) {
  return answer(result, [](PortAnswer& given, const std::vector<Name>& names) { given.names = names; });
}

NameState state_of(ipc::Space& space, Name name, mach_port_type_t type) {
  NameState state{.type = type};
  for (std::uint32_t right = 0; right < state.refs.size(); ++right) {
    if ((type & MACH_PORT_TYPE(right)) != 0) state.refs[right] = mp::get_refs(space, name, right).value();
  }
  if ((type & MACH_PORT_TYPE_RECEIVE) != 0) state.status = mp::get_receive_status(space, name).value();
  return state;
}

PortAnswer carry_out(ipc::Space& caller, ipc::Space& target, const PortCall& call) {
  switch (call.verb) {
    case Verb::kAlloc:
    case Verb::kTrapAlloc:
      return answer_name(mp::allocate(target, call.right));
    case Verb::kAllocName:
    case Verb::kTrapAllocName:
      return {.code = mp::allocate_name(target, call.right, call.name)};
    case Verb::kReplyPort:
      return reply_port(caller);
    case Verb::kDealloc:
    case Verb::kTrapDealloc:
      return {.code = mp::deallocate(target, call.name)};
    case Verb::kDestroy:
      return {.code = mp::destroy(target, call.name)};
    case Verb::kModRefs:
      return {.code =
                  mp::mod_refs(target, call.name, call.right, static_cast<mach_port_delta_t>(call.amount))};
    case Verb::kGetRefs:
      return answer_number(mp::get_refs(target, call.name, call.right));
    case Verb::kType:
      return answer_number(mp::type(target, call.name));
    case Verb::kNames:
      return answer_names(mp::names(target).names);
    case Verb::kRename:
      return {.code = mp::rename(target, call.name, call.other)};
    case Verb::kMoveMember:
      return {.code = mp::move_member(target, call.name, call.other)};
    case Verb::kGetSetStatus:
      return answer_names(mp::get_set_status(target, call.name));
    case Verb::kSetMscount:
      return {.code = mp::set_mscount(target, call.name, static_cast<mach_port_mscount_t>(call.amount))};
    case Verb::kSetSeqno:
      return {.code = mp::set_seqno(target, call.name, static_cast<mach_port_seqno_t>(call.amount))};
    case Verb::kSetPayload:
      return {.code = mp::set_protected_payload(target, call.name, static_cast<std::uint64_t>(call.amount))};
    case Verb::kClearPayload:
      return {.code = mp::clear_protected_payload(target, call.name)};
    case Verb::kSetQlimit:
      return {.code = mp::set_qlimit(target, call.name, static_cast<mach_port_msgcount_t>(call.amount))};
    case Verb::kGetStatus:
      return {.code = mp::get_receive_status(target, call.name).code()};
    case Verb::kInsert:
    case Verb::kTrapInsert:
      return insert(caller, target, call);
    case Verb::kExtract:
      return extract(caller, target, call);
    case Verb::kRequestNotification:
      return answer_name(mp::request_notification(caller, target, call.name, call.variant,
                                                  static_cast<mach_port_mscount_t>(call.amount), call.poly,
                                                  call.poly_type));
    default:
      base::check_failed(__FILE__, __LINE__, "not a port call");
  }
}

// One task: a space, and the results of its calls. The token of a call is 1 for the first thread, 2 for the
// second; one more is for calls on a task of another host.
struct Task final : ipc::Completions {
  void complete(ipc::OpToken token, ipc::MsgResult&& result) override {
    sent[token].deallocate(result.memory_taken, memory);
    place_regions(result, memory);
    results.insert_or_assign(token, std::move(result));
  }

  ipc::Space* space = nullptr;  // null once terminated
  Name other = MACH_PORT_NULL;  // on another host: the port by which the other task is called
  std::map<ipc::OpToken, ipc::MsgResult> results;
  std::map<ipc::OpToken, bool> unmapped;  // has the latest call no buffer?
  TaskMemory memory;
  std::map<ipc::OpToken, SentRegions> sent;  // by the last call
};

constexpr ipc::OpToken kFarCall = 3;

ipc::OpToken token_of(Thread thread) {
  return thread.second ? 2 : 1;
}

// What a client answers when its caller's buffer cannot be read, or not be written (spec 03 §3, §11).
mach_msg_return_t unreadable(const MsgArguments& arguments) {
  const std::size_t size = arguments.message.size();
  const bool legal = size >= sizeof(mach_msg_header_t) && size % MACH_MSG_USER_ALIGNMENT == 0;
  return legal ? MACH_SEND_INVALID_DATA : MACH_SEND_MSG_TOO_SMALL;
}

mach_msg_return_t unwritable(mach_msg_return_t code) {
  const bool message_due = code == MACH_MSG_SUCCESS || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
  return message_due ? MACH_RCV_INVALID_DATA : code;
}

}  // namespace

struct EngineBackend::World {
  explicit World(unsigned count) : hosts(make_engine_hosts(count)) {
    for (const SpaceId space : kSpaces) {
      test::World& host = hosts->of(space);
      task(space).space = &host.engine.create_space("task", host.account, task(space));
    }
    const EngineHosts::Introduced others = hosts->introduce({tasks[0].space, tasks[1].space});
    for (const SpaceId space : kSpaces) task(space).other = others[static_cast<std::size_t>(space)];
  }
  ~World() {
    for (const SpaceId space : kSpaces) end(space);
  }

  Task& task(SpaceId space) { return tasks[static_cast<std::size_t>(space)]; }
  ipc::Engine& engine(SpaceId space) { return hosts->of(space).engine; }
  void end(SpaceId space) {
    if (ipc::Space* given_up = std::exchange(task(space).space, nullptr))
      engine(space).destroy_space(*given_up);
  }
  PortAnswer far_call(const PortCall& call);
  std::optional<base::Instant> next_deadline();

  std::array<Task, 2> tasks;
  std::unique_ptr<EngineHosts> hosts;
  Name next_unused = kFirstUnusedName;
};

PortAnswer EngineBackend::World::far_call(const PortCall& call) {
  Task& caller = task(call.caller);
  // For this call alone: a request that is refused leaves a notification there.
  const Name reply = mp::allocate(*caller.space, MACH_PORT_RIGHT_RECEIVE).value();
  engine(call.caller).mach_msg(*caller.space, kFarCall, far_request(call, caller.other, reply));
  hosts->run();
  mp::destroy(*caller.space, reply);
  const auto ended = caller.results.extract(kFarCall);
  if (ended.empty()) throw BackendFailure("the other task does not answer");
  return far_answer(ended.mapped());
}

// Of a call that waits; the hosts' own timers do not count.
std::optional<base::Instant> EngineBackend::World::next_deadline() {
  std::optional<base::Instant> next;
  for (const SpaceId space : kSpaces) {
    const std::optional<base::Instant> deadline = engine(space).next_deadline();
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  return next;
}

EngineBackend::EngineBackend(unsigned hosts, bool check) : hosts_(hosts), check_(check) {}
EngineBackend::~EngineBackend() = default;

void EngineBackend::begin_case() {
  world_ = std::make_unique<World>(hosts_);
}

void EngineBackend::end_case() {
  world_.reset();
}

PortAnswer EngineBackend::port_call(const PortCall& call) {
  const Task& caller = world_->task(call.caller);
  ipc::Space* target = world_->task(call.target).space;
  if (caller.space == nullptr || target == nullptr) return {.code = MACH_SEND_INVALID_DEST};
  const bool far = call.target != call.caller && caller.other != MACH_PORT_NULL;
  return far ? world_->far_call(call) : carry_out(*caller.space, *target, call);
}

SpaceView EngineBackend::look(SpaceId space) {
  SpaceView view;
  ipc::Space* looked_at = world_->task(space).space;
  if (looked_at == nullptr) return view;
  for (const ipc::PortRow& row : world_->engine(space).ports(*looked_at)) {
    view.emplace(row.name, state_of(*looked_at, row.name, mp::type(*looked_at, row.name).value()));
  }
  return view;
}

Name EngineBackend::unused_name(SpaceId) {
  return world_->next_unused++;
}

Address EngineBackend::place_memory(SpaceId space, const Bytes& content) {
  return world_->task(space).memory.place(content);
}

std::optional<Bytes> EngineBackend::read_memory(SpaceId space, Address address, std::size_t size) {
  return world_->task(space).memory.read(address, size);
}

void EngineBackend::start(Thread thread, MsgArguments arguments) {
  Task& task = world_->task(thread.space);
  if (arguments.unmapped && (arguments.option & MACH_SEND_MSG) != 0) {
    return task.complete(token_of(thread), {unreadable(arguments)});
  }
  task.unmapped[token_of(thread)] = arguments.unmapped;
  ipc::MsgArgs args;
  args.option = arguments.option;
  args.rcv_size = arguments.rcv_size;
  args.rcv_name = arguments.rcv_name;
  args.timeout_ms = arguments.timeout_ms;
  args.notify = arguments.notify;
  args.message = std::move(arguments.message);
  SentRegions& sent = task.sent[token_of(thread)] = SentRegions(args.message, task.memory);
  args.memory = sent.take();
  world_->engine(thread.space).mach_msg(*task.space, token_of(thread), std::move(args));
}

std::optional<MsgAnswer> EngineBackend::result(Thread thread) {
  Task& task = world_->task(thread.space);
  auto node = task.results.extract(token_of(thread));
  if (node.empty()) return std::nullopt;
  ipc::MsgResult& ended = node.mapped();
  if (task.unmapped[token_of(thread)]) return MsgAnswer{.code = unwritable(ended.code)};
  return MsgAnswer{ended.code, ended.offset, std::move(ended.bytes)};
}

std::optional<MsgAnswer> EngineBackend::wait(Thread thread) {
  while (true) {
    world_->hosts->run();
    if (std::optional<MsgAnswer> ended = result(thread)) return ended;
    const std::optional<base::Instant> deadline = world_->next_deadline();
    if (!deadline) return std::nullopt;
    const auto left = *deadline - world_->hosts->of(thread.space).clock.now();
    world_->hosts->advance(std::chrono::ceil<std::chrono::milliseconds>(left));
  }
}

void EngineBackend::abort(Thread thread) {
  if (ipc::Space* space = world_->task(thread.space).space)
    world_->engine(thread.space).cancel(*space, token_of(thread));
}

void EngineBackend::sleep(std::uint32_t milliseconds) {
  world_->hosts->advance(std::chrono::milliseconds(milliseconds));
}

void EngineBackend::terminate(SpaceId space) {
  world_->end(space);
}

void EngineBackend::settle() {
  world_->hosts->run();
  if (check_) world_->hosts->check();
}

}  // namespace netmsg::conformance
