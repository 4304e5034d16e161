// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/commands.h"

#include <cstdio>
#include <thread>

#include "daemon/ctl/daemon_client.h"
#include "daemon/ctl/table.h"

namespace netmsg::ctl {
namespace {

// Between two rounds of settle.
constexpr std::chrono::milliseconds kRoundPause{5};

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
    all += line(title, value);
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

std::string usage(std::uint64_t used, std::uint64_t max) {
  return text(used) + "/" + text(max);
}

std::string state_text(const v1::Peer& peer) {
  return peer.state() + (peer.congested() ? " (congested)" : "");
}

std::string fence_text(const v1::LastFence& fence) {
  if (fence.code().empty()) return "-";
  return fence.code() + (fence.theirs() ? " by them, " : " by us, ") + duration_text(fence.ago_ms()) +
         " ago: " + fence.text();
}

std::string dead_rights_text(const v1::Peer& peer) {
  if (peer.dead_introductions() == 0) return "-";
  return text(peer.dead_introductions()) + ", the last: " + peer.last_dead_introduction();
}

std::string shown(const v1::PeersReply& reply) {
  Table table({{"PEER"},
               {"STATE"},
               {"NODE"},
               {"ADDRESS"},
               {"AGE", true},
               {"LEASE", true},
               {"SENT", true},
               {"APPLIED", true},
               {"UNACKED", true},
               {"KEPT", true},
               {"PROXIES", true},
               {"EXPORTS", true},
               {"SEND-ONCE", true},
               {"QUEUED", true},
               {"LAST ERROR"},
               {"LAST FENCE"},
               {"DEAD INTRODUCTIONS"}});
  for (const v1::Peer& peer : reply.peers()) {
    const v1::Ceilings& of = peer.ceilings();
    table.add({peer.name(), state_text(peer), text_or_dash(peer.node()), text_or_dash(peer.address()),
               duration_text(peer.age_ms()), duration_text(peer.lease_left_ms()), text(peer.frames_sent()),
               text(peer.frames_applied()), text(peer.unacknowledged()),
               usage(peer.kept_bytes(), of.kept_bytes()), usage(peer.proxies(), of.proxies()),
               usage(peer.exports(), of.exports()), usage(peer.send_once_units(), of.send_once_units()),
               usage(peer.queued_bytes(), of.queued_bytes()), text_or_dash(peer.last_error()),
               fence_text(peer.last_fence()), dead_rights_text(peer)});
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
  DaemonClient daemon(request.controls.front());
  const int result = daemon.call(method, what, reply);
  if (result != kOk) return result;
  request.json ? print_json(reply) : print(shown(reply));
  return kOk;
}

// --- settle (control.proto, Counters) ---

using Round = std::vector<v1::CountersReply>;

int ask_all(std::vector<DaemonClient>& daemons, Round& round) {
  for (DaemonClient& daemon : daemons) {
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
  std::vector<DaemonClient> daemons(request.controls.begin(), request.controls.end());
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
