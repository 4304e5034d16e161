// SPDX-License-Identifier: Apache-2.0
// Floors for rights and memory: a descriptor with each request (SCM_RIGHTS), and regions handed over as memfds by hand:
// unmapped and sealed by the sender, mapped by the receiver, who reads the first byte.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/bench/case.h"
#include "tests/bench/crew.h"
#include "tests/bench/region_sizes.h"
#include "tests/bench/socket_wire.h"
#include "tests/bench/wire.h"

namespace netmsg::bench {

namespace {

constexpr unsigned kTripsMax = 100000;

// A packet of eight bytes, and a descriptor unless it is negative.
void send_with_descriptor(int socket, int fd, std::uint64_t number) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  iovec part{&number, sizeof number};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) throw NotOffered("a descriptor was not sent");
}

struct Arrival {
  std::uint64_t number = 0;
  base::UniqueFd fd;
};

Arrival receive_with_descriptor(int socket) {
  Arrival arrival;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{&arrival.number, sizeof arrival.number};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) throw NotOffered("the other side has gone");
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  int fd = -1;
  if (rights != nullptr) std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  arrival.fd.reset(fd);
  return arrival;
}

Figure descriptor_trips(const Setting& setting) {
  const SocketPair pair = unix_pair(SOCK_SEQPACKET);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] {
    for (;;) {
      receive_with_descriptor(pair.server.get());
      send_with_descriptor(pair.server.get(), -1, 0);
    }
  });
  crew.start(Seat::kClient, [&] {
    const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    measure_each(crew, kTripsMax, [&] {
      send_with_descriptor(pair.client.get(), file.get(), 0);
      receive_with_descriptor(pair.client.get());
    });
  });
  return crew.wait();
}

// A file of `bytes`, all of them written.
base::UniqueFd written_file(std::uint64_t bytes) {
  base::UniqueFd file(::memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) throw NotOffered("no memory file");
  return file;
}

std::byte* map(int fd, std::uint64_t bytes, int flags) {
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (pages == MAP_FAILED) throw NotOffered("no memory to map");
  return static_cast<std::byte*>(pages);
}

// Maps what comes, reads its first byte, says so, and unmaps it.
void take_files(int socket, std::uint64_t bytes) {
  for (;;) {
    const Arrival arrival = receive_with_descriptor(socket);
    std::byte* const pages = map(arrival.fd.get(), bytes, MAP_PRIVATE);
    const auto first = static_cast<std::uint64_t>(*static_cast<volatile std::byte*>(pages));
    send_with_descriptor(socket, -1, first);
    ::munmap(pages, bytes);
  }
}

// The region is made and written before the clock starts: what is measured is the hand-over.
Figure sealed_hand_over(const Setting& setting, std::uint64_t bytes) {
  const SocketPair pair = unix_pair(SOCK_SEQPACKET);
  Crew crew(setting);
  crew.start(Seat::kServer, [&] { take_files(pair.server.get(), bytes); });
  crew.start(Seat::kClient, [&] {
    measure_prepared(crew, [&] {
      base::UniqueFd file = written_file(bytes);
      std::byte* const pages = map(file.get(), bytes, MAP_SHARED);
      std::memset(pages, 1, bytes);
      const std::int64_t start = now_ns();
      ::munmap(pages, bytes);
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
      send_with_descriptor(pair.client.get(), file.get(), 1);
      receive_with_descriptor(pair.client.get());
      return now_ns() - start;
    });
  });
  return crew.wait();
}

}  // namespace

std::vector<Case> memory_cases() {
  std::vector<Case> cases;
  cases.push_back({"floor.descriptor2.trip",
                   Unit::kMicroseconds,
                   Reference::kPacketTrip,
                   {Placement::kOneCpu, Placement::kFree},
                   descriptor_trips});
  for (const RegionSize& size : kRegionSizes)
    cases.push_back(
        {std::string("floor.sealed.") + size.name,
         Unit::kMicroseconds,
         Reference::kPacketTrip,
         {Placement::kFree},
         [&size](const Setting& setting) { return sealed_hand_over(setting, bytes_of(size, setting)); }});
  return cases;
}

}  // namespace netmsg::bench
