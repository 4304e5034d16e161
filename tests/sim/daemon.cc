// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/daemon.h"

#include <algorithm>

#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/space.h"
#include "netmsg/v1/peer.pb.h"

namespace netmsg::sim {

namespace {

std::vector<HostIndex> peers_of(const DaemonOptions& options) {
  std::vector<HostIndex> peers;
  for (HostIndex peer = 0; peer < options.hosts; ++peer) {
    if (peer != options.host && options.allowed[peer]) peers.push_back(peer);
  }
  return peers;
}

}  // namespace

Time DriftingClock::when(base::Instant at) const {
  const Time local = at.time_since_epoch() - offset_;
  return local - local / (1'000'000 + drift_) * drift_ + std::chrono::microseconds(1);
}

Daemon::Daemon(const DaemonOptions& options, Network& network, const Time& now, Ledger& ledger, Story& story,
               Coverage& coverage)
    : options_(options),
      peers_(peers_of(options)),
      ledger_(ledger),
      story_(story),
      coverage_(coverage),
      clock_(now, options.clock_offset, options.clock_drift),
      engine_(clock_, {}),
      names_(std::make_unique<Client>(*this, 0, "names", account_)) {
  names_port_ = names_->allocate(MACH_PORT_QLIMIT_MAX);
  ipc::mach_port::insert_right(names_->space(), names_->space(), names_port_, names_port_,
                               MACH_MSG_TYPE_MAKE_SEND);
  ledger_.know(options_.host, *names_->space().find(names_port_)->port(),
               proxy::PortUid{origin(), proxy::kNameServiceSerial});
  ipc::Kern<ipc::SendRight> right = engine_.copy_send(names_->space(), names_port_);
  link_ = std::make_unique<proxy::Proxy>(engine_, clock_, network.attach(options_.host), link_options(),
                                         std::move(right.value()), callbacks());
  (void)link_->start();
  link_->tick();
}

Daemon::~Daemon() {
  clients_.clear();
  names_.reset();
  link_.reset();
}

proxy::Origin Daemon::origin() const {
  proxy::Origin made{{}, options_.incarnation};
  made.node.bytes.fill(static_cast<std::uint8_t>(options_.host + 1));
  return made;
}

proxy::Options Daemon::link_options() const {
  proxy::Options made;
  made.node = origin().node;
  made.incarnation = options_.incarnation;
  made.name = host_name(options_.host);
  made.limits = options_.limits;
  made.seed = options_.seed;
  for (const HostIndex peer : peers_) {
    const std::string name = host_name(peer);
    made.peers.push_back({name, options_.dials[peer] ? name : ""});
  }
  return made;
}

proxy::Callbacks Daemon::callbacks() {
  const auto host_of = [](const std::string& name) { return static_cast<HostIndex>(name[0] - 'a'); };
  proxy::Callbacks to;
  to.peer_up = [this](const proxy::PeerInfo& peer, ipc::SendRight right) {
    session_up(peer, std::move(right));
  };
  to.peer_down = [this, host_of](const std::string& name, const std::string& reason) {
    story_.tell(options_.host, [&] { return "session with " + name + " is over: " + reason; });
    ledger_.fenced(options_.host, host_of(name));
  };
  to.log = [this, host_of](const std::string& line) {
    story_.tell(options_.host, [&] { return "log: " + line; });
    const bool ceiling = line.find("a ceiling") != std::string::npos;
    if (ceiling || line.find("destroyed") != std::string::npos) ledger_.lost(options_.host, host_of(line));
  };
  return to;
}

void Daemon::session_up(const proxy::PeerInfo& peer, ipc::SendRight right) {
  const auto host = static_cast<HostIndex>(peer.name[0] - 'a');
  story_.tell(options_.host, [&] {
    return "session with " + peer.name + " is open, incarnation " + std::to_string(peer.incarnation);
  });
  ledger_.opened(options_.host, host);
  if (peer.incarnation < incarnations_[host])
    story_.accuse("S4", "a session with an older incarnation of " + peer.name);
  incarnations_[host] = peer.incarnation;
  const ipc::Kern<Name> name = engine_.insert_send(names_->space(), std::move(right));
  peer_names_[host] = name.ok() ? name.value() : 0;
}

void Daemon::tick() {
  engine_.advance();
  link_->tick();
}

std::optional<Time> Daemon::next_deadline() const {
  const std::optional<base::Instant> link = link_->next_deadline();
  const std::optional<base::Instant> engine = engine_.next_deadline();
  if (!link && !engine) return std::nullopt;
  return clock_.when(std::min(link.value_or(base::Instant::max()), engine.value_or(base::Instant::max())));
}

Client& Daemon::add_client(ClientId id) {
  return *clients_.emplace_back(std::make_unique<Client>(*this, id, "client", account_));
}

void Daemon::remove_client(std::size_t at) {
  story_.tell(options_.host, [&] { return "client " + std::to_string(clients_[at]->id()) + " ends"; });
  coverage_.event(Deed::kEndClient);
  clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Daemon::stop() {
  link_->stop();
}

bool Daemon::reach(HostIndex peer, Client& client) {
  const auto found = peer_names_.find(peer);
  if (found == peer_names_.end()) return false;
  ipc::Kern<ipc::SendRight> right = engine_.copy_send(names_->space(), found->second);
  if (!right.ok()) return false;
  return engine_.insert_send(client.space(), std::move(right.value())).ok();
}

void Daemon::hand_on(const Held& held, Client& client) {
  const auto hand = [&](mach_msg_type_name_t disposition) {
    names_->hand_on(held.name, disposition, client);
  };
  if (held.state == ipc::EntryState::kSendOnce) return hand(MACH_MSG_TYPE_MOVE_SEND_ONCE);
  const bool receives = held.state != ipc::EntryState::kSend;
  if (held.state != ipc::EntryState::kReceive) hand(MACH_MSG_TYPE_MOVE_SEND);
  if (!receives) return;
  ledger_.moves(held.port);
  hand(MACH_MSG_TYPE_MOVE_RECEIVE);
}

void Daemon::serve(Client* client) {
  coverage_.event(Deed::kServe);
  while (names_->receive(names_port_)) {
  }
  for (const Held& each : names_->held()) {
    const bool kept =
        each.name == names_port_ || std::any_of(peer_names_.begin(), peer_names_.end(),
                                                [&](const auto& peer) { return peer.second == each.name; });
    if (kept) continue;
    if (client == nullptr || each.state == ipc::EntryState::kDead) {
      names_->destroy(each.name);
      continue;
    }
    hand_on(each, *client);
  }
}

bool Daemon::all_open() const {
  return link_->open_sessions().size() == peers_.size();
}

PortId Daemon::identify(ipc::Port& port) {
  if (port.dead()) return 0;
  const std::optional<proxy::PortUid> uid = link_ ? link_->uid_of(port) : std::nullopt;
  if (!port.remote()) return ledger_.know(options_.host, port, uid);
  return uid ? ledger_.find(*uid) : 0;
}

std::set<const ipc::Port*> Daemon::reachable() const {
  std::set<const ipc::Port*> found;
  std::vector<ipc::Port*> all;
  const auto add = [&](ipc::Port* port) {
    if (found.insert(port).second) all.push_back(port);
  };
  const auto look_at = [&](const Client& client) {
    client.space().for_each([&](Name, ipc::Entry& entry) {
      if (entry.receive) add(entry.receive.port());
    });
  };
  look_at(*names_);
  for (const auto& client : clients_) look_at(*client);
  for (std::size_t at = 0; at < all.size(); ++at) {
    all[at]->queue.for_each([&](const ipc::Message& message) {
      for (const ipc::BodyRight& each : message.body) {
        if (each.right.holds_receive()) add(each.right.port());
      }
    });
  }
  return found;
}

void Daemon::check() const {
  engine_.check_invariants();
  link_->check_invariants();
  for (const auto& client : clients_) client->check();
  names_->check();
}

}  // namespace netmsg::sim
