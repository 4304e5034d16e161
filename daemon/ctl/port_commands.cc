// SPDX-License-Identifier: Apache-2.0
// The commands about one port: port, why.
#include <algorithm>
#include <charconv>
#include <string_view>
#include <thread>

#include "daemon/ctl/commands.h"
#include "daemon/ctl/daemon_client.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/under_way.h"
#include "daemon/ctl/whole_view.h"

namespace netmsg::ctl {
namespace {

// How long daemons that have something under way are asked again.
constexpr std::chrono::milliseconds kRestLimit{1000};
constexpr std::chrono::milliseconds kRoundPause{15};

v1::ViewRequest request_of(const PortArgument& port) {
  v1::ViewRequest request;
  request.set_uid(port.uid);
  request.set_task(port.task);
  request.set_name(port.name);
  return request;
}

const char* state_text(const v1::PortView& view) {
  switch (view.state()) {
    case v1::PortView::HOME:
      return "home";
    case v1::PortView::PROXY:
      return view.has_stub() ? "stub" : "proxy";
    case v1::PortView::SET:
      return "port set";
    default:
      return "dead";
  }
}

// --- port ---

std::string receiver_text(const v1::PortView& view) {
  if (view.state() == v1::PortView::PROXY) return "on host " + view.home();
  if (view.task() == 0) return view.receiver();
  return "task " + text(view.task()) + " (" + view.receiver() + "), name " + text(view.name());
}

std::string requests_text(const v1::PortView& view) {
  std::string all;
  if (view.no_senders_requested()) all += "no-senders ";
  if (view.port_destroyed_requested()) all += "port-destroyed ";
  if (view.dead_name_requests() > 0) all += text(view.dead_name_requests()) + " dead-name ";
  if (all.empty()) return "none";
  all.pop_back();
  return all;
}

std::string facts(const v1::PortView& view) {
  if (view.state() == v1::PortView::SET) return line("state", "port set");
  if (view.state() == v1::PortView::DEAD) {
    return line("state", "dead") +
           line("why", view.death().empty() ? "it died on this host, or never was one" : view.death());
  }
  if (view.state() == v1::PortView::ABSENT) return line("state", "not here") + line("uid", view.uid());
  return line("state", state_text(view)) + line("uid", text_or_dash(view.uid())) +
         (view.epoch() > 0 ? line("epoch", text(view.epoch())) : "") + line("receiver", receiver_text(view)) +
         line(view.state() == v1::PortView::HOME ? "queue" : "window",
              text(view.queued()) + " of " + text(view.qlimit())) +
         line("waiting",
              text(view.waiting_senders()) + " to send, " + text(view.waiting_receivers()) + " to receive") +
         line("rights", text(view.send_rights()) + " send (" + text(view.make_send_count()) + " made), " +
                            text(view.send_once_rights()) + " send-once") +
         line("requests", requests_text(view));
}

// --- who holds rights to it ---

const char* place_text(v1::Holding::Place place) {
  switch (place) {
    case v1::Holding::NAME:
      return "name";
    case v1::Holding::TASK:
      return "task's ports";
    case v1::Holding::REQUEST:
      return "notification request";
    case v1::Holding::QUEUE:
      return "queued messages";
    case v1::Holding::CALL:
      return "waiting call";
    case v1::Holding::INHERITANCE:
      return "inheritance";
    case v1::Holding::LINK:
      return "kept for other hosts";
    default:
      return "daemon";
  }
}

Table holders_table() {
  return Table({{"HOST"},
                {"WHERE"},
                {"TASK", true},
                {"LABEL"},
                {"NAME", true},
                {"RECEIVE", true},
                {"SEND", true},
                {"SEND-ONCE", true}});
}

void add_holding(Table& table, const std::string& host, const v1::Holding& holding) {
  const bool task = holding.task() != 0;
  const bool name = holding.name() != 0;
  table.add({host, place_text(holding.place()), task ? text(holding.task()) : "-",
             text_or_dash(holding.label()), name ? text(holding.name()) : "-", text(holding.receive()),
             text(holding.send()), text(holding.send_once())});
}

// What the home's books say of a peer, and what is on its way.
void add_peer(Table& table, const v1::PortView& view, const v1::PeerHolding& peer) {
  if (view.state() == v1::PortView::HOME) {
    table.add({view.node(), "units of host " + peer.peer(), "-", "-", "-", "0", text(peer.granted()),
               text(peer.send_once())});
  } else {
    table.add({view.node(), "units from host " + peer.peer(), "-", "-", "-", "0", text(peer.received()),
               text(peer.send_once())});
  }
  if (peer.messages() + peer.rights() == 0 && !peer.moves()) return;
  table.add({view.node(),
             "under way to host " + peer.peer() + ": " + text(peer.messages()) + " messages to it, " +
                 text(peer.rights()) + " rights" + (peer.moves() ? ", the receive right" : ""),
             "-", "-", "-", "-", "-", "-"});
}

void add_view(Table& table, const v1::PortView& view) {
  for (const v1::Holding& holding : view.holdings()) add_holding(table, view.node(), holding);
  for (const v1::PeerHolding& peer : view.peers()) add_peer(table, view, peer);
}

std::string shown(const v1::PortView& view) {
  Table table = holders_table();
  add_view(table, view);
  const bool alive = view.state() == v1::PortView::HOME || view.state() == v1::PortView::PROXY;
  std::string all = facts(view);
  for (const std::string& sentence : under_way(view)) all += line("under way", sentence);
  return all + (alive ? "\n" + table.text() : "");
}

// --- why ---

std::string shown(const v1::WhyReply& reply) {
  Table table = holders_table();
  for (const v1::PortView& view : reply.hosts()) add_view(table, view);
  std::string all =
      line("uid", text_or_dash(reply.uid())) +
      line("state", reply.moving() ? "moving: rights may be shown twice, or not at all" : "at rest");
  for (const v1::PortView& view : reply.hosts()) {
    for (const std::string& sentence : under_way(view))
      all += line("under way", "on host " + view.node() + ": " + sentence);
  }
  for (const std::string& host : reply.not_asked()) all += line("not asked", "host " + host);
  return all + "\n" + table.text();
}

struct Round {
  Views views;
  std::vector<std::string> asked;  // node ids
};

// All daemons about one port. Whoever does not know it has no view.
int ask_round(std::vector<DaemonClient>& daemons, const std::vector<std::string>& nodes,
              const std::string& uid, Round& round) {
  round.asked = nodes;
  for (DaemonClient& daemon : daemons) {
    v1::ViewRequest request;
    request.set_uid(uid);
    v1::PortView view;
    const grpc::Status status = daemon.try_call(&v1::Control::Stub::View, request, view);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) continue;
    if (!status.ok()) return daemon.explain(status);
    round.views.push_back(std::move(view));
  }
  return kOk;
}

int ask_nodes(std::vector<DaemonClient>& daemons, std::vector<std::string>& nodes) {
  for (DaemonClient& daemon : daemons) {
    v1::StatusReply reply;
    const int result = daemon.call(&v1::Control::Stub::Status, v1::StatusRequest(), reply);
    if (result != kOk) return result;
    nodes.push_back(reply.node_id());
  }
  return kOk;
}

bool same(const Views& one, const Views& other) {
  return one.size() == other.size() &&
         std::equal(one.begin(), one.end(), other.begin(), [](const v1::PortView& a, const v1::PortView& b) {
           return a.SerializeAsString() == b.SerializeAsString();
         });
}

// Asks until two rounds are the same and nothing is under way, or the time is over (control.proto, View).
int ask_until_rest(std::vector<DaemonClient>& daemons, const std::string& uid, v1::WhyReply& whole) {
  std::vector<std::string> nodes;
  if (const int result = ask_nodes(daemons, nodes); result != kOk) return result;
  const auto limit = std::chrono::steady_clock::now() + kRestLimit;
  Round last;
  for (;;) {
    Round round;
    if (const int result = ask_round(daemons, nodes, uid, round); result != kOk) return result;
    const bool rest = same(round.views, last.views) && at_rest(round.views, round.asked);
    whole = whole_view(round.views, round.asked, !rest);
    if (rest || std::chrono::steady_clock::now() >= limit) return kOk;
    last = std::move(round);
    std::this_thread::sleep_for(kRoundPause);
  }
}

template <typename Number>
bool read_whole(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end;
}

}  // namespace

// The uid's own form is the daemon's to judge.
bool read_port(const std::string& text, PortArgument& port) {
  const std::string_view all = text;
  const std::size_t colon = all.find(':');
  if (colon == std::string_view::npos) {
    port.uid = text;
    return !text.empty();
  }
  return read_whole(all.substr(0, colon), port.task) && read_whole(all.substr(colon + 1), port.name);
}

int port(const Request& request) {
  DaemonClient daemon(request.controls.front());
  v1::PortView view;
  const int result = daemon.call(&v1::Control::Stub::View, request_of(request.port), view);
  if (result != kOk) return result;
  request.json ? print_json(view) : print(shown(view));
  return kOk;
}

int why(const Request& request) {
  std::vector<DaemonClient> daemons(request.controls.begin(), request.controls.end());
  v1::PortView first;
  int result = daemons.front().call(&v1::Control::Stub::View, request_of(request.port), first);
  if (result != kOk) return result;
  v1::WhyReply whole = whole_view({first}, {first.node_id()}, false);
  if (!first.uid().empty()) result = ask_until_rest(daemons, first.uid(), whole);
  if (result != kOk) return result;
  request.json ? print_json(whole) : print(shown(whole));
  return kOk;
}

}  // namespace netmsg::ctl
