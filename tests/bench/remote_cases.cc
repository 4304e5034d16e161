// SPDX-License-Identifier: Apache-2.0
// netmsg between two hosts: two daemons over the network of network.h, a client on one and a server on the other, in plain
// text, with TLS, and with a millisecond of delay each way. Beside TCP on the same way. The server's ports have the largest queue limit there is (16 messages); `flight1024` is
// 64 ports, all of whose queues one program fills through the batch call and another one empties, over ring lanes: at most
// 1,024 messages are in flight. `threads1024` does the same with 1,024 threads and 64 servers.
#include <string>
#include <thread>

#include "tests/bench/batch_program.h"
#include "tests/bench/case.h"
#include "tests/bench/hosts.h"
#include "tests/bench/mach_program.h"
#include "tests/bench/region_sizes.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMax = 100000;
constexpr unsigned kManyPorts = 64;
constexpr unsigned kSendersPerPort = MACH_PORT_QLIMIT_MAX;
constexpr unsigned kQuickPorts = 4;
constexpr std::size_t kStreamBytes = 1U << 20;

// Two of the hosts, by how they talk.
struct Joined {
  Joined(Hosts& all, Between how = Between::kPlain) : hosts(all), between(how) {}
  Hosts& hosts;
  Between between;
};

class RemoteScene {
 public:
  RemoteScene(const Joined& joined, const Setting& setting)
      : hosts_(joined.hosts.joined(joined.between)), crew_(setting) {
    crew_.add(hosts_.a().daemon().pid(), Seat::kClient);
    crew_.add(hosts_.b().daemon().pid(), Seat::kServer);
  }

  Crew& crew() { return crew_; }
  // On host b, by its name.
  std::string add_server(const std::function<void(const std::string& name)>& role) {
    const std::string name = new_service_name();
    crew_.start(Seat::kServer, [&] {
      join(hosts_.b(), LaneKind::kRing);
      role(name);
    });
    return name;
  }
  std::string add_server() {
    return add_server([&](const std::string& name) { serve_port(crew_, name); });
  }
  void add_client(const std::function<void()>& role) {
    crew_.start(Seat::kClient, [&] {
      join(hosts_.a(), LaneKind::kRing);
      role();
    });
  }

 private:
  HostPair& hosts_;
  Crew crew_;
};

Figure trips(const Joined& hosts, const Setting& setting, std::size_t bytes) {
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

// Another program of the same host, with so many threads for each port, which send without a pause.
void add_senders(RemoteScene& scene, const std::vector<std::string>& servers, unsigned senders,
                 std::size_t bytes) {
  scene.add_client([&scene, servers, senders, bytes] {
    std::vector<std::jthread> threads;
    for (const std::string& server : servers)
      for (unsigned sender = 0; sender < senders; ++sender)
        threads.emplace_back([&] { send_until_stopped(scene.crew(), server, bytes); });
  });
}

constexpr unsigned kStreamers = 8;

// Trips of 64 bytes while another program of the same host sends large messages in-line to the other one, without a pause.
Figure trips_beside_stream(const Joined& hosts, const Setting& setting) {
  RemoteScene scene(hosts, setting);
  const std::string server = scene.add_server();
  const std::string sink = scene.add_server();
  scene.add_client([&] {
    Caller caller(server, "b", ReplyBy::kSendOnce);
    scene.crew().start_clients(kStreamers);
    measure_each(scene.crew(), kTripsMax, [&] { caller.call(); });
  });
  add_senders(scene, {sink}, kStreamers, kStreamBytes);
  return scene.crew().wait();
}

// The other way round: bytes of that stream while the small calls are made. Counted where they arrive.
Figure stream_beside_trips(const Joined& hosts, const Setting& setting) {
  RemoteScene scene(hosts, setting);
  const std::string server = scene.add_server();
  const std::string sink = scene.add_server();
  scene.add_client([&] {
    Caller caller(server, "b", ReplyBy::kSendOnce);
    scene.crew().ready();
    while (!scene.crew().stopped()) caller.call();
  });
  add_senders(scene, {sink}, kStreamers, kStreamBytes);
  return as_megabytes(scene.crew().rate(kStreamers + 1), kStreamBytes);
}

// Out of line, one after the other.
Figure regions(const Joined& hosts, const Setting& setting, std::uint64_t bytes) {
  RemoteScene scene(hosts, setting);
  const std::string server = scene.add_server();
  scene.add_client([&] {
    Caller caller(server, "b", ReplyBy::kSendOnce);
    measure_regions(scene.crew(), caller, bytes);
  });
  return scene.crew().wait();
}

// Counted where they arrive.
Figure one_way(const Joined& hosts, const Setting& setting, unsigned ports, unsigned senders,
               std::size_t bytes) {
  RemoteScene scene(hosts, setting);
  std::vector<std::string> servers;
  for (unsigned port = 0; port < ports; ++port) servers.push_back(scene.add_server());
  add_senders(scene, servers, senders, bytes);
  return scene.crew().rate(ports * senders);
}

Figure flight(const Joined& hosts, const Setting& setting) {
  const unsigned ports = setting.quick ? kQuickPorts : kManyPorts;
  RemoteScene scene(hosts, setting);
  const std::string server =
      scene.add_server([&](const std::string& name) { take_batches(scene.crew(), name, ports); });
  scene.add_client([&] {
    BatchSender sender(server, "b", ports);
    scene.crew().ready();
    while (!scene.crew().stopped()) sender.send();
  });
  return scene.crew().rate(1);
}

}  // namespace

std::vector<Case> remote_cases(Hosts& hosts) {
  std::vector<Case> cases;
  std::vector<Placement> placements = {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree};
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
      [&hosts](const Setting& setting) { return flight(hosts, setting); });
  add("netmsg.remote.threads1024.64", Unit::kPerSecond, Reference::kTcpFlight,
      [&hosts](const Setting& setting) {
        return one_way(hosts, setting, setting.quick ? kQuickPorts : kManyPorts,
                       setting.quick ? 2 : kSendersPerPort, 64);
      });
  add("netmsg.remote.stream8.1M", Unit::kMegabytesPerSecond, Reference::kNone,
      [&hosts](const Setting& setting) {
        return as_megabytes(one_way(hosts, setting, 1, 8, kStreamBytes), kStreamBytes);
      });
  add("netmsg.remote.trip.1M", Unit::kMicroseconds, Reference::kTcpTrip,
      [&hosts](const Setting& setting) { return trips(hosts, setting, kStreamBytes); });
  for (const RegionSize& size : kRegionSizes)
    cases.push_back({std::string("netmsg.remote.region.") + size.name,
                     Unit::kMicroseconds,
                     Reference::kTcpTrip,
                     {Placement::kFree},
                     [&hosts, &size](const Setting& setting) {
                       return regions(hosts, setting, bytes_of(size, setting));
                     }});
  add("netmsg.remote.trip-beside.64", Unit::kMicroseconds, Reference::kTcpTrip,
      [&hosts](const Setting& setting) { return trips_beside_stream(hosts, setting); });
  add("netmsg.remote.stream8-beside.1M", Unit::kMegabytesPerSecond, Reference::kNone,
      [&hosts](const Setting& setting) { return stream_beside_trips(hosts, setting); });
  add("netmsg.remote-tls.trip.64", Unit::kMicroseconds, Reference::kTcpTrip,
      [&hosts](const Setting& setting) {
        return trips({hosts, Between::kTls}, setting, 64);
      });
  add("netmsg.remote-tls.flight1024.64", Unit::kPerSecond, Reference::kTcpFlight,
      [&hosts](const Setting& setting) {
        return flight({hosts, Between::kTls}, setting);
      });
  add("netmsg.remote-tls.stream8.1M", Unit::kMegabytesPerSecond, Reference::kNone,
      [&hosts](const Setting& setting) {
        return as_megabytes(one_way({hosts, Between::kTls}, setting, 1, 8, kStreamBytes), kStreamBytes);
      });
  placements = {Placement::kFree};
  add("netmsg.remote-delayed.trip.64", Unit::kMicroseconds, Reference::kDelayedTrip,
      [&hosts](const Setting& setting) {
        return trips({hosts, Between::kDelayed}, setting, 64);
      });
  add("netmsg.remote-delayed.flight1024.64", Unit::kPerSecond, Reference::kDelayedFlight,
      [&hosts](const Setting& setting) {
        return flight({hosts, Between::kDelayed}, setting);
      });
  add("netmsg.remote-delayed.stream8-beside.1M", Unit::kMegabytesPerSecond, Reference::kNone,
      [&hosts](const Setting& setting) {
        return stream_beside_trips({hosts, Between::kDelayed}, setting);
      });
  return cases;
}

}  // namespace netmsg::bench
