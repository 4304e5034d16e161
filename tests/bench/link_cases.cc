// SPDX-License-Identifier: Apache-2.0
// The floors of two hosts, over the same network as their daemons: TCP, TCP with a millisecond of delay each way, and gRPC
// by itself, in plain text and with mutual TLS.
#include <string>

#include "tests/bench/case.h"
#include "tests/bench/grpc_unary.h"
#include "tests/bench/hosts.h"
#include "tests/bench/patience.h"
#include "tests/bench/two_hops.h"

namespace netmsg::bench {

namespace {

constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr Work kTrip{64, 1};
constexpr Work kFlight{64, 1024};

Figure over_tcp(const Setting& setting, Hosts& hosts, Work work) {
  return two_hops(setting, hosts.network().tcp_pair(), stream, work);
}

Figure over_delayed_tcp(const Setting& setting, Work work) {
  const TcpListener listener = listen_tcp("127.0.0.1");
  const Delay delay(listener.port);
  SocketPair pair;
  pair.client = connect_tcp("127.0.0.1", delay.port());
  pair.server = accept_tcp(listener);
  return two_hops(setting, pair, stream, work);
}

void await_listener(const char* address, std::uint16_t port) {
  Patience patience;
  for (;;) {
    try {
      return static_cast<void>(connect_tcp(address, port));
    } catch (const NotOffered&) {
      patience.rest("the server does not listen");
    }
  }
}

using Serve = void (*)(const GrpcPlace& place);
using Dial = std::unique_ptr<Wire> (*)(const GrpcPlace& place);

// A server at B and a client at A.
Figure over_grpc(const Setting& setting, Hosts& hosts, bool tls, Serve serve_at, Dial dial, Work work) {
  const Network& network = hosts.network();
  const char* const address = network.address(Side::kB);
  std::uint16_t port = 0;
  network.at(Side::kB, [&] { port = test::free_port(); });
  const GrpcPlace place{std::string(address) + ":" + std::to_string(port),
                        tls ? &hosts.certificates() : nullptr};
  Crew crew(setting);
  crew.start(Seat::kServer, [&] { network.at(Side::kB, [&] { serve_at(place); }); });
  crew.start(Seat::kClient, [&] {
    network.at(Side::kA, [&] {
      await_listener(address, port);
      const std::unique_ptr<Wire> wire = dial(place);
      work.run(crew, *wire);
      ::_exit(0);  // gRPC would wait for its threads
    });
  });
  return crew.wait();
}

void serve_gathered(const GrpcPlace& place) {
  serve(*grpc_server(place, Gather::kAll));
}
void serve_one_each(const GrpcPlace& place) {
  serve(*grpc_server(place, Gather::kNone));
}
std::unique_ptr<Wire> dial_gathered(const GrpcPlace& place) {
  return grpc_client(place, Gather::kAll);
}
std::unique_ptr<Wire> dial_one_each(const GrpcPlace& place) {
  return grpc_client(place, Gather::kNone);
}

struct GrpcFloor {
  const char* name;
  Serve serve;
  Dial dial;
  Unit unit;
  Reference reference;
  Work work;
};
constexpr GrpcFloor kGrpcFloors[] = {
    {"trip.64", serve_gathered, dial_gathered, Unit::kMicroseconds, Reference::kTcpTrip, kTrip},
    {"unary.64", serve_unary, unary_client, Unit::kMicroseconds, Reference::kTcpTrip, kTrip},
    {"flight1024.64", serve_gathered, dial_gathered, Unit::kPerSecond, Reference::kTcpFlight, kFlight},
    {"single1024.64", serve_one_each, dial_one_each, Unit::kPerSecond, Reference::kTcpFlight, kFlight},
    {"stream8.1M", serve_one_each, dial_one_each, Unit::kMegabytesPerSecond, Reference::kNone, {kLarge, 8}},
};

Figure in_unit(Figure figure, Unit unit, std::size_t bytes) {
  return unit == Unit::kMegabytesPerSecond ? as_megabytes(figure, bytes) : figure;
}

}  // namespace

Figure measure_reference(Reference reference, const Setting& setting, Hosts& hosts) {
  switch (reference) {
    case Reference::kTcpTrip:
      return over_tcp(setting, hosts, kTrip);
    case Reference::kTcpFlight:
      return over_tcp(setting, hosts, kFlight);
    case Reference::kDelayedTrip:
      return over_delayed_tcp(setting, kTrip);
    case Reference::kDelayedFlight:
      return over_delayed_tcp(setting, kFlight);
    default:
      break;
  }
  return measure_reference(reference, setting);
}

std::vector<Case> link_cases(Hosts& hosts) {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name, Unit unit, Reference reference, auto measure) {
    cases.push_back({"floor." + name, unit, reference, {Placement::kOneCpu, Placement::kFree}, measure});
  };
  add("tcp.trip.64", Unit::kMicroseconds, Reference::kPacketTrip,
      [&hosts](const Setting& setting) { return over_tcp(setting, hosts, kTrip); });
  add("tcp.flight1024.64", Unit::kPerSecond, Reference::kPacketFlight,
      [&hosts](const Setting& setting) { return over_tcp(setting, hosts, kFlight); });
  add("tcp.stream8.1M", Unit::kMegabytesPerSecond, Reference::kNone, [&hosts](const Setting& setting) {
    return as_megabytes(over_tcp(setting, hosts, {kLarge, 8}), kLarge);
  });
  for (const bool tls : {false, true})
    for (const GrpcFloor& floor : kGrpcFloors)
      add(std::string(tls ? "grpc-tls." : "grpc.") + floor.name, floor.unit, floor.reference,
          [&hosts, &floor, tls](const Setting& setting) {
            return in_unit(over_grpc(setting, hosts, tls, floor.serve, floor.dial, floor.work), floor.unit,
                           floor.work.bytes);
          });
  return cases;
}

}  // namespace netmsg::bench
