// SPDX-License-Identifier: Apache-2.0
// netmsg on one host: two programs and a real daemon between them, over socket lanes and over ring lanes.
#include <mach.h>

#include <cstring>
#include <string>
#include <thread>

#include "tests/bench/batch_program.h"
#include "tests/bench/case.h"
#include "tests/bench/hosts.h"
#include "tests/bench/mach_program.h"
#include "tests/bench/message_sizes.h"
#include "tests/bench/region_sizes.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMax = 200000;

// A daemon, a server, and what the client does.
class Scene {
 public:
  Scene(Hosts& hosts, LaneKind lane, const Setting& setting)
      : host_(hosts.local()), lane_(lane), crew_(setting) {
    crew_.add(host_.daemon().pid(), Seat::kBetween);
    start(Seat::kServer, [this] { serve_port(crew_, name_); });
  }

  Crew& crew() { return crew_; }
  const std::string& server() const { return name_; }
  void start(Seat seat, const std::function<void()>& role) {
    crew_.start(seat, [&] {
      join(host_, lane_);
      role();
    });
  }

 private:
  test::Host& host_;
  LaneKind lane_;
  std::string name_ = new_service_name();
  Crew crew_;
};

Figure trips(Scene& scene, ReplyBy reply_by, std::size_t bytes) {
  scene.start(Seat::kClient, [&] {
    Caller caller(scene.server(), "", reply_by, bytes);
    measure_each(scene.crew(), kTripsMax, [&] { caller.call(); });
  });
  return scene.crew().wait();
}

Figure trips_with_right(Scene& scene, mach_msg_type_name_t disposition) {
  scene.start(Seat::kClient, [&] {
    Caller caller(scene.server(), "", ReplyBy::kSendOnce);
    const mach_port_t port = new_port_with_send();
    measure_each(scene.crew(), kTripsMax, [&] { caller.call_with_right(port, disposition); });
  });
  return scene.crew().wait();
}

Figure one_way(Scene& scene, std::size_t bytes) {
  scene.start(Seat::kClient, [&] {
    Caller caller(scene.server(), "", ReplyBy::kHeldRight, bytes);
    scene.crew().ready();
    while (!scene.crew().stopped()) caller.send_only();
  });
  return scene.crew().rate(1);
}

void call_until_stopped(Crew& crew, const std::string& server, std::size_t bytes) {
  Caller caller(server, "", ReplyBy::kSendOnce, bytes);
  crew.ready();
  while (!crew.stopped()) {
    caller.call();
    crew.count(1);
  }
}

// In calls.
Figure batches(Scene& scene) {
  const std::string server = new_service_name();
  scene.start(Seat::kServer, [&] { serve_batches(server); });
  scene.start(Seat::kClient, [&] {
    BatchCaller caller(server);
    scene.crew().ready();
    while (!scene.crew().stopped()) {
      caller.call();
      scene.crew().count(kInFlight);
    }
  });
  return scene.crew().rate(1);
}

// `processes` tasks of so many threads, each with one call in flight.
Figure many(Scene& scene, unsigned processes, unsigned threads, std::size_t bytes = 64) {
  for (unsigned process = 0; process < processes; ++process)
    scene.start(Seat::kClient, [&] {
      std::vector<std::jthread> clients;
      for (unsigned thread = 0; thread < threads; ++thread)
        clients.emplace_back([&] { call_until_stopped(scene.crew(), scene.server(), bytes); });
    });
  return scene.crew().rate(processes * threads);
}

Figure hand_over(Scene& scene, std::uint64_t bytes) {
  scene.start(Seat::kClient, [&] {
    Caller caller(scene.server(), "", ReplyBy::kSendOnce);
    measure_regions(scene.crew(), caller, bytes);
  });
  return scene.crew().wait();
}

constexpr unsigned kClientCounts[] = {1, 10, 100, 1000};
constexpr unsigned kQuickClientsMax = 10;
constexpr unsigned kProcessesMax = 10;

class LocalTable {
 public:
  LocalTable(Hosts& hosts, LaneKind lane, std::vector<Case>& cases)
      : hosts_(hosts), lane_(lane), cases_(cases) {}

  // `measure(scene, setting)`.
  template <typename Measure>
  void add(const std::string& name, Unit unit, Reference reference, std::vector<Placement> placements,
           Measure measure) {
    cases_.push_back({std::string("netmsg.") + name_of(lane_) + "." + name, unit, reference,
                      std::move(placements),
                      [&hosts = hosts_, lane = lane_, measure](const Setting& setting) {
                        Scene scene(hosts, lane, setting);
                        return measure(scene, setting);
                      }});
  }

 private:
  Hosts& hosts_;
  LaneKind lane_;
  std::vector<Case>& cases_;
};

const std::vector<Placement> kAll = {Placement::kOneCpu, Placement::kTwoCpus, Placement::kFree};
const std::vector<Placement> kTwo = {Placement::kOneCpu, Placement::kFree};

void add_trips(LocalTable& table) {
  for (const MessageSize& size : kMessageSizes)
    table.add(std::string("trip.") + size.name, Unit::kMicroseconds, Reference::kPacketTrip,
              size.bytes == 64 ? kAll : kTwo, [&size](Scene& scene, const Setting&) {
                return trips(scene, ReplyBy::kHeldRight, size.bytes);
              });
  table.add("once.64", Unit::kMicroseconds, Reference::kPacketTrip, kTwo,
            [](Scene& scene, const Setting&) { return trips(scene, ReplyBy::kSendOnce, 64); });
  table.add("moved-send.64", Unit::kMicroseconds, Reference::kPacketTrip, kTwo,
            [](Scene& scene, const Setting&) { return trips_with_right(scene, MACH_MSG_TYPE_MOVE_SEND); });
  table.add("moved-receive.64", Unit::kMicroseconds, Reference::kPacketTrip, kTwo,
            [](Scene& scene, const Setting&) { return trips_with_right(scene, MACH_MSG_TYPE_MOVE_RECEIVE); });
}

void add_rates(LocalTable& table) {
  for (const MessageSize& size : kMessageSizes)
    table.add(std::string("one-way.") + size.name, Unit::kPerSecond, Reference::kPacketFlight, kTwo,
              [&size](Scene& scene, const Setting&) { return one_way(scene, size.bytes); });
  table.add("batch64.64", Unit::kPerSecond, Reference::kPacketFlight, kTwo,
            [](Scene& scene, const Setting&) { return batches(scene); });
  table.add("threads16.64", Unit::kPerSecond, Reference::kPacketFlight, kTwo,
            [](Scene& scene, const Setting&) { return many(scene, 1, 16); });
  table.add("stream8.1M", Unit::kMegabytesPerSecond, Reference::kNone, kTwo,
            [](Scene& scene, const Setting&) {
              return as_megabytes(many(scene, 1, 8, std::size_t{1} << 20), std::size_t{1} << 20);
            });
  for (const unsigned& clients : kClientCounts)
    table.add("clients." + std::to_string(clients), Unit::kPerSecond, Reference::kPacketFlight,
              {Placement::kFree}, [&clients](Scene& scene, const Setting& setting) {
                if (setting.quick && clients > kQuickClientsMax) throw NotOffered("too many for --quick");
                const unsigned processes = std::min(clients, kProcessesMax);
                return many(scene, processes, clients / processes);
              });
}

void add_regions(LocalTable& table) {
  for (const RegionSize& size : kRegionSizes)
    table.add(
        std::string("region.") + size.name, Unit::kMicroseconds, Reference::kPacketTrip, {Placement::kFree},
        [&size](Scene& scene, const Setting& setting) { return hand_over(scene, bytes_of(size, setting)); });
}

}  // namespace

std::vector<Case> local_cases(Hosts& hosts) {
  std::vector<Case> cases;
  for (const LaneKind lane : {LaneKind::kSocket, LaneKind::kRing}) {
    LocalTable table(hosts, lane, cases);
    add_trips(table);
    add_rates(table);
    add_regions(table);
  }
  return cases;
}

}  // namespace netmsg::bench
