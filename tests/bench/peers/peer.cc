// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/peer.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/bench/case.h"
#include "tests/bench/not_offered.h"
#include "tests/bench/patience.h"
#include "tests/bench/two_hops.h"

namespace netmsg::bench {

namespace {

constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr double kReferenceShare = 0.5;

struct Job {
  const char* name;
  std::size_t bytes;
  unsigned window;
  Reference reference;
  bool megabytes;
};
constexpr Job kJobs[] = {
    {"trip.64", 64, 1, Reference::kPacketTrip, false},
    {"trip.64K", 65536, 1, Reference::kPacketTrip, false},
    {"flight64.64", 64, 64, Reference::kPacketFlight, false},
    {"stream8.1M", kLarge, 8, Reference::kPacketFlight, true},
};

Figure measure(const Peer& peer, const Job& job, Placement placement, double seconds) {
  const test::TemporaryFolder folder;
  Crew crew({placement, seconds});
  const PeerScene scene{crew, folder.path()};
  peer.start(scene);
  crew.start(Seat::kClient, [&] {
    const std::unique_ptr<Wire> wire = peer.connect(scene);
    Work{job.bytes, job.window}.run(crew, *wire);
    std::fflush(nullptr);
    ::_exit(0);  // libraries that would wait for their threads
  });
  const Figure figure = crew.wait();
  return job.megabytes ? as_megabytes(figure, job.bytes) : figure;
}

const char* unit_of(const Job& job) {
  if (job.megabytes) return "MB/s";
  return job.window == 1 ? "us" : "/s";
}

void print(const Peer& peer, const Job& job, Placement placement, double seconds) {
  const std::string name = "peer." + peer.name + "." + job.name;
  try {
    const Figure reference = measure_reference(job.reference, {placement, seconds * kReferenceShare, false});
    const Figure figure = measure(peer, job, placement, seconds);
    std::printf("%s %s %.6g %.6g %s\n", name.c_str(), name_of(placement), figure.value,
                figure.value / reference.value, unit_of(job));
  } catch (const NotOffered& why) {
    std::fprintf(stderr, "%s: not measured: %s\n", name.c_str(), why.what());
  }
  std::fflush(stdout);
}

}  // namespace

int peer_main(int argc, char** argv, const std::vector<Peer>& peers) {
  const double seconds =
      argc == 3 && std::strcmp(argv[1], "--seconds") == 0 ? std::strtod(argv[2], nullptr) : 0.3;
  for (const Peer& peer : peers)
    for (const Job& job : kJobs)
      for (const Placement placement : {Placement::kOneCpu, Placement::kFree})
        print(peer, job, placement, seconds);
  return 0;
}

void become(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  throw NotOffered("no program " + command[0]);
}

void await_file(const std::string& path) {
  Patience patience;
  while (::access(path.c_str(), F_OK) != 0) patience.rest("the server does not come");
}

void await_listener(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  Patience patience;
  for (;;) {
    const base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    patience.rest("the server's socket does not come");
  }
}

}  // namespace netmsg::bench
