// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory and arrays of rights between two hosts.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include <span>

#include "tests/support/dispositions.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

constexpr std::size_t kSlot = sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t);

Bytes bytes_of(const ipc::MemoryRef& memory) {
  Bytes bytes(memory.length());
  memory.read_here(0, bytes);
  return bytes;
}

std::vector<Name> names_of(const ipc::MemoryRef& memory) {
  std::vector<Name> names(memory.length() / sizeof(Name));
  memory.read_here(0, std::as_writable_bytes(std::span(names)));
  return names;
}

class RemoteMemory : public TwoHosts {
 protected:
  mach_msg_return_t send(std::vector<Item> items) {
    const mach_msg_return_t code = client.send(
        {.remote = x, .remote_type = kCopySend, .bits = MACH_MSGH_BITS_COMPLEX, .items = std::move(items)});
    run();
    return code;
  }

  Task& client = a.task("client");
  Task& server = b.task("server");
  const Name r = server.port();
  const Name x = give_across(b, server, r, kMakeSend, a, client);
};

TEST_F(RemoteMemory, ArrivesAsItWas) {
  Bytes sent(5000);
  for (std::size_t at = 0; at < sent.size(); ++at) sent[at] = static_cast<std::byte>(at * 7);
  ASSERT_EQ(send({numbers({1}), memory(sent, 0x1234), memory({}, 0x99), memory(Bytes(1), 5)}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
  ASSERT_EQ(got.regions.size(), 2U);
  EXPECT_EQ(bytes_of(got.regions[0].memory), sent);
  EXPECT_EQ(got.values, (std::vector<std::uint32_t>{1, 0x234, 0, 5})) << "offsets within the page";
  EXPECT_EQ(got.regions[0].slot, kSlot + 16);
}

TEST_F(RemoteMemory, ArraysArriveWithRightsThatWork) {
  const Name q = client.port();
  const Name o = client.port();
  ASSERT_EQ(send({array(kMakeSend, {q, MACH_PORT_NULL, ipc::kDeadName, q}), array(kMakeOnce, {o})}),
            MACH_MSG_SUCCESS);
  const Received got = server.receive(r);
  ASSERT_EQ(got.regions.size(), 2U);
  const std::vector<Name> names = names_of(got.regions[0].memory);
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(server.state(names[0]), "S2");
  EXPECT_EQ(names[1], MACH_PORT_NULL);
  EXPECT_EQ(names[2], ipc::kDeadName);
  EXPECT_EQ(names[3], names[0]);
  const Name once = names_of(got.regions[1].memory).at(0);
  EXPECT_EQ(server.deallocate(once), KERN_SUCCESS);
  EXPECT_EQ(server.send({.remote = names[0], .remote_type = kMoveSend, .id = 9}), MACH_MSG_SUCCESS);
  run();
  EXPECT_EQ(client.receive(q).header.msgh_id, 9);
  EXPECT_EQ(client.drain(o, MACH_NOTIFY_SEND_ONCE), 1U);
}

TEST_F(RemoteMemory, IsDestroyedWithItsRightsWhereItsPortHasDied) {
  const Name q = client.port();
  EXPECT_EQ(client.send({.remote = x,
                         .remote_type = kCopySend,
                         .bits = MACH_MSGH_BITS_COMPLEX,
                         .items = {memory(Bytes(100)), array(kMakeOnce, {q})}}),
            MACH_MSG_SUCCESS);
  server.destroy(r);
  run();
  EXPECT_EQ(client.drain(q, MACH_NOTIFY_SEND_ONCE), 1U);
  EXPECT_EQ(client.status(q).mps_sorights, 0U);
}

TEST_F(RemoteMemory, IsPaidForByThePeerWhileItIsQueued) {
  ASSERT_EQ(send({memory(Bytes(10'000))}), MACH_MSG_SUCCESS);
  EXPECT_LT(a.world.account.bytes_used(), 10'000U) << "it has left";
  EXPECT_EQ(server.receive(r).regions.size(), 1U);
}

}  // namespace
}  // namespace netmsg::test
