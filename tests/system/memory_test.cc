// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory between real programs: on one host, and from one host to another and back.
#include <gtest/gtest.h>
#include <servers/netname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/host.h"
#include "tests/support/mach_message.h"
#include "tests/support/scale.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr std::size_t kPage = 4096;
constexpr unsigned kPatienceMs = 120'000;

TwoHosts& hosts() {
  static TwoHosts both;
  return both;
}

// An echo_server on one of the hosts. This process is a client of host a.
class Echo {
 public:
  explicit Echo(const Host& host)
      : server_({ECHO_SERVER_PROGRAM, "echo on " + host.name()}, host.environment()) {
    become_client_of(hosts().a);
    const std::string name = "echo on " + host.name();
    EXPECT_TRUE(eventually(
        [&] { return netname_look_up(name_server_port, "*", name.c_str(), &port_) == NETNAME_SUCCESS; }));
  }

  // Sends the items and receives them again; the code of what failed first.
  mach_msg_return_t echo(std::vector<Item> items) {
    const mach_port_t reply = new_port();
    Bytes bytes = Outgoing{.remote = port_,
                           .remote_type = MACH_MSG_TYPE_COPY_SEND,
                           .local = reply,
                           .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                           .bits = MACH_MSGH_BITS_COMPLEX,
                           .items = std::move(items)}
                      .encode();
    received = std::move(bytes);
    const auto size = static_cast<mach_msg_size_t>(received.size());
    const mach_msg_return_t code =
        mach_msg(reinterpret_cast<mach_msg_header_t*>(received.data()),
                 MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, size, size, reply, kPatienceMs, 0);
    mach_port_destroy(mach_task_self(), reply);
    return code;
  }

  // The address in the slot of the item at `offset`.
  char* address(std::size_t offset) const {
    char* found;
    std::memcpy(&found, received.data() + offset + sizeof(mach_msg_type_t), sizeof found);
    return found;
  }

  Bytes received;

 private:
  Process server_;
  mach_port_t port_ = MACH_PORT_NULL;
};

char* pages(std::size_t count) {
  vm_address_t address = 0;
  EXPECT_EQ(vm_allocate(mach_task_self(), &address, count * kPage, TRUE), KERN_SUCCESS);
  return reinterpret_cast<char*>(address);
}

Item region(const void* data, std::size_t size) {
  Item item = memory({}, reinterpret_cast<std::uint64_t>(data));
  item.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(size);
  return item;
}

constexpr std::size_t kFirst = sizeof(mach_msg_header_t);
constexpr std::size_t kItem = 16;

// 02.13, 02.15 from program to program and back.
void echoes_memory_and_rights(Echo& echo, std::size_t size) {
  char* const data = pages(size / kPage + 2);
  for (std::size_t at = 0; at < size; ++at) data[0x123 + at] = static_cast<char>(at * 13);
  const mach_port_t q = new_port();
  const mach_port_t names[] = {q, MACH_PORT_NULL, q};
  Item array = region(names, 3);
  array.descriptor.msgt_name = MACH_MSG_TYPE_MAKE_SEND;
  array.descriptor.msgt_size = 32;
  ASSERT_EQ(echo.echo({region(data + 0x123, size), array, region(nullptr, 0)}), MACH_MSG_SUCCESS);
  char* const back = echo.address(kFirst);
  EXPECT_EQ(reinterpret_cast<std::uint64_t>(back) % kPage, 0x123U);
  EXPECT_EQ(std::memcmp(back, data + 0x123, size), 0);
  EXPECT_TRUE(std::all_of(back - 0x123, back, [](char c) { return c == 0; }));
  EXPECT_EQ(std::memcmp(echo.address(kFirst + kItem), names, sizeof names), 0) << "rights that came home";
  EXPECT_EQ(state_of(q), "R+S2");
  EXPECT_EQ(echo.address(kFirst + 2 * kItem), nullptr);
  mach_msg_destroy(reinterpret_cast<mach_msg_header_t*>(echo.received.data()));
  EXPECT_EQ(state_of(q), "R");
  mach_port_destroy(mach_task_self(), q);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(data), (size / kPage + 2) * kPage);
}

TEST(MemoryBetweenPrograms, ComesBackOnOneHost) {
  Echo echo(hosts().a);
  echoes_memory_and_rights(echo, 5000);
  echoes_memory_and_rights(echo, 8U << 20);
  EXPECT_EQ(balanced({&hosts().a}), "");
}

int descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<int>(std::distance(begin(all), end(all)));
}

void echoes_handed_over_memory(Echo& echo, int mark) {
  char* const data = pages(64);
  data[mark % kPage] = 'x';
  ASSERT_EQ(echo.echo({region(data, 64 * kPage)}), MACH_MSG_SUCCESS) << "time " << mark;
  EXPECT_EQ(echo.address(kFirst)[mark % kPage], 'x');
  mach_msg_destroy(reinterpret_cast<mach_msg_header_t*>(echo.received.data()));
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(data), 64 * kPage);
}

// Handed over there, and back: neither this program nor the daemon keeps a descriptor, but for those that the library
// opens at the first time.
TEST(MemoryBetweenPrograms, HandedOverManyTimesLeavesNothingBehind) {
  Echo echo(hosts().a);
  echoes_handed_over_memory(echo, 0);
  const pid_t daemon = hosts().a.daemon().pid();
  const int ours = descriptors_of(::getpid());
  const int theirs = descriptors_of(daemon);
  for (int at = 0, times = scaled(10'000); at < times && !HasFatalFailure(); ++at)
    echoes_handed_over_memory(echo, at);
  EXPECT_EQ(descriptors_of(::getpid()), ours);
  EXPECT_TRUE(eventually([&] { return descriptors_of(daemon) <= theirs; }));
  EXPECT_EQ(balanced({&hosts().a}), "");
}

// 05 §7, 02 §9: far more than may be queued as bytes.
TEST(MemoryBetweenPrograms, OfAQuarterGigabyteComesBackOnOneHost) {
  Echo echo(hosts().a);
  constexpr std::size_t kPages = (256U << 20) / kPage;
  char* const data = pages(kPages);
  for (std::size_t page = 0; page < kPages; page += 1024)
    data[page * kPage] = static_cast<char>(page >> 10 | 1);
  ASSERT_EQ(echo.echo({region(data, kPages * kPage)}), MACH_MSG_SUCCESS);
  for (std::size_t page = 0; page < kPages; page += 1024) {
    EXPECT_EQ(echo.address(kFirst)[page * kPage], static_cast<char>(page >> 10 | 1));
  }
  mach_msg_destroy(reinterpret_cast<mach_msg_header_t*>(echo.received.data()));
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(data), kPages * kPage);
  EXPECT_EQ(balanced({&hosts().a}), "");
}

TEST(MemoryBetweenPrograms, ComesBackFromAnotherHost) {
  Echo echo(hosts().b);
  echoes_memory_and_rights(echo, 5000);
  echoes_memory_and_rights(echo, 900U << 10);
  EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
}

// S5: far more than travels in one frame, and than may be queued as bytes at one's own daemon or over there. Messages to
// other ports go on beside it.
TEST(MemoryBetweenPrograms, OfAnySizeComesBackFromAnotherHostBesideOtherMessages) {
  Echo echo(hosts().b);
  std::atomic<bool> done = false;
  std::thread large([&] {
    echoes_memory_and_rights(echo, (64U << 20) + 77);
    done = true;
  });
  unsigned answers = 0;
  do {
    mach_port_t found = MACH_PORT_NULL;
    const std::string& host = hosts().b.name();
    EXPECT_EQ(netname_look_up(name_server_port, host.c_str(), ("echo on " + host).c_str(), &found),
              NETNAME_SUCCESS);
    EXPECT_EQ(mach_port_deallocate(mach_task_self(), found), KERN_SUCCESS);
    ++answers;
  } while (!done);
  large.join();
  EXPECT_GT(answers, 0U);
  EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
}

// A body has its place in the frame, or goes ahead like memory.
TEST(MemoryBetweenPrograms, LargeBodiesComeBackFromAnotherHost) {
  Echo echo(hosts().b);
  Item item = numbers({});
  item.descriptor.msgt_number = 4095;
  for (std::uint32_t at = 0; at < 4095; ++at) item.values.push_back(at * 7);
  const std::vector<Item> items(50, item);
  ASSERT_EQ(echo.echo(items), MACH_MSG_SUCCESS);
  const Bytes sent = Outgoing{.items = items}.encode();
  ASSERT_EQ(echo.received.size(), sent.size());
  EXPECT_EQ(std::memcmp(echo.received.data() + kFirst, sent.data() + kFirst, sent.size() - kFirst), 0);
  EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
}

}  // namespace
}  // namespace netmsg::test
