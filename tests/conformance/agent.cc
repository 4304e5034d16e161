// SPDX-License-Identifier: Apache-2.0
// A recorded task, acted by a process: see agent_protocol.h. Everything it does with ports it does by the library's
// public calls. usage: netmsg_replay_agent SOCKET
#include <mach.h>
#include <servers/netname.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "tests/conformance/agent_between.h"
#include "tests/conformance/agent_link.h"
#include "tests/conformance/agent_protocol.h"
#include "tests/conformance/msg_buffer.h"

namespace netmsg::conformance {
namespace {

// Where the regions of messages begin: far from where the system puts what it is free to place, so that memory which
// comes back is never where it was.
constexpr Address kFirstRegion = Address{1} << 45;
constexpr Address kPage = 4096;
// In no process.
constexpr Address kNowhere = 0x1000;

struct Call {
  MsgHead head{};
  Bytes message;
};

MsgAnswer carry_out(const Call& call) {
  MsgBuffer buffer(call.message, call.head.rcv_size);
  auto* address = call.head.unmapped ? reinterpret_cast<mach_msg_header_t*>(kNowhere) : buffer.address();
  // The trap: mach_msg would go on after an interruption.
  const mach_msg_return_t code =
      mach_msg_trap(address, call.head.option, static_cast<mach_msg_size_t>(call.message.size()),
                    call.head.rcv_size, call.head.rcv_name, call.head.timeout_ms, call.head.notify);
  return call.head.unmapped ? MsgAnswer{.code = code} : buffer.answer(call.head.option, code);
}

// The task's second thread. States: idle, under way, done; a call is begun when idle and its answer taken when done.
class SecondThread {
 public:
  void begin(Call call) {
    done_ = false;
    thread_ = std::thread([this, taken = std::move(call)] {
      answer_ = carry_out(taken);
      done_ = true;
    });
  }

  std::optional<MsgAnswer> take() {
    if (!thread_.joinable() || !done_) return std::nullopt;
    thread_.join();
    return std::move(answer_);
  }

  void interrupt() {
    if (thread_.joinable()) ::pthread_kill(thread_.native_handle(), SIGUSR1);
  }

 private:
  std::thread thread_;
  std::atomic<bool> done_{false};
  MsgAnswer answer_;  // when done
};

// ---------------------------------------------------------------- the other task

// The other task's port. The first call on it makes whatever the library keeps for such calls.
void call_first(mach_port_t other) {
  mach_port_type_t type = 0;
  mach_port_type(other, mach_task_self(), &type);
}

// ---------------------------------------------------------------- port calls

std::vector<std::uint32_t> take_array(std::uint32_t* elements, mach_msg_type_number_t count) {
  std::vector<std::uint32_t> taken(elements, elements + count);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(elements), count * sizeof *elements);
  return taken;
}

struct Names {
  kern_return_t code;
  std::vector<Name> names = {};
  std::vector<mach_port_type_t> types = {};
};

Names names_in(mach_port_t task) {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t count = 0;
  mach_msg_type_number_t types_count = 0;
  Names all{mach_port_names(task, &names, &count, &types, &types_count)};
  if (all.code != KERN_SUCCESS) return all;
  all.names = take_array(names, count);
  all.types = take_array(types, types_count);
  return all;
}

PortAnswer answer_names(mach_port_t task) {
  Names all = names_in(task);
  return {.code = all.code, .names = std::move(all.names)};
}

PortAnswer members_of(mach_port_t task, Name set) {
  mach_port_name_array_t names = nullptr;
  mach_msg_type_number_t count = 0;
  PortAnswer answer{.code = mach_port_get_set_status(task, set, &names, &count)};
  if (answer.code == KERN_SUCCESS) answer.names = take_array(names, count);
  return answer;
}

PortAnswer reply_port() {
  PortAnswer answer{.name = mach_reply_port()};
  if (answer.name == MACH_PORT_NULL) answer.code = KERN_RESOURCE_SHORTAGE;
  return answer;
}

// The library gives the codes of the system call for the own task; as a request message the same refusal is one of the
// message (spec 05 §5).
PortAnswer insert(mach_port_t task, const PortCall& call) {
  PortAnswer answer{.code = mach_port_insert_right(task, call.name, call.poly, call.poly_type)};
  const bool refused = answer.code == KERN_INVALID_NAME || answer.code == KERN_INVALID_RIGHT;
  if (refused && call.verb == Verb::kInsert) answer.code = MACH_SEND_INVALID_RIGHT;
  return answer;
}

PortAnswer carry_out(mach_port_t task, const PortCall& call) {
  PortAnswer answer;
  const auto amount = static_cast<std::uint32_t>(call.amount);
  std::uint32_t number = 0;
  switch (call.verb) {
    case Verb::kAlloc:
    case Verb::kTrapAlloc:
      answer.code = mach_port_allocate(task, call.right, &answer.name);
      break;
    case Verb::kAllocName:
    case Verb::kTrapAllocName:
      answer.code = mach_port_allocate_name(task, call.right, call.name);
      break;
    case Verb::kReplyPort:
      return reply_port();
    case Verb::kDealloc:
    case Verb::kTrapDealloc:
      answer.code = mach_port_deallocate(task, call.name);
      break;
    case Verb::kDestroy:
      answer.code = mach_port_destroy(task, call.name);
      break;
    case Verb::kModRefs:
      answer.code =
          mach_port_mod_refs(task, call.name, call.right, static_cast<mach_port_delta_t>(call.amount));
      break;
    case Verb::kGetRefs:
      answer.code = mach_port_get_refs(task, call.name, call.right, &number);
      break;
    case Verb::kType:
      answer.code = mach_port_type(task, call.name, &number);
      break;
    case Verb::kNames:
      return answer_names(task);
    case Verb::kRename:
      answer.code = mach_port_rename(task, call.name, call.other);
      break;
    case Verb::kSetQlimit:
      answer.code = mach_port_set_qlimit(task, call.name, amount);
      break;
    case Verb::kSetMscount:
      answer.code = mach_port_set_mscount(task, call.name, amount);
      break;
    case Verb::kSetSeqno:
      answer.code = mach_port_set_seqno(task, call.name, amount);
      break;
    case Verb::kSetPayload:
      answer.code = mach_port_set_protected_payload(task, call.name, static_cast<rpc_uintptr_t>(call.amount));
      break;
    case Verb::kClearPayload:
      answer.code = mach_port_clear_protected_payload(task, call.name);
      break;
    case Verb::kGetStatus: {
      mach_port_status_t status;
      answer.code = mach_port_get_receive_status(task, call.name, &status);
      break;
    }
    case Verb::kGetSetStatus:
      return members_of(task, call.name);
    case Verb::kMoveMember:
      answer.code = mach_port_move_member(task, call.name, call.other);
      break;
    case Verb::kRequestNotification:
      answer.code = mach_port_request_notification(task, call.name, call.variant, amount, call.poly,
                                                   call.poly_type, &answer.name);
      break;
    case Verb::kInsert:
    case Verb::kTrapInsert:
      return insert(task, call);
    case Verb::kExtract:
      answer.code = mach_port_extract_right(task, call.name, call.poly_type, &answer.name, &answer.type);
      break;
    default:
      base::check_failed(__FILE__, __LINE__, "not a port call");
  }
  answer.number = number;
  return answer;
}

NameState state_of(Name name, mach_port_type_t type) {
  const mach_port_t self = mach_task_self();
  NameState state{.type = type};
  for (std::uint32_t right = 0; right < state.refs.size(); ++right) {
    if ((type & MACH_PORT_TYPE(right)) != 0) mach_port_get_refs(self, name, right, &state.refs[right]);
  }
  if ((type & MACH_PORT_TYPE_RECEIVE) != 0) mach_port_get_receive_status(self, name, &state.status);
  return state;
}

// ---------------------------------------------------------------- memory

// Is it mapped and readable? A copy out of our own memory answers without a fault.
std::optional<Bytes> read_memory(Address address, std::size_t size) {
  Bytes bytes(size);
  iovec to{bytes.data(), size};
  iovec from{reinterpret_cast<void*>(address), size};
  if (::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) != static_cast<ssize_t>(size)) return std::nullopt;
  return bytes;
}

// ---------------------------------------------------------------- the task

class Agent {
 public:
  explicit Agent(const Link& link) : link_(link) {}

  void serve() {
    say(Packet().put(::getpid()));
    while (std::optional<Packet> request = link_.receive()) {
      const Ask ask = request->get<Ask>();
      if (ask == Ask::kEnd) return;
      say(answer(ask, *request));
    }
  }

 private:
  void say(const Packet& packet) { link_.send(Packet().put(Say::kAnswer).append(packet)); }

  Packet answer(Ask ask, Packet& request) {
    switch (ask) {
      case Ask::kListen:
        return Packet().put(introduction_.listen(text(request)));
      case Ask::kGreet: {
        const std::string host = text(request);
        return Packet().put(Introduction::greet(host, text(request)));
      }
      case Ask::kMeet:
        return Packet().put(meet());
      case Ask::kReach: {
        const std::string host = text(request);
        return Packet().put(reach(host, text(request)));
      }
      case Ask::kBetween: {
        const std::string first = text(request);
        return Packet().put(between_.listen(first, text(request)));
      }
      case Ask::kServe:
        return Packet().put(between_.serve());
      case Ask::kPortCall:
        return port_call(request.get<PortCall>());
      case Ask::kLook:
        return look();
      case Ask::kMachMsg:
        return packed(carry_out(call_in(request)));
      case Ask::kStart:
        second_.begin(call_in(request));
        return {};
      case Ask::kPoll:
        return poll();
      case Ask::kAbort:
        second_.interrupt();
        return {};
      case Ask::kPlaceMemory:
        return Packet().put(place_memory(request.get_all<std::byte>()));
      case Ask::kReadMemory: {
        const Address address = request.get<Address>();
        const std::optional<Bytes> bytes = read_memory(address, request.get<std::uint64_t>());
        return Packet().put(bytes.has_value()).put_all(bytes.value_or(Bytes()));
      }
      case Ask::kBegin:
      case Ask::kEnd:
        break;
    }
    base::check_failed(__FILE__, __LINE__, "a request out of place");
  }

  kern_return_t meet() {
    const kern_return_t code = introduction_.meet(&other_);
    introduction_.end();
    call_first(other_);
    return code;
  }

  kern_return_t reach(const std::string& host, const std::string& name) {
    const kern_return_t code = netname_look_up(name_server_port, host.c_str(), name.c_str(), &other_);
    if (code == KERN_SUCCESS) call_first(other_);
    return code;
  }

  static std::string text(Packet& request) {
    const auto letters = request.get_all<char>();
    return {letters.begin(), letters.end()};
  }

  static Call call_in(Packet& request) {
    Call call;
    call.head = request.get<MsgHead>();
    call.message = request.get_all<std::byte>();
    return call;
  }

  static Packet packed(const MsgAnswer& answer) {
    return Packet().put(answer.code).put(answer.offset).put_all(answer.written);
  }

  Packet port_call(const PortCall& call) {
    const bool own = call.target == call.caller;
    const PortAnswer answer = carry_out(own ? mach_task_self() : other_, call);
    if (!own && answer.code != KERN_SUCCESS) renew_private_names();
    return Packet()
        .put(answer.code)
        .put(answer.name)
        .put(answer.type)
        .put(answer.number)
        .put_all(answer.names);
  }

  // After a request that could not be sent the library takes another reply port for such calls; asking for the names
  // is one. The failed call itself has made no name, so the new one is not one of the trace's.
  void renew_private_names() {
    const Names all = names_in(mach_task_self());
    for (std::size_t at = 0; at < all.names.size(); ++at) {
      const bool is_new = seen_.count(all.names[at]) == 0;
      if (is_new && all.types[at] == MACH_PORT_TYPE_RECEIVE) private_names_.insert(all.names[at]);
    }
  }

  Packet look() {
    Packet states;
    std::uint32_t count = 0;
    const Names all = names_in(mach_task_self());
    seen_ = {all.names.begin(), all.names.end()};
    for (std::size_t at = 0; at < all.names.size(); ++at) {
      if (private_names_.count(all.names[at]) != 0) continue;
      states.put(all.names[at]).put(state_of(all.names[at], all.types[at]));
      ++count;
    }
    return Packet().put(count).append(states);
  }

  Packet poll() {
    const std::optional<MsgAnswer> answer = second_.take();
    if (!answer) return Packet().put(false);
    return Packet().put(true).put(answer->code).put(answer->offset).put_all(answer->written);
  }

  Address place_memory(const Bytes& content) {
    vm_address_t address = next_region_;
    if (vm_allocate(mach_task_self(), &address, content.size(), 0) != KERN_SUCCESS) return 0;
    std::memcpy(reinterpret_cast<void*>(address), content.data(), content.size());
    next_region_ += content.size() / kPage * kPage + 2 * kPage;
    return address;
  }

  const Link& link_;
  Introduction introduction_;
  Between between_;
  mach_port_t other_ = MACH_PORT_NULL;
  std::set<Name> seen_;           // by the latest look
  std::set<Name> private_names_;  // the library's own
  SecondThread second_;
  Address next_region_ = kFirstRegion;
};

// ---------------------------------------------------------------- the zygote

void be_interruptible() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, nullptr);
}

// A child of the zygote; its threads may still be in calls when the case is over.
[[noreturn]] void be_a_task(const Link& link) {
  be_interruptible();
  Agent(link).serve();
  ::_exit(0);
}

int run(const Link& link) {
  while (std::optional<Packet> request = link.receive()) {
    NETMSG_CHECK(request->get<Ask>() == Ask::kBegin);
    const pid_t child = ::fork();
    if (child == 0) be_a_task(link);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!link.send(Packet().put(Say::kEnded).put(status))) break;
  }
  return 0;
}

std::optional<Link> connect(const char* path) {
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return std::nullopt;
  return Link(std::move(socket));
}

}  // namespace
}  // namespace netmsg::conformance

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto link = netmsg::conformance::connect(argv[1]);
  if (!link) {
    std::perror("netmsg_replay_agent: connect");
    return 1;
  }
  return netmsg::conformance::run(*link);
}
