// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/two_hosts.h"

#include <stdexcept>
#include <utility>

namespace netmsg::test {
inline namespace in_memory {

namespace {

proxy::Options options_for(const HostOptions& options) {
  proxy::Options made;
  made.node = node_of(options.node);
  made.incarnation = options.incarnation;
  made.name = options.name;
  made.limits = options.limits;
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

}  // namespace

proxy::NodeId node_of(unsigned char byte) {
  proxy::NodeId node;
  node.bytes.fill(byte);
  return node;
}

Host::Host(MemoryNetwork& network, const HostOptions& options)
    : names(world.task("names")),
      names_port(names.port()),
      link(std::make_unique<proxy::Proxy>(world.engine, world.clock, network.host(options.name),
                                          options_for(options), send_right(world, names, names_port),
                                          callbacks())) {
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
    peer_names = name.ok() ? name.value() : 0;
  };
  to.peer_down = [this](const std::string& name, const std::string& reason) {
    downs.push_back(name);
    reasons.push_back(reason);
  };
  to.peer_unreachable = [this](const std::string& name, const std::string& reason) {
    unreachables.push_back(name);
    reasons.push_back(reason);
  };
  return to;
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

// The first dial finds nobody: b was made after a.
TwoHosts::TwoHosts() {
  run();
  advance(std::chrono::milliseconds(50));
  run();
  if (!a.open() || !b.open()) throw std::runtime_error("the hosts are not linked: " + a.row().last_error);
}

void TwoHosts::run() {
  while (network.step()) check();
}

void TwoHosts::check() const {
  a.check();
  b.check();
}

void TwoHosts::advance(std::chrono::milliseconds by) {
  a.advance(by);
  b.advance(by);
}

void TwoHosts::part(bool lose) {
  network.cut(lose);
  run();
  network.refuse_dials(true);
  for (int round = 0; round < 11; ++round) {
    advance(std::chrono::milliseconds(500));
    run();
  }
  network.refuse_dials(false);
}

Name TwoHosts::reach(Host& host, Task& task) {
  const ipc::Kern<Name> name =
      host.world.engine.insert_send(task.space(), send_right(host.world, host.names, host.peer_names));
  EXPECT_EQ(name.code(), KERN_SUCCESS);
  return name.ok() ? name.value() : 0;
}

Name TwoHosts::give_across(Host& from_host, Task& from, Name port, unsigned disposition, Host& to_host,
                           Task& to) {
  EXPECT_EQ(from.send({.remote = reach(from_host, from),
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
