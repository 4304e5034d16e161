// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/wire.h"

#include <vector>

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMin = 16;

std::int64_t ns(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

void warm_up(Crew& crew, const std::function<void()>& trip) {
  const std::int64_t until = now_ns() + ns(crew.seconds() / 10);
  do trip();
  while (now_ns() < until);
}

}  // namespace

void measure_each(Crew& crew, unsigned most, const std::function<void()>& trip) {
  warm_up(crew, trip);
  std::vector<double> took_us;
  took_us.reserve(most);
  crew.begin();
  const std::int64_t until = now_ns() + ns(crew.seconds());
  for (std::int64_t start = now_ns(); took_us.size() < most;) {
    trip();
    const std::int64_t end = now_ns();
    took_us.push_back(static_cast<double>(end - start) / 1000);
    if (end >= until && took_us.size() >= kTripsMin) break;
    start = end;
  }
  crew.end(static_cast<double>(took_us.size()));
  crew.report(median(took_us), percentile(took_us, 0.99));
}

void measure_trips(Crew& crew, Wire& wire, std::size_t bytes, unsigned trips_max) {
  const std::vector<std::byte> request(bytes, std::byte{1});
  measure_each(crew, trips_max, [&] {
    wire.send(request);
    wire.flush();
    wire.receive();
  });
}

void measure_flight(Crew& crew, Wire& wire, std::size_t bytes, unsigned window) {
  const std::vector<std::byte> request(bytes, std::byte{1});
  unsigned in_flight = 0;
  std::uint64_t done = 0;
  const auto turn = [&] {
    for (; in_flight < window; ++in_flight) wire.send(request);
    wire.flush();
    wire.receive();
    for (--in_flight, ++done; in_flight > 0 && wire.gathers() && !wire.poll().empty(); --in_flight) ++done;
  };
  warm_up(crew, turn);
  crew.begin();
  done = 0;
  const std::int64_t start = now_ns();
  const std::int64_t until = start + ns(crew.seconds());
  while (now_ns() < until) turn();
  const auto took = static_cast<double>(now_ns() - start) / 1e9;
  crew.end(static_cast<double>(done));
  crew.report(static_cast<double>(done) / took);
}

void serve(Wire& wire) {
  const std::vector<std::byte> reply(kReplyBytes, std::byte{2});
  for (;;) {
    wire.receive();
    do wire.send(reply);
    while (wire.gathers() && !wire.poll().empty());
    wire.flush();
  }
}

namespace {

bool pass_on(Wire& from, Wire& to) {
  bool any = false;
  for (std::span<const std::byte> frame = from.poll(); !frame.empty(); frame = from.poll()) {
    to.send(frame);
    any = true;
  }
  if (any) to.flush();
  return any;
}

}  // namespace

void forward(Wire& client, Wire& server, const std::function<void()>& sleep) {
  for (;;) {
    const bool requests = pass_on(client, server);
    const bool replies = pass_on(server, client);
    if (!requests && !replies) sleep();
  }
}

}  // namespace netmsg::bench
