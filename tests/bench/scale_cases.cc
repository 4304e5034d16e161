// SPDX-License-Identifier: Apache-2.0
// What a daemon's size costs: ports, rights and idle clients by the many, in memory each, and whether a call to a
// server gets dearer by them. Each case has a daemon of its own: what was freed is not always given back.
#include <fcntl.h>
#include <mach.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "daemon/base/unique_fd.h"
#include "proto/local/frame.h"
#include "tests/bench/case.h"
#include "tests/bench/hosts.h"
#include "tests/bench/mach_program.h"
#include "tests/bench/usage.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kMany = 1000000;
constexpr unsigned kQuickMany = 2000;
constexpr unsigned kIdleClients = 10000;
constexpr unsigned kQuickIdleClients = 50;
constexpr unsigned kIdleClientsMin = 1000;
constexpr rlim_t kDescriptorsForClient = 2;  // in the daemon, without a lane
constexpr rlim_t kDescriptorsBesides = 200;

// What is there afterwards, what it took, and what it did to a call.
struct Growth {
  double count = 0;
  double bytes_each = 0;
  double made_per_second = 0;
  double last_tenth = 1;  // time of the last tenth of them, to that of the first
  double call_ratio = 1;  // a call with all of them there, to one before
};

double call_us(Caller& caller) {
  constexpr unsigned kCalls = 300;
  std::vector<double> took_us;
  for (unsigned call = 0; call < kCalls; ++call) {
    const std::int64_t start = now_ns();
    caller.call();
    took_us.push_back(static_cast<double>(now_ns() - start) / 1000);
  }
  return median(std::move(took_us));
}

using MakeOne = void (*)(const test::Host& host);

double seconds_for(unsigned count, const test::Host& host, MakeOne make_one) {
  const std::int64_t start = now_ns();
  for (unsigned made = 0; made < count; ++made) make_one(host);
  return static_cast<double>(now_ns() - start) / 1e9;
}

// Runs in a client.
Growth grow(test::Host& host, const std::string& server, unsigned count, MakeOne make_one) {
  Caller caller(server, "", ReplyBy::kSendOnce);
  const double before_us = call_us(caller);
  const Memory before = memory_of(host.daemon().pid());
  const unsigned tenth = count / 10;
  const double first = seconds_for(tenth, host, make_one);
  const double middle = seconds_for(count - 2 * tenth, host, make_one);
  const double last = seconds_for(tenth, host, make_one);
  const Memory after = memory_of(host.daemon().pid());
  return {static_cast<double>(count), static_cast<double>(after.own_bytes - before.own_bytes) / count,
          count / (first + middle + last), last / first, call_us(caller) / before_us};
}

Growth growth_by(const Setting& setting, unsigned count, MakeOne make_one) {
  Hosts own;
  test::Host& host = own.local();
  const std::string server = new_service_name();
  const SharedMemory memory(sizeof(Growth));
  auto* const growth = new (memory.data()) Growth;
  Crew crew(setting);
  crew.add(host.daemon().pid(), Seat::kBetween);
  crew.start(Seat::kServer, [&] {
    join(host, LaneKind::kSocket);
    serve_port(crew, server);
  });
  crew.start(Seat::kClient, [&] {
    join(host, LaneKind::kSocket);
    *growth = grow(host, server, count, make_one);
  });
  crew.wait();
  return *growth;
}

void make_port(const test::Host&) {
  mach_port_t port = MACH_PORT_NULL;
  must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "one of many ports");
}

// A dead name: an entry of a name space and nothing else.
void make_right(const test::Host&) {
  mach_port_t name = MACH_PORT_NULL;
  must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &name), "one of many rights");
}

// A client with its main connection and nothing else, spoken by hand: this process is many of them.
base::UniqueFd idle_client(const std::string& path) {
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const local::FrameHeader header{sizeof(local::Hello), static_cast<std::uint16_t>(local::Kind::kHello), 0,
                                  0};
  const local::Hello hello{local::kMagic, local::kVersion, local::kVersion};
  std::array<std::byte, sizeof header + sizeof hello> frame{};
  std::memcpy(frame.data(), &header, sizeof header);
  std::memcpy(frame.data() + sizeof header, &hello, sizeof hello);
  std::array<std::byte, sizeof(local::FrameHeader) + sizeof(local::Welcome)> answer{};
  local::FrameHeader answered{};
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket.get(), frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size()) ||
      ::recv(socket.get(), answer.data(), answer.size(), MSG_WAITALL) <= 0)
    throw NotOffered("a client was not let in");
  std::memcpy(&answered, answer.data(), sizeof answered);
  if (answered.kind != static_cast<std::uint16_t>(local::Kind::kWelcome))
    throw NotOffered("a client was refused");
  return socket;
}

// Open as long as this process is.
void make_client(const test::Host& host) {
  static_cast<void>(idle_client(host.socket()).release());
}

// This process and the daemons it starts may have as many descriptors as the system lets them, from now on.
rlim_t raise_descriptors(rlim_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit more{wanted, std::max(limit.rlim_max, wanted)};
  if (limit.rlim_cur < wanted && ::setrlimit(RLIMIT_NOFILE, &more) != 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// As many as there may be, if that is enough to say something.
Growth many_clients(const Setting& setting) {
  const unsigned wanted = setting.quick ? kQuickIdleClients : kIdleClients;
  const rlim_t limit = raise_descriptors(kDescriptorsForClient * wanted + kDescriptorsBesides);
  const rlim_t most = (std::max(limit, kDescriptorsBesides) - kDescriptorsBesides) / kDescriptorsForClient;
  if (most < std::min(wanted, kIdleClientsMin))
    throw NotOffered("the limit of descriptors is " + std::to_string(limit));
  return growth_by(setting, static_cast<unsigned>(std::min<rlim_t>(wanted, most)), make_client);
}

template <MakeOne kMakeOne>
Growth many_of(const Setting& setting) {
  return growth_by(setting, setting.quick ? kQuickMany : kMany, kMakeOne);
}

struct Crowd {
  const char* name;
  Growth (*measure)(const Setting& setting);
};
constexpr Crowd kCrowds[] = {
    {"ports", many_of<make_port>}, {"rights", many_of<make_right>}, {"idle-clients", many_clients}};

struct Subject {
  const char* name;
  Unit unit;
  double Growth::*what;
};
constexpr Subject kSubjects[] = {{"count", Unit::kCount, &Growth::count},
                                 {"bytes", Unit::kBytes, &Growth::bytes_each},
                                 {"made", Unit::kPerSecond, &Growth::made_per_second},
                                 {"last-tenth", Unit::kRatio, &Growth::last_tenth},
                                 {"call", Unit::kRatio, &Growth::call_ratio}};

}  // namespace

// One measurement for all rows of a crowd: it takes its time.
std::vector<Case> scale_cases() {
  std::vector<Case> cases;
  for (const Crowd& crowd : kCrowds) {
    const auto measured = std::make_shared<std::optional<Growth>>();
    for (const Subject& subject : kSubjects)
      cases.push_back({std::string("netmsg.scale.") + crowd.name + "." + subject.name,
                       subject.unit,
                       Reference::kNone,
                       {Placement::kFree},
                       [&, measured](const Setting& setting) {
                         if (!*measured) *measured = crowd.measure(setting);
                         return Figure{**measured.*subject.what};
                       }});
  }
  return cases;
}

}  // namespace netmsg::bench
