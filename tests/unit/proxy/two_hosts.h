// SPDX-License-Identifier: Apache-2.0
// Two (or more) real engines with their proxies over a network in memory. Fixtures get verbs: link, give a
// right across, let time pass. After every verb all invariants of both hosts hold, or the test stops.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/proxy.h"
#include "tests/support/engine_world.h"
#include "tests/unit/proxy/memory_network.h"

namespace netmsg::test {

// Other types than those of support/host.h, whose hosts are processes; one program may have both.
inline namespace in_memory {

struct HostOptions {
  std::string name;
  unsigned char node = 0;  // all 16 bytes of the node id
  proxy::Incarnation incarnation = 1;
  std::vector<std::string> dials;    // peers with an address
  std::vector<std::string> expects;  // peers without
  proxy::PeerLimits limits = {};
};

class Host {
 public:
  Host(MemoryNetwork& network, const HostOptions& options);
  ~Host();

  // A task whose end the host sees to.
  Task& task(const std::string& label);
  // Its engine, its tables.
  void check() const;
  void advance(std::chrono::milliseconds by);
  proxy::PeerRow row(std::size_t peer = 0) const { return link->peers()[peer]; }
  bool open(std::size_t peer = 0) const { return row(peer).state == "open"; }

  World world;
  Task& names;  // the name service's task, here just a holder of rights
  const Name names_port;
  std::unique_ptr<proxy::Proxy> link;

  // What the composition root was told.
  std::vector<std::string> ups;
  std::vector<std::string> downs;
  std::vector<std::string> unreachables;
  std::vector<std::string> reasons;
  Name peer_names = 0;  // in `names`: the last peer's name-service port

 private:
  proxy::Callbacks callbacks();

  std::vector<Task*> tasks_;
};

proxy::NodeId node_of(unsigned char byte);

// Hosts "a" (the lower node, dials) and "b", linked.
class TwoHosts : public testing::Test {
 protected:
  TwoHosts();

  // Lets everything under way arrive.
  void run();
  void check() const;
  void advance(std::chrono::milliseconds by);
  // Breaks the stream (`lose`: with what is under way) and keeps the hosts apart for a lease: both fence.
  void part(bool lose);

  // A send right to the other host's name-service port, for a task of `host`; its name there.
  Name reach(Host& host, Task& task);
  // A right for `port` of `from`, under that disposition, arrives in the space of `to` on the other host; its
  // name there.
  Name give_across(Host& from_host, Task& from, Name port, unsigned disposition, Host& to_host, Task& to);

  const proxy::Timing timing;  // of all hosts: the default
  MemoryNetwork network;
  Host a{network, {.name = "a", .node = 1, .dials = {"b"}, .expects = {}}};
  Host b{network, {.name = "b", .node = 2, .dials = {}, .expects = {"a"}}};
};

}  // namespace in_memory
}  // namespace netmsg::test
