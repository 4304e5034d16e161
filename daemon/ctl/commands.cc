// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/commands.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "daemon/ctl/table.h"
#include "netmsg/v1/control.grpc.pb.h"

namespace netmsg::ctl {
namespace {

constexpr std::chrono::seconds kCallLimit{5};
// Between two rounds of settle.
constexpr std::chrono::milliseconds kRoundPause{5};

// One daemon's control socket.
class Daemon {
 public:
  explicit Daemon(const std::string& path) : path_(path) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = v1::Control::NewStub(
        grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments));
  }

  // The answer, or an exit status after saying why there is none.
  template <typename Ask, typename Reply>
  int call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Ask&, Reply*),
           const Ask& ask, Reply& reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
    const grpc::Status status = (stub_.get()->*method)(&context, ask, &reply);
    if (status.ok()) return kOk;
    std::fprintf(stderr, "netmsgctl: %s: %s\n", path_.c_str(), status.error_message().c_str());
    return status.error_code() == grpc::StatusCode::NOT_FOUND ? kRefused : kNoAnswer;
  }

 private:
  std::string path_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const google::protobuf::Message& reply) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(reply, &text, options);
  print(status.ok() ? text + "\n" : "");
}

std::string text(std::uint64_t number) {
  return std::to_string(number);
}
std::string text_or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

const char* network_text(v1::Network network) {
  switch (network) {
    case v1::NETWORK_OFF:
      return "off";
    case v1::NETWORK_TLS:
      return "TLS";
    case v1::NETWORK_PLAINTEXT:
      return "PLAINTEXT, without authentication";
    default:
      return "unknown";
  }
}

// --- tables ---

std::string shown(const v1::StatusReply& reply) {
  const std::pair<const char*, std::string> kLines[] = {
      {"version", reply.version()},
      {"node", reply.node() + " (" + reply.node_id() + ")"},
      {"incarnation", text(reply.incarnation())},
      {"process", std::to_string(reply.pid()) + ", up " + duration_text(reply.uptime_ms())},
      {"socket", reply.socket()},
      {"listen", text_or_dash(reply.listen())},
      {"network", network_text(reply.network())},
      {"peers", text(reply.peers_open()) + " of " + text(reply.peers()) + " connected"},
      {"tasks", text(reply.tasks())},
      {"names", text(reply.names()) + " checked in, " + text(reply.look_ups()) + " look-ups waiting"},
      {"messages", text(reply.messages_sent()) + " sent, " + text(reply.messages_received()) + " received"},
      {"log", text(reply.log_lines_dropped()) + " lines dropped"}};
  std::string all;
  for (const auto& [title, value] : kLines) {
    all += title + std::string(13 - std::string(title).size(), ' ') + value + "\n";
  }
  return all;
}

std::string shown(const v1::TasksReply& reply) {
  Table table({{"TASK", true},
               {"LABEL"},
               {"PID", true},
               {"UID", true},
               {"LANES", true},
               {"NAMES", true},
               {"BLOCKED", true}});
  for (const v1::Task& task : reply.tasks()) {
    const bool program = task.pid() != 0;
    table.add({text(task.id()), task.label(), program ? std::to_string(task.pid()) : "-",
               program ? text(task.uid()) : "-", text(task.lanes()), text(task.names()),
               text(task.blocked_calls())});
  }
  return table.text();
}

std::string shown(const v1::PortsReply& reply) {
  Table table({{"TASK", true},
               {"NAME", true},
               {"RIGHTS"},
               {"UREFS", true},
               {"QUEUED", true},
               {"LIMIT", true},
               {"WHERE"}});
  for (const v1::Port& port : reply.ports()) {
    table.add({text(port.task()), text(port.name()), type_text(port.type()), text(port.urefs()),
               text(port.queued()), text(port.qlimit()), port.remote() ? "remote" : "here"});
  }
  return table.text();
}

std::string shown(const v1::PeersReply& reply) {
  Table table({{"PEER"},
               {"STATE"},
               {"NODE"},
               {"ADDRESS"},
               {"AGE", true},
               {"SENT", true},
               {"APPLIED", true},
               {"UNACKED", true},
               {"PROXIES", true},
               {"EXPORTS", true},
               {"SEND-ONCE", true},
               {"LAST ERROR"}});
  for (const v1::Peer& peer : reply.peers()) {
    table.add({peer.name(), peer.state(), text_or_dash(peer.node()), text_or_dash(peer.address()),
               duration_text(peer.age_ms()), text(peer.frames_sent()), text(peer.frames_applied()),
               text(peer.unacknowledged()), text(peer.proxies()), text(peer.exports()),
               text(peer.send_once_units()), text_or_dash(peer.last_error())});
  }
  return table.text();
}

std::string shown(const v1::NamesReply& reply) {
  Table table({{"NAME"}, {"PORT", true}, {"SIGNATURE"}});
  for (const v1::Name& name : reply.names()) {
    table.add({name.name(), text(name.port()), name.is_protected() ? "yes" : "none"});
  }
  return table.text();
}

std::string shown(const v1::AuditReply& reply) {
  std::string all;
  for (const std::string& line : reply.imbalances()) all += line + "\n";
  if (all.empty()) all = "balanced\n";
  return all;
}

// Asks the one daemon and shows what it says.
template <typename Ask, typename Reply>
int ask(const Request& request,
        grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Ask&, Reply*), const Ask& what,
        Reply& reply) {
  Daemon daemon(request.controls.front());
  const int result = daemon.call(method, what, reply);
  if (result != kOk) return result;
  if (request.json) {
    print_json(reply);
  } else {
    print(shown(reply));
  }
  return kOk;
}

// --- settle (control.proto, Counters) ---

using Round = std::vector<v1::CountersReply>;

int ask_all(std::vector<Daemon>& daemons, Round& round) {
  for (Daemon& daemon : daemons) {
    const int result = daemon.call(&v1::Control::Stub::Counters, v1::CountersRequest(), round.emplace_back());
    if (result != kOk) return result;
  }
  return kOk;
}

bool same(const Round& one, const Round& other) {
  if (one.size() != other.size()) return false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i].SerializeAsString() != other[i].SerializeAsString()) return false;
  }
  return true;
}

bool nothing_open(const Round& round) {
  for (const v1::CountersReply& counters : round) {
    if (counters.unacknowledged() != 0 || counters.timers_due() != 0) return false;
  }
  return true;
}

void print_unsettled(const Round& round) {
  for (const v1::CountersReply& counters : round) {
    std::fprintf(stderr, "netmsgctl: not settled: %s\n", counters.ShortDebugString().c_str());
  }
}

}  // namespace

int status(const Request& request) {
  v1::StatusReply reply;
  return ask(request, &v1::Control::Stub::Status, v1::StatusRequest(), reply);
}

int tasks(const Request& request) {
  v1::TasksReply reply;
  return ask(request, &v1::Control::Stub::Tasks, v1::TasksRequest(), reply);
}

int ports(const Request& request) {
  v1::PortsRequest what;
  what.set_task(request.task);
  v1::PortsReply reply;
  return ask(request, &v1::Control::Stub::Ports, what, reply);
}

int peers(const Request& request) {
  v1::PeersReply reply;
  return ask(request, &v1::Control::Stub::Peers, v1::PeersRequest(), reply);
}

int names(const Request& request) {
  v1::NamesReply reply;
  return ask(request, &v1::Control::Stub::Names, v1::NamesRequest(), reply);
}

int audit(const Request& request) {
  v1::AuditReply reply;
  const int result = ask(request, &v1::Control::Stub::Audit, v1::AuditRequest(), reply);
  return result == kOk && reply.imbalances_size() > 0 ? kImbalance : result;
}

int settle(const Request& request) {
  std::vector<Daemon> daemons(request.controls.begin(), request.controls.end());
  const auto limit = std::chrono::steady_clock::now() + request.time_limit;
  Round last;
  for (int rounds = 1;; ++rounds) {
    Round round;
    const int result = ask_all(daemons, round);
    if (result != kOk) return result;
    if (same(round, last) && nothing_open(round)) {
      print(request.json ? "{\"settled\": true, \"rounds\": " + std::to_string(rounds) + "}\n" : "settled\n");
      return kOk;
    }
    if (std::chrono::steady_clock::now() >= limit) {
      print_unsettled(round);
      return kNotSettled;
    }
    last = std::move(round);
    std::this_thread::sleep_for(kRoundPause);
  }
}

}  // namespace netmsg::ctl
