// SPDX-License-Identifier: Apache-2.0
// One run of a host's daemon: the production engine and proxy with a clock of its own, a name-service task, and
// clients. It ends in two ways: stop() tells its peers, a crash just destroys it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/proxy.h"
#include "tests/sim/client.h"
#include "tests/sim/network.h"

namespace netmsg::sim {

// Runs a little too fast or too slow, and began anywhere.
class DriftingClock final : public base::Clock {
 public:
  // `drift`: parts per million.
  DriftingClock(const Time& world, Time offset, int drift) : world_(world), offset_(offset), drift_(drift) {}

  base::Instant now() const override { return base::Instant(offset_ + world_ + world_ / 1'000'000 * drift_); }
  // When the world's clock stands as this one then shows `at`, or a little later.
  Time when(base::Instant at) const;

 private:
  const Time& world_;
  const Time offset_;
  const int drift_;
};

struct DaemonOptions {
  HostIndex host;
  std::size_t hosts;
  proxy::Incarnation incarnation;
  std::vector<bool> dials;    // the hosts that it has an address of
  std::vector<bool> allowed;  // the hosts that it talks to
  proxy::PeerLimits limits = {};
  Time clock_offset{0};
  int clock_drift = 0;
  std::uint64_t seed = 0;
};

class Daemon final : public Surroundings {
 public:
  Daemon(const DaemonOptions& options, Network& network, const Time& now, Ledger& ledger, Story& story,
         Coverage& coverage);
  ~Daemon() override;

  // --- what happens to it ---
  void tick();
  std::optional<Time> next_deadline() const;
  Client& add_client(ClientId id);
  void remove_client(std::size_t at);
  // Its peers are told, or learn nothing from it (REQUIRES: Network::crash).
  void stop();

  // --- what its clients do through it ---
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  Client& names() { return *names_; }
  // A send right for the name service of a peer, if there is a session; false if not.
  bool reach(HostIndex peer, Client& client);
  // Takes the messages to the name service: the rights in them go to that client, or to nobody.
  void serve(Client* client);

  // --- looking in ---
  proxy::Proxy& link() { return *link_; }
  // What its uids begin with.
  proxy::Origin origin() const;
  HostIndex host_of_peer(std::size_t peer) const { return peers_[peer]; }
  bool all_open() const;
  // Ports whose receive rights its tasks hold, or could take out of queues.
  std::set<const ipc::Port*> reachable() const;
  void check() const;

  HostIndex host() const override { return options_.host; }
  ipc::Engine& engine() override { return engine_; }
  Ledger& ledger() override { return ledger_; }
  Story& story() override { return story_; }
  Coverage& coverage() override { return coverage_; }
  PortId identify(ipc::Port& port) override;
  std::uint64_t digest() const override { return engine_.digest() * 31 + link_->digest(); }

 private:
  proxy::Options link_options() const;
  proxy::Callbacks callbacks();
  void hand_on(const Held& held, Client& client);
  void session_up(const proxy::PeerInfo& peer, ipc::SendRight right);

  const DaemonOptions options_;
  const std::vector<HostIndex> peers_;
  Ledger& ledger_;
  Story& story_;
  Coverage& coverage_;
  DriftingClock clock_;
  ipc::Account account_{ipc::Account::Limits{}};
  ipc::Engine engine_;
  std::unique_ptr<proxy::Proxy>
      link_;  // goes when the clients have gone: its peers pay for what is in their queues
  std::unique_ptr<Client> names_;
  Name names_port_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<HostIndex, Name> peer_names_;  // in names_
  std::map<HostIndex, proxy::Incarnation> incarnations_;
};

}  // namespace netmsg::sim
