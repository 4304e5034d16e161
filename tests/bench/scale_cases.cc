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
constexpr rlim_t kDescriptorsForClient = 3;  // in the daemon, when it has a lane
constexpr rlim_t kDescriptorsBesides = 200;

// What is there afterwards, and what it did to a call.
struct Growth {
  double bytes_each = 0;
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

// Runs in a client; `fill` makes `count` of something in the daemon.
Growth grow(pid_t daemon, const std::string& server, unsigned count, const std::function<void()>& fill) {
  Caller caller(server, "", ReplyBy::kSendOnce);
  const double before_us = call_us(caller);
  const Memory before = memory_of(daemon);
  fill();
  const Memory after = memory_of(daemon);
  const double after_us = call_us(caller);
  return {static_cast<double>(after.own_bytes - before.own_bytes) / count, after_us / before_us};
}

enum class What { kBytesEach, kCallRatio };

Figure figure_of(const Growth& growth, What what) {
  return {what == What::kBytesEach ? growth.bytes_each : growth.call_ratio};
}

using Fill = void (*)(const test::Host& host, unsigned count);

Figure growth_by(const Setting& setting, unsigned count, What what, Fill fill) {
  Hosts own;
  test::Host& host = own.local();
  const std::string server = new_service_name();
  Crew crew(setting.placement, setting.seconds);
  crew.add(host.daemon().pid(), Seat::kBetween);
  crew.start(Seat::kServer, [&] {
    join(host, LaneKind::kSocket);
    serve_port(crew, server);
  });
  crew.start(Seat::kClient, [&] {
    join(host, LaneKind::kSocket);
    const Growth growth = grow(host.daemon().pid(), server, count, [&] { fill(host, count); });
    crew.report(figure_of(growth, what).value);
  });
  return crew.wait();
}

void make_ports(const test::Host&, unsigned count) {
  for (unsigned made = 0; made < count; ++made) {
    mach_port_t port = MACH_PORT_NULL;
    must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "one of many ports");
  }
}

// Dead names: entries of a name space and nothing else.
void make_rights(const test::Host&, unsigned count) {
  for (unsigned made = 0; made < count; ++made) {
    mach_port_t name = MACH_PORT_NULL;
    must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &name),
                 "one of many rights");
  }
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

void make_clients(const test::Host& host, unsigned count) {
  for (unsigned made = 0; made < count; ++made) {
    base::UniqueFd socket = idle_client(host.socket());
    static_cast<void>(socket.release());  // open as long as this process is
  }
}

// This process and the daemons it starts may have so many descriptors, or there is no such case here.
void must_have_descriptors(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return;
  const rlimit wanted{count, std::max(limit.rlim_max, count)};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) != 0)
    throw NotOffered("the limit of descriptors is " + std::to_string(limit.rlim_max) + ", " +
                     std::to_string(count) + " are needed");
}

Figure many_clients(const Setting& setting, What what) {
  const unsigned count = setting.quick ? kQuickIdleClients : kIdleClients;
  must_have_descriptors(kDescriptorsForClient * count + kDescriptorsBesides);
  return growth_by(setting, count, what, make_clients);
}

Figure many_of(const Setting& setting, What what, Fill fill) {
  return growth_by(setting, setting.quick ? kQuickMany : kMany, what, fill);
}

struct Subject {
  const char* name;
  What what;
  Unit unit;
};
constexpr Subject kSubjects[] = {{"bytes", What::kBytesEach, Unit::kBytes},
                                 {"call", What::kCallRatio, Unit::kRatio}};

}  // namespace

std::vector<Case> scale_cases(Hosts&) {
  std::vector<Case> cases;
  for (const Subject& subject : kSubjects) {
    const auto add = [&](const std::string& name, auto measure) {
      cases.push_back({"netmsg.scale." + name + "." + subject.name,
                       subject.unit,
                       Reference::kNone,
                       {Placement::kFree},
                       measure});
    };
    add("ports", [&](const Setting& setting) { return many_of(setting, subject.what, make_ports); });
    add("rights", [&](const Setting& setting) { return many_of(setting, subject.what, make_rights); });
    add("idle-clients", [&](const Setting& setting) { return many_clients(setting, subject.what); });
  }
  return cases;
}

}  // namespace netmsg::bench
