// SPDX-License-Identifier: Apache-2.0
// What clients do: random programs. Most of what they try is possible; some is not, and has to fail without a trace.
#pragma once

#include <vector>

#include "tests/sim/daemon.h"
#include "tests/sim/random.h"

namespace netmsg::sim {

class Script {
 public:
  struct Manners {
    unsigned clients_max = 3;
    unsigned ports_max = 6;         // of one client
    std::size_t payload_max = 200;  // bytes
    unsigned limit_max = 5;         // of queues
    std::size_t memory_max = 0;     // bytes, out of line
    bool junk = true;               // sends what cannot travel, now and then
    bool moves = false;             // receive rights go to other hosts
    unsigned introduces = 20;       // of so many rights of third hosts that it could send, it sends one
  };

  Script(Random& random, Manners manners, ClientId& next_client)
      : random_(random), manners_(manners), next_client_(next_client) {}

  // One client of this daemon does one thing.
  void act(Daemon& daemon);
  // All clients take out what waits for them, and let queues have room. True if that changed anything.
  static bool drain(Daemon& daemon);

 private:
  Client& some_client(Daemon& daemon);
  void come_and_go(Daemon& daemon);
  void let_go(Client& client);
  void send(Daemon& daemon, Client& client);
  void receive(Client& client);
  void watch(Client& client);
  // A right to travel to `home` from `here`; a null one if there is none.
  Offer offer(const std::vector<Held>& held, HostIndex here, HostIndex home);
  Offer destination(const std::vector<Held>& held);
  std::vector<Name> receive_names(const std::vector<Held>& held) const;

  Random& random_;
  const Manners manners_;
  ClientId& next_client_;
};

}  // namespace netmsg::sim
