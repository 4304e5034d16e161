// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/engine_hosts.h"

#include <algorithm>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/ipc/task_ports.h"
#include "tests/conformance/go_between.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::conformance {

namespace {

class OneEngine final : public EngineHosts {
 public:
  test::World& of(SpaceId) override { return world_; }
  Introduced introduce(const std::array<ipc::Space*, 2>&) override { return {}; }
  void run() override {}
  void advance(std::chrono::milliseconds by) override { world_.advance(by); }
  void check() const override { world_.check(); }

 private:
  test::World world_;
};

// Much less than a lease.
constexpr std::chrono::milliseconds kStride{200};

test::HostOptions host_options(std::size_t index, std::size_t count) {
  const std::vector<std::string> names{"a", "b", "c"};
  test::HostOptions options;
  options.name = names[index];
  options.node = static_cast<unsigned char>(index + 1);
  for (std::size_t peer = 0; peer < count; ++peer) {
    if (peer < index) options.dials.push_back(names[peer]);
    if (peer > index) options.expects.push_back(names[peer]);
  }
  return options;
}

// A right from one space of a host to another; its name there.
Name move_send(test::World& host, ipc::Space& from, Name name, ipc::Space& to) {
  ipc::Kern<ipc::SendRight> right = host.engine.copy_send(from, name);
  NETMSG_CHECK(right.ok());
  const ipc::Kern<Name> moved = host.engine.insert_send(to, std::move(right.value()));
  NETMSG_CHECK(moved.ok());
  return moved.value();
}

class LinkedEngines final : public EngineHosts {
 public:
  explicit LinkedEngines(std::size_t count) {
    for (std::size_t at = 0; at < count; ++at) {
      hosts_.push_back(std::make_unique<test::Host>(network_, host_options(at, count)));
      run();
    }
    if (count == 3) go_between_ = std::make_unique<GoBetween>(hosts_[2]->task("go-between"));
  }

  test::World& of(SpaceId space) override { return host(space).world; }

  Introduced introduce(const std::array<ipc::Space*, 2>& tasks) override {
    Introduced told{};
    const Name first = take(SpaceId::kT0, *tasks[0]);
    const Name second = take(SpaceId::kT1, *tasks[1]);
    if (go_between_) {
      test::Host& between = *hosts_[2];
      for (const SpaceId space : kSpaces) {
        const SpaceId other = space == SpaceId::kT0 ? SpaceId::kT1 : SpaceId::kT0;
        const Name port = move_send(between.world, go_between_->space(), go_between_->port_to(other),
                                    between.names.space());
        const auto [there, here] =
            exchange(host(space), space == SpaceId::kT0 ? first : second, between, port);
        go_between_->reaches(space,
                             move_send(between.world, between.names.space(), there, go_between_->space()));
        between.names.deallocate(there);
        told[static_cast<std::size_t>(space)] = give(space, here, *tasks[static_cast<std::size_t>(space)]);
      }
    } else {
      const auto [there, here] = exchange(*hosts_[0], first, *hosts_[1], second);
      told = {give(SpaceId::kT0, here, *tasks[0]), give(SpaceId::kT1, there, *tasks[1])};
    }
    run();
    return told;
  }

  // An acknowledgement alone waits a little; what waits for it follows then. Time does not pass by itself while a call
  // waits for it.
  void run() override {
    arrive();
    while (has_unacknowledged() && !has_deadline()) pass(proxy::Timing().ack_delay);
  }

  void advance(std::chrono::milliseconds by) override {
    for (; by.count() > 0; by -= kStride) pass(std::min(by, kStride));
  }

  void check() const override {
    for (const auto& one : hosts_) one->check();
  }

 private:
  void arrive() {
    do {
      network_.run();
    } while (go_between_ && go_between_->work());
  }

  void pass(std::chrono::milliseconds time) {
    for (const auto& one : hosts_) one->advance(time);
    arrive();
  }

  bool has_unacknowledged() const {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [](const auto& one) { return one->link->counters().unacknowledged != 0; });
  }

  bool has_deadline() const {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [](const auto& one) { return one->world.engine.next_deadline().has_value(); });
  }

  test::Host& host(SpaceId space) { return *hosts_[static_cast<std::size_t>(space)]; }

  // The task's own port, in the space of its host's name service; and what that has, in the task's.
  Name take(SpaceId space, ipc::Space& task) {
    return move_send(of(space), task, ipc::kTaskSelfName, host(space).names.space());
  }
  Name give(SpaceId space, Name name, ipc::Space& task) {
    const Name given = move_send(of(space), host(space).names.space(), name, task);
    host(space).names.deallocate(name);
    return given;
  }

  // Two hosts' name services give each other a port: the names there and here.
  struct Exchanged {
    Name there;
    Name here;
  };
  Exchanged exchange(test::Host& from, Name port, test::Host& to, Name other_port) {
    from.names.send({.remote = from.peer_names,
                     .remote_type = MACH_MSG_TYPE_COPY_SEND,
                     .local = from.names_port,
                     .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                     .items = {test::rights(MACH_MSG_TYPE_MOVE_SEND, {port})}});
    run();
    const test::Received request = to.names.receive(to.names_port);
    to.names.send({.remote = request.header.msgh_remote_port,
                   .remote_type = MACH_MSG_TYPE_MOVE_SEND_ONCE,
                   .items = {test::rights(MACH_MSG_TYPE_MOVE_SEND, {other_port})}});
    run();
    const test::Received answer = from.names.receive(from.names_port);
    return {request.values.at(0), answer.values.at(0)};
  }

  test::MemoryNetwork network_;
  std::vector<std::unique_ptr<test::Host>> hosts_;  // t0's, t1's, the go-between's
  std::unique_ptr<GoBetween> go_between_;
};

}  // namespace

std::unique_ptr<EngineHosts> make_engine_hosts(unsigned count) {
  NETMSG_CHECK(1 <= count && count <= 3);
  if (count == 1) return std::make_unique<OneEngine>();
  return std::make_unique<LinkedEngines>(count);
}

}  // namespace netmsg::conformance
