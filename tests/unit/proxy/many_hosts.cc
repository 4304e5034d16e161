// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/many_hosts.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace netmsg::test {
inline namespace in_memory {

namespace {

using std::chrono::milliseconds;

proxy::Options options_for(const HostOptions& options) {
  proxy::Options made;
  made.node = node_of(options.node);
  made.incarnation = options.incarnation;
  made.name = options.name;
  made.limits = options.limits;
  made.storage = options.storage;
  made.storage = options.storage;
  made.seed = options.node;
  for (const std::string& name : options.dials) made.peers.push_back({name, name});
  for (const std::string& name : options.expects) made.peers.push_back({name, ""});
  return made;
}

ipc::SendRight send_right(World& world, Task& task, Name name) {
  ipc::Kern<ipc::SendRight> right = world.engine.copy_send(task.space(), name);
  EXPECT_EQ(right.code(), KERN_SUCCESS);
  return std::move(right.value());
}

std::string name_of(unsigned host) {
  return std::string(1, static_cast<char>('a' + host));
}

// Those after it are dialed.
HostOptions one_of(unsigned host, unsigned hosts, const proxy::PeerLimits& limits,
                   const std::set<std::pair<unsigned, unsigned>>& strangers, const std::string& guest) {
  HostOptions options{
      .name = name_of(host), .node = static_cast<unsigned char>(host + 1), .dials = {}, .expects = {}};
  for (unsigned other = 0; other < hosts; ++other) {
    if (strangers.count(std::minmax(host, other)) != 0) continue;
    if (other != host) (other > host ? options.dials : options.expects).push_back(name_of(other));
  }
  if (!guest.empty()) options.expects.push_back(guest);
  options.limits = limits;
  return options;
}

}  // namespace

proxy::NodeId node_of(unsigned char byte) {
  proxy::NodeId node;
  node.bytes.fill(byte);
  return node;
}

// --- Host ---

Host::Host(MemoryNetwork& network, const HostOptions& options)
    : names(world.task("names")),
      names_port(names.port()),
      link(std::make_unique<proxy::Proxy>(world.engine, world.clock, network.host(options.name),
                                          options_for(options), send_right(world, names, names_port),
                                          callbacks())),
      name_(options.name) {
  tasks_.push_back(&names);
  EXPECT_EQ(link->start(), "");
}

Host::~Host() {
  link->stop();
  world.check();
  for (Task* task : tasks_) task->die();
}

proxy::Callbacks Host::callbacks() {
  proxy::Callbacks to;
  to.peer_up = [this](const proxy::PeerInfo& peer, ipc::SendRight right) {
    ups.push_back(peer.name);
    const ipc::Kern<Name> name = world.engine.insert_send(names.space(), std::move(right));
    peer_names = all_peer_names[peer.name] = name.ok() ? name.value() : 0;
  };
  to.peer_down = [this](const std::string& name, const std::string& reason) {
    downs.push_back(name);
    reasons.push_back(reason);
  };
  to.peer_unreachable = [this](const std::string& name, const std::string& reason) {
    unreachables.push_back(name);
    reasons.push_back(reason);
  };
  to.owe_write = [this] {
    ++writes_owed;
    if (!gathers) link->write();
  };
  return to;
}

proxy::PeerRow Host::row(const std::string& peer) const {
  for (proxy::PeerRow& row : link->peers()) {
    if (row.name == peer) return std::move(row);
  }
  return {};
}

Task& Host::task(const std::string& label) {
  Task& made = world.task(label);
  tasks_.push_back(&made);
  return made;
}

void Host::check() const {
  world.check();
  link->check_invariants();
}

void Host::advance(std::chrono::milliseconds by) {
  world.advance(by);
  link->tick();
  check();
}

// --- ManyHosts ---

// The first dials find nobody: the others were made later.
ManyHosts::ManyHosts(unsigned hosts, const proxy::PeerLimits& limits, const Strangers& strangers,
                     const std::string& guest)
    : guest_(guest) {
  for (unsigned each = 0; each < hosts; ++each) {
    hosts_.push_back(std::make_unique<Host>(network, one_of(each, hosts, limits, strangers, guest)));
  }
  run();
  advance(milliseconds(50));
  run();
  if (!all_linked()) throw std::runtime_error("the hosts are not linked: " + host(0).row().last_error);
}

void ManyHosts::run() {
  while (network.step()) check();
}

void ManyHosts::run(Host& to) {
  while (network.step(to.name())) check();
}

void ManyHosts::check() const {
  for (const auto& each : hosts_) each->check();
}

void ManyHosts::advance(std::chrono::milliseconds by) {
  for (const auto& each : hosts_) each->advance(by);
}

void ManyHosts::pass(std::chrono::milliseconds time) {
  for (milliseconds gone(0); gone < time; gone += milliseconds(500)) {
    advance(milliseconds(500));
    run();
  }
}

void ManyHosts::part(bool lose) {
  network.cut(lose);
  run();
  network.refuse_dials(true);
  pass(timing.lease + milliseconds(500));
  network.refuse_dials(false);
}

void ManyHosts::part(Host& one, Host& other, bool lose) {
  network.cut(one.name(), other.name(), lose);
  run();
  network.refuse_dials(one.name(), other.name(), true);
  pass(timing.lease + milliseconds(500));
  network.refuse_dials(one.name(), other.name(), false);
}

bool ManyHosts::all_linked() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& each) {
    const std::vector<proxy::PeerRow> rows = each->link->peers();
    return std::all_of(rows.begin(), rows.end(),
                       [&](const auto& row) { return row.state == "open" || row.name == guest_; });
  });
}

void ManyHosts::reconnect() {
  for (int round = 0; round < 100 && !all_linked(); ++round) {
    advance(milliseconds(50));
    run();
  }
  ASSERT_TRUE(all_linked());
}

Name ManyHosts::reach(Host& host, Task& task, Name names) {
  const ipc::Kern<Name> name =
      host.world.engine.insert_send(task.space(), send_right(host.world, host.names, names));
  EXPECT_EQ(name.code(), KERN_SUCCESS);
  return name.ok() ? name.value() : 0;
}

Name ManyHosts::reach(Host& host, Task& task) {
  return reach(host, task, host.peer_names);
}

Name ManyHosts::reach(Host& host, Task& task, const Host& other) {
  return reach(host, task, host.all_peer_names.at(other.name()));
}

Name ManyHosts::give_across(Host& from_host, Task& from, Name port, unsigned disposition, Host& to_host,
                            Task& to) {
  EXPECT_EQ(from.send({.remote = reach(from_host, from, to_host),
                       .remote_type = MACH_MSG_TYPE_MOVE_SEND,
                       .items = {rights(disposition, {port})}}),
            MACH_MSG_SUCCESS);
  run();
  const Received got = to_host.names.receive(to_host.names_port);
  EXPECT_EQ(got.code, MACH_MSG_SUCCESS);
  const Name name = got.values.empty() ? 0 : got.values.front();
  if (&to == &to_host.names) return name;
  const bool once = to_host.names.state(name) == "SO";
  const auto moved = ipc::mach_port::extract_right(
      to.space(), to_host.names.space(), name, once ? MACH_MSG_TYPE_MOVE_SEND_ONCE : MACH_MSG_TYPE_MOVE_SEND);
  EXPECT_EQ(moved.code(), KERN_SUCCESS);
  run();
  return moved.ok() ? moved.value().first : 0;
}

}  // namespace in_memory
}  // namespace netmsg::test
