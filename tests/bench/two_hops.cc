// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/two_hops.h"

#include <sys/socket.h>

#include <algorithm>

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMax = 200000;

}  // namespace

void Work::run(Crew& crew, Wire& wire) const {
  if (window == 1)
    measure_trips(crew, wire, bytes, kTripsMax);
  else
    measure_flight(crew, wire, bytes, window);
}

std::unique_ptr<Wire> packets(int fd, std::size_t bytes_max) {
  return std::make_unique<PacketWire>(fd, std::max(bytes_max, kReplyBytes));
}

std::unique_ptr<Wire> stream(int fd, std::size_t) {
  return std::make_unique<StreamWire>(fd);
}

Figure two_hops(const Setting& setting, const SocketPair& pair, MakeWire make, Work work) {
  Crew crew(setting);
  crew.start(Seat::kServer, [&] { serve(*make(pair.server.get(), work.bytes)); });
  crew.start(Seat::kClient, [&] { work.run(crew, *make(pair.client.get(), work.bytes)); });
  return crew.wait();
}

Figure measure_reference(Reference reference, const Setting& setting) {
  switch (reference) {
    case Reference::kPacketTrip:
      return two_hops(setting, unix_pair(SOCK_SEQPACKET), packets, {64, 1});
    case Reference::kPacketFlight:
      return two_hops(setting, unix_pair(SOCK_SEQPACKET), packets, {64, 64});
    default:
      break;
  }
  return {};
}

}  // namespace netmsg::bench
