// SPDX-License-Identifier: Apache-2.0
// Any number of real engines with their proxies over a network in memory. Fixtures get verbs: link, give a right
// across, let time pass. After every verb all invariants of all hosts hold, or the test stops.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
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
  proxy::Storage* storage = nullptr;
};

class Host {
 public:
  Host(MemoryNetwork& network, const HostOptions& options);
  ~Host();

  const std::string& name() const { return name_; }
  // A task whose end the host sees to.
  Task& task(const std::string& label);
  // Its engine, its tables.
  void check() const;
  void advance(std::chrono::milliseconds by);
  proxy::PeerRow row(std::size_t peer = 0) const { return link->peers()[peer]; }
  proxy::PeerRow row(const std::string& peer) const;
  bool open(std::size_t peer = 0) const { return row(peer).state == "open"; }
  bool open(const std::string& peer) const { return row(peer).state == "open"; }

  World world;
  Task& names;  // the name service's task, here just a holder of rights
  const Name names_port;
  std::unique_ptr<proxy::Proxy> link;

  // Its events leave to link->write() what they have to say.
  bool gathers = false;
  int writes_owed = 0;  // how often it was told so

  // What the composition root was told.
  std::vector<std::string> ups;
  std::vector<std::string> downs;
  std::vector<std::string> unreachables;
  std::vector<std::string> reasons;
  Name peer_names = 0;                         // in `names`: the last peer's name-service port
  std::map<std::string, Name> all_peer_names;  // each peer's

 private:
  proxy::Callbacks callbacks();

  const std::string name_;
  std::vector<Task*> tasks_;
};

proxy::NodeId node_of(unsigned char byte);

// Hosts "a", "b", "c", ... linked each with each: the lower node dials.
class ManyHosts : public testing::Test {
 protected:
  // `limits`: of all of them. `strangers` do not know each other; lower ones first.
  // `guest`: a peer that all of them expect, and that is none of them.
  using Strangers = std::set<std::pair<unsigned, unsigned>>;
  explicit ManyHosts(unsigned hosts, const proxy::PeerLimits& limits = {}, const Strangers& strangers = {},
                     const std::string& guest = "");

  Host& host(std::size_t at) { return *hosts_[at]; }

  // Lets everything under way arrive.
  void run();
  // What is under way to this host.
  void run(Host& to);
  void check() const;
  void advance(std::chrono::milliseconds by);
  // Several times: until all that waits for at most as long has happened.
  void pass(std::chrono::milliseconds time);
  // Breaks the streams (between the two) with what is under way or after it, and keeps them apart for a lease: both
  // fence.
  void part(bool lose);
  void part(Host& one, Host& other, bool lose);
  // Until each has a session with each.
  void reconnect();
  bool all_linked() const;

  // A send right to the other host's name-service port, for a task of `host`; its name there.
  Name reach(Host& host, Task& task);  // of the last one
  Name reach(Host& host, Task& task, const Host& other);
  // A right for `port` of `from`, under that disposition, arrives in the space of `to` on the other host; its
  // name there.
  Name give_across(Host& from_host, Task& from, Name port, unsigned disposition, Host& to_host, Task& to);

  const proxy::Timing timing;  // of all hosts: the default
  MemoryNetwork network;

 private:
  Name reach(Host& host, Task& task, Name names);

  const std::string guest_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace in_memory
}  // namespace netmsg::test
