// SPDX-License-Identifier: Apache-2.0
// netmsg between two hosts: two daemons in plain text over loopback, a client on one and a server on the other. Beside
// TCP over the same loopback. The server's ports have the largest queue limit there is (16 messages); `flight1024` is
// 64 ports with 16 senders each, so at most 1,024 messages are in flight.
#include <string>
#include <thread>

#include "tests/bench/case.h"
#include "tests/bench/hosts.h"
#include "tests/bench/mach_program.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMax = 100000;
constexpr unsigned kPorts = 64;
constexpr unsigned kSendersPerPort = 16;
constexpr unsigned kQuickPorts = 4;

class RemoteScene {
 public:
  RemoteScene(Hosts& hosts, const Setting& setting)
      : hosts_(hosts.joined()), crew_(setting.placement, setting.seconds) {
    crew_.add(hosts_.a.daemon().pid(), Seat::kClient);
    crew_.add(hosts_.b.daemon().pid(), Seat::kServer);
  }

  Crew& crew() { return crew_; }
  // A server on host b, by its name.
  std::string add_server() {
    const std::string name = new_service_name();
    crew_.start(Seat::kServer, [&] {
      join(hosts_.b, LaneKind::kSocket);
      serve_port(crew_, name);
    });
    return name;
  }
  void add_client(const std::function<void()>& role) {
    crew_.start(Seat::kClient, [&] {
      join(hosts_.a, LaneKind::kSocket);
      role();
    });
  }

 private:
  test::TwoHosts& hosts_;
  Crew crew_;
};

Figure trips(Hosts& hosts, const Setting& setting, std::size_t bytes) {
  RemoteScene scene(hosts, setting);
  const std::string server = scene.add_server();
  scene.add_client([&] {
    Caller caller(server, "b", ReplyBy::kSendOnce, bytes);
    measure_each(scene.crew(), kTripsMax, [&] { caller.call(); });
  });
  return scene.crew().wait();
}

void send_until_stopped(Crew& crew, const std::string& server, std::size_t bytes) {
  Caller caller(server, "b", ReplyBy::kHeldRight, bytes);
  crew.ready();
  while (!crew.stopped()) caller.send_only();
}

// Counted where they arrive.
Figure one_way(Hosts& hosts, const Setting& setting, unsigned ports, unsigned senders, std::size_t bytes) {
  RemoteScene scene(hosts, setting);
  std::vector<std::string> servers;
  for (unsigned port = 0; port < ports; ++port) servers.push_back(scene.add_server());
  scene.add_client([&] {
    std::vector<std::jthread> threads;
    for (const std::string& server : servers)
      for (unsigned sender = 0; sender < senders; ++sender)
        threads.emplace_back([&] { send_until_stopped(scene.crew(), server, bytes); });
  });
  return scene.crew().rate(ports * senders);
}

}  // namespace

std::vector<Case> remote_cases(Hosts& hosts) {
  std::vector<Case> cases;
  const std::vector<Placement> placements = {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree};
  const auto add = [&](const char* name, Unit unit, Reference reference, auto measure) {
    cases.push_back({name, unit, reference, placements, measure});
  };
  add("netmsg.remote.trip.64", Unit::kMicroseconds, Reference::kTcpTrip,
      [&hosts](const Setting& setting) { return trips(hosts, setting, 64); });
  add("netmsg.remote.trip.64K", Unit::kMicroseconds, Reference::kTcpTrip,
      [&hosts](const Setting& setting) { return trips(hosts, setting, 65536); });
  add("netmsg.remote.one-way.64", Unit::kPerSecond, Reference::kTcpFlight,
      [&hosts](const Setting& setting) { return one_way(hosts, setting, 1, 1, 64); });
  add("netmsg.remote.flight1024.64", Unit::kPerSecond, Reference::kTcpFlight,
      [&hosts](const Setting& setting) {
        return one_way(hosts, setting, setting.quick ? kQuickPorts : kPorts,
                       setting.quick ? 2 : kSendersPerPort, 64);
      });
  add("netmsg.remote.stream8.1M", Unit::kMegabytesPerSecond, Reference::kNone,
      [&hosts](const Setting& setting) {
        return as_megabytes(one_way(hosts, setting, 1, 8, 1U << 20), 1U << 20);
      });
  return cases;
}

}  // namespace netmsg::bench
