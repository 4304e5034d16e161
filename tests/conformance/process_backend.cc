// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/process_backend.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "daemon/base/check.h"

namespace netmsg::conformance {

namespace {

// Far above the names that the daemon chooses.
constexpr Name kFirstUnusedName = 0x00B0'0000;
// How much longer than recorded a started call may wait.
constexpr std::uint32_t kStretch = 50;
// How long a call is awaited that the trace says has ended.
constexpr int kPatienceMs = 20000;

std::string own_name(SpaceId space) {
  return space == SpaceId::kT0 ? "replay-t0" : "replay-t1";
}

SpaceId other(SpaceId space) {
  return space == SpaceId::kT0 ? SpaceId::kT1 : SpaceId::kT0;
}

Packet put_text(Packet packet, const std::string& text) {
  return packet.put_all(std::vector<char>(text.begin(), text.end()));
}

void expect_success(Packet answer) {
  const auto code = answer.get<kern_return_t>();
  if (code != KERN_SUCCESS) throw BackendFailure("the tasks do not meet: " + std::to_string(code));
}

// All in sessions with all, in plain text on loopback.
std::vector<std::unique_ptr<test::Host>> start_hosts(std::size_t count) {
  const std::vector<std::string> names{"a", "b", "c"};
  std::vector<std::uint16_t> ports;
  for (std::size_t at = 0; at < count; ++at) ports.push_back(test::free_port());
  std::vector<std::unique_ptr<test::Host>> hosts;
  for (std::size_t own = 0; own < count; ++own) {
    std::vector<test::Host::Peer> peers;
    for (std::size_t other = 0; other < count; ++other) {
      if (other != own) peers.push_back({names[other], ports[other]});
    }
    hosts.push_back(
        std::make_unique<test::Host>(names[own], peers.empty() ? std::uint16_t{0} : ports[own], peers));
  }
  for (const auto& host : hosts) {
    for (const auto& other : hosts) {
      if (host != other && !host->connected_to(other->name()))
        throw std::runtime_error("no session between the hosts");
    }
  }
  return hosts;
}

Packet request_of(Ask ask, const MsgArguments& arguments, std::uint32_t timeout_ms) {
  const MsgHead head{arguments.option, arguments.rcv_size, arguments.rcv_name,
                     timeout_ms,       arguments.notify,   arguments.unmapped};
  return Packet().put(ask).put(head).put_all(arguments.message);
}

MsgAnswer msg_answer(Packet& packet) {
  MsgAnswer answer;
  answer.code = packet.get<mach_msg_return_t>();
  answer.offset = packet.get<std::uint32_t>();
  answer.written = packet.get_all<std::byte>();
  return answer;
}

bool has_timeout(const MsgArguments& arguments) {
  return (arguments.option & (MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT)) != 0;
}

}  // namespace

ProcessBackend::ProcessBackend(std::size_t hosts, const std::string& lane) : hosts_(start_hosts(hosts)) {
  for (const auto& host : hosts_) daemons_.emplace_back(host->control_socket());
  for (const SpaceId space : kSpaces)
    tasks_[static_cast<std::size_t>(space)] = start_task(host_of(space), lane);
  if (hosts == 3) between_ = start_task(*hosts_[2], lane);
}

std::unique_ptr<TaskProcess> ProcessBackend::start_task(const test::Host& host, const std::string& lane) {
  test::Process::Environment environment = host.environment();
  environment.emplace_back("NETMSG_LANE", lane);
  return std::make_unique<TaskProcess>(environment);
}

ProcessBackend::~ProcessBackend() = default;

const DaemonView& ProcessBackend::daemon_of(SpaceId space) const {
  return daemons_[daemons_.size() == 1 ? 0 : static_cast<std::size_t>(space)];
}

const test::Host& ProcessBackend::host_of(SpaceId space) const {
  return *hosts_[hosts_.size() == 1 ? 0 : static_cast<std::size_t>(space)];
}

void ProcessBackend::begin_case() {
  seconds_ = {};
  now_ms_ = 0;
  next_unused_ = kFirstUnusedName;
  ++cases_;
  acted_ = {kSpaces.begin(), kSpaces.end()};
  for (const SpaceId space : kSpaces) task(space).begin();
  if (between_) {
    between_->begin();
    introduce_between();
  } else {
    introduce();
  }
  settle();
}

void ProcessBackend::end_case() {
  for (const SpaceId space : kSpaces) task(space).end();
  if (between_) between_->end();
}

// One request to each task; both must succeed.
template <typename Request>
void ProcessBackend::both(Request request) {
  for (const SpaceId space : kSpaces) task(space).tell(request(space));
  for (const SpaceId space : kSpaces) expect_success(task(space).answer());
}

// Each task gets the other's task port.
void ProcessBackend::introduce() {
  both([](SpaceId space) { return put_text(Packet().put(Ask::kListen), own_name(space)); });
  both([this](SpaceId space) {
    const std::string host = has_several_hosts() ? host_of(other(space)).name() : "";
    return put_text(put_text(Packet().put(Ask::kGreet), host), own_name(other(space)));
  });
  both([](SpaceId) { return Packet().put(Ask::kMeet); });
}

// Each task gets a port of the go-between's, which has theirs.
void ProcessBackend::introduce_between() {
  const auto name = [this](SpaceId space) { return own_name(space) + ("-" + std::to_string(cases_)); };
  const auto ask = [this](Packet request) { expect_success(between_->ask(request)); };
  ask(put_text(put_text(Packet().put(Ask::kBetween), name(SpaceId::kT0)), name(SpaceId::kT1)));
  both([&](SpaceId space) {
    return put_text(put_text(Packet().put(Ask::kGreet), hosts_[2]->name()), name(space));
  });
  ask(Packet().put(Ask::kServe));
  both([&](SpaceId space) {
    return put_text(put_text(Packet().put(Ask::kReach), hosts_[2]->name()), name(other(space)));
  });
}

PortAnswer ProcessBackend::port_call(const PortCall& call) {
  if (!task(call.caller).is_task()) return {.code = MACH_SEND_INVALID_DEST};
  acted_.insert({call.caller, call.target});
  Packet packet = task(call.caller).ask(Packet().put(Ask::kPortCall).put(call));
  PortAnswer answer;
  answer.code = packet.get<kern_return_t>();
  answer.name = packet.get<Name>();
  answer.type = packet.get<mach_msg_type_name_t>();
  answer.number = packet.get<std::uint64_t>();
  answer.names = packet.get_all<Name>();
  return answer;
}

SpaceView ProcessBackend::look(SpaceId space) {
  SpaceView view;
  if (!task(space).is_task()) return view;
  Packet packet = task(space).ask(Packet().put(Ask::kLook));
  for (auto count = packet.get<std::uint32_t>(); count > 0; --count) {
    const Name name = packet.get<Name>();
    view.emplace(name, packet.get<NameState>());
  }
  return view;
}

Name ProcessBackend::unused_name(SpaceId) {
  return next_unused_++;
}

Address ProcessBackend::place_memory(SpaceId space, const Bytes& content) {
  const auto address = task(space).ask(Packet().put(Ask::kPlaceMemory).put_all(content)).get<Address>();
  if (address == 0) throw BackendFailure("the task gets no memory");
  return address;
}

std::optional<Bytes> ProcessBackend::read_memory(SpaceId space, Address address, std::size_t size) {
  Packet packet = task(space).ask(Packet().put(Ask::kReadMemory).put(address).put(std::uint64_t{size}));
  if (!packet.get<bool>()) return std::nullopt;
  return packet.get_all<std::byte>();
}

void ProcessBackend::start(Thread thread, MsgArguments arguments) {
  acted_.insert(thread.space);
  if (!thread.second)
    return task(thread.space).tell(request_of(Ask::kMachMsg, arguments, arguments.timeout_ms));
  Second& call = second(thread.space) = {.under_way = true};
  if (has_timeout(arguments)) call.deadline_ms = now_ms_ + arguments.timeout_ms;
  task(thread.space).ask(request_of(Ask::kStart, arguments, arguments.timeout_ms * kStretch));
  settle();
}

std::optional<MsgAnswer> ProcessBackend::result(Thread thread) {
  NETMSG_CHECK(thread.second);
  return std::exchange(second(thread.space).answer, std::nullopt);
}

// A call that waits for ever is given up with its task.
std::optional<MsgAnswer> ProcessBackend::wait(Thread thread) {
  NETMSG_CHECK(!thread.second);
  std::optional<Packet> packet = task(thread.space).answer(kPatienceMs);
  if (!packet) {
    task(thread.space).kill();
    return std::nullopt;
  }
  return msg_answer(*packet);
}

void ProcessBackend::abort(Thread thread) {
  if (!second(thread.space).under_way) return;
  task(thread.space).ask(Packet().put(Ask::kAbort));
  second(thread.space).deadline_ms = now_ms_;
}

void ProcessBackend::sleep(std::uint32_t milliseconds) {
  now_ms_ += milliseconds;
}

void ProcessBackend::terminate(SpaceId space) {
  acted_.insert(space);
  const pid_t pid = task(space).pid();
  task(space).kill();
  second(space) = {};
  if (!test::eventually([&] { return !daemon_of(space).blocked_calls(pid); },
                        std::chrono::milliseconds(kPatienceMs))) {
    throw BackendFailure("the daemon does not notice a task's end");
  }
}

// Waits until the second thread's call has ended or, if nothing has ended it yet, waits in the daemon.
void ProcessBackend::settle_second(SpaceId space) {
  Second& call = second(space);
  const bool must_end = call.deadline_ms && *call.deadline_ms <= now_ms_;
  const auto at_rest = [&] {
    Packet packet = task(space).ask(Packet().put(Ask::kPoll));
    if (packet.get<bool>()) {
      call = {.answer = msg_answer(packet)};
      return true;
    }
    return !must_end && daemon_of(space).blocked_calls(task(space).pid()) == 1U;
  };
  if (!test::eventually(at_rest, std::chrono::milliseconds(kPatienceMs))) {
    throw BackendFailure("a started call neither waits nor ends");
  }
}

// A call that waits may end by its deadline, at any host.
void ProcessBackend::settle_hosts() {
  const bool waits = seconds_[0].under_way || seconds_[1].under_way;
  const bool one = acted_.size() == 1 && !waits;
  DaemonView::settle(daemons_, one ? &daemon_of(*acted_.begin()) : nullptr);
  acted_.clear();
}

void ProcessBackend::settle() {
  if (daemons_.size() > 1) settle_hosts();
  for (const SpaceId space : kSpaces) {
    if (second(space).under_way && task(space).is_task()) settle_second(space);
  }
}

}  // namespace netmsg::conformance
