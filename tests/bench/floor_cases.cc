// SPDX-License-Identifier: Apache-2.0
// The floors: what this machine can do without any of ours. Two hops are client and server; four have a process in
// between, which copies frames and knows nothing. Those of two hosts stand in link_cases.cc.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>

#include "tests/bench/case.h"
#include "tests/bench/message_sizes.h"
#include "tests/bench/ring_wire.h"
#include "tests/bench/two_hops.h"

namespace netmsg::bench {

namespace {

Figure four_hops(const Setting& setting, int type, MakeWire make, Work work) {
  const SocketPair left = unix_pair(type);
  const SocketPair right = unix_pair(type);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] { serve(*make(right.server.get(), work.bytes)); });
  crew.start(Seat::kBetween, [&] {
    forward(*make(left.server.get(), work.bytes), *make(right.client.get(), work.bytes),
            epoll_of(left.server.get(), right.client.get()));
  });
  crew.start(Seat::kClient, [&] { work.run(crew, *make(left.client.get(), work.bytes)); });
  return crew.wait();
}

Figure ring_two_hops(const Setting& setting, Work work) {
  const RingMemory memory(1, work.bytes);
  const RingPair pair = memory.pair(0, 0, 1);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] {
    RingWire wire(pair.flipped());
    serve(wire);
  });
  crew.start(Seat::kClient, [&] {
    RingWire wire(pair);
    work.run(crew, wire);
  });
  return crew.wait();
}

enum Bells : unsigned { kClientBell, kServerBell, kBetweenBell };

Figure ring_four_hops(const Setting& setting, Work work) {
  const RingMemory memory(2, work.bytes);
  const RingPair left = memory.pair(0, kClientBell, kBetweenBell);
  const RingPair right = memory.pair(1, kBetweenBell, kServerBell);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] {
    RingWire wire(right.flipped());
    serve(wire);
  });
  crew.start(Seat::kBetween, [&] {
    RingWire client(left.flipped());
    RingWire server(right);
    forward(client, server, [&] {
      sleep_unless(memory.bell(kBetweenBell), [&] { return !client.empty() || !server.empty(); });
    });
  });
  crew.start(Seat::kClient, [&] {
    RingWire wire(left);
    work.run(crew, wire);
  });
  return crew.wait();
}

// One thread that has nothing but its own request in flight.
void one_of_many(Crew& crew, Wire& wire) {
  const std::vector<std::byte> request(kReplyBytes, std::byte{1});
  crew.ready();
  while (!crew.stopped()) {
    wire.send(request);
    wire.flush();
    wire.receive();
    crew.count(1);
  }
}

// `threads` clients in one process, each with a ring of its own to one server that looks at all of them.
void serve_all(const RingMemory& memory, unsigned threads) {
  const std::vector<std::byte> reply(kReplyBytes, std::byte{2});
  std::vector<RingWire> wires;
  for (unsigned thread = 0; thread < threads; ++thread)
    wires.emplace_back(memory.pair(thread, thread + 1, 0).flipped());
  const auto ready = [&] {
    for (const RingWire& wire : wires)
      if (!wire.empty()) return true;
    return false;
  };
  for (;;) {
    for (RingWire& wire : wires) {
      if (wire.poll().empty()) continue;
      wire.send(reply);
      wire.flush();
    }
    sleep_unless(memory.bell(0), ready);
  }
}

Figure ring_threads(const Setting& setting, unsigned threads) {
  const RingMemory memory(threads, kReplyBytes);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] { serve_all(memory, threads); });
  crew.start(Seat::kClient, [&] {
    std::vector<std::jthread> clients;
    for (unsigned thread = 0; thread < threads; ++thread)
      clients.emplace_back([&, thread] {
        RingWire wire(memory.pair(thread, thread + 1, 0));
        one_of_many(crew, wire);
      });
  });
  return crew.rate(threads);
}

void add_ring_sizes(std::vector<Case>& cases) {
  for (const MessageSize& size : kMessageSizes) {
    const std::size_t bytes = size.bytes;
    const std::string name = size.name;
    cases.push_back({"floor.ring2.trip." + name,
                     Unit::kMicroseconds,
                     Reference::kPacketTrip,
                     {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree},
                     [=](const Setting& setting) {
                       return ring_two_hops(setting, {bytes, 1});
                     }});
    cases.push_back({"floor.ring4.trip." + name,
                     Unit::kMicroseconds,
                     Reference::kPacketTrip,
                     {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree},
                     [=](const Setting& setting) {
                       return ring_four_hops(setting, {bytes, 1});
                     }});
  }
}

}  // namespace

std::vector<Case> floor_cases() {
  std::vector<Case> cases;
  add_ring_sizes(cases);
  const auto add = [&](std::string name, Unit unit, Reference reference, auto measure) {
    cases.push_back({std::move(name), unit, reference, {Placement::kOneCpu, Placement::kFree}, measure});
  };
  const auto trip = Reference::kPacketTrip;
  const auto flight = Reference::kPacketFlight;
  add("floor.packet2.trip.64", Unit::kMicroseconds, trip, [](const Setting& setting) {
    return two_hops(setting, unix_pair(SOCK_SEQPACKET), packets, {64, 1});
  });
  add("floor.packet4.trip.64", Unit::kMicroseconds, trip, [](const Setting& setting) {
    return four_hops(setting, SOCK_SEQPACKET, packets, {64, 1});
  });
  add("floor.stream4.trip.64", Unit::kMicroseconds, trip, [](const Setting& setting) {
    return four_hops(setting, SOCK_STREAM, stream, {64, 1});
  });
  add("floor.stream4.trip.64K", Unit::kMicroseconds, trip, [](const Setting& setting) {
    return four_hops(setting, SOCK_STREAM, stream, {65536, 1});
  });
  add("floor.packet4.flight64.64", Unit::kPerSecond, flight, [](const Setting& setting) {
    return four_hops(setting, SOCK_SEQPACKET, packets, {64, 64});
  });
  add("floor.stream4.flight64.64", Unit::kPerSecond, flight, [](const Setting& setting) {
    return four_hops(setting, SOCK_STREAM, stream, {64, 64});
  });
  add("floor.ring4.flight64.64", Unit::kPerSecond, flight, [](const Setting& setting) {
    return ring_four_hops(setting, {64, 64});
  });
  add("floor.ring2.threads16.64", Unit::kPerSecond, flight,
      [](const Setting& setting) { return ring_threads(setting, 16); });
  add("floor.ring4.stream8.1M", Unit::kMegabytesPerSecond, flight, [](const Setting& setting) {
    return as_megabytes(ring_four_hops(setting, {1U << 20, 8}), 1U << 20);
  });
  return cases;
}

}  // namespace netmsg::bench
