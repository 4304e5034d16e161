// SPDX-License-Identifier: Apache-2.0
// Acceptance case A5 (spec 04 §8): every cell of the table of 04 §3, with and without a dead-name request on
// the name.
#include <gtest/gtest.h>
#include <mach/notify.h>

#include "daemon/ipc/port.h"
#include "tests/support/engine_world.h"
#include "tests/support/same_name_table.h"

namespace netmsg::test {
namespace {

// One name x in the state of the cell, the port behind it with its receive right in `client` or in `server`.
struct Scene {
  World world;
  Task& client = world.task("client");
  Task& server = world.task("server");
  Name x = 0;
  Name home = 0;  // the server's name of the port, 0 if the client has the receive right
  Name notify = client.port();

  explicit Scene(const std::string& before) {
    if (before[0] == 'R') {
      x = client.port_with_sends(before.size() > 1 ? static_cast<unsigned>(before.back() - '0') : 0);
    } else if (before[0] == 'S' && before != "SO") {
      home = server.port();
      for (char n = '0'; n < before.back(); ++n) x = server.give_send(client, home);
    } else if (before == "SO") {
      home = server.port();
      x = server.give_send_once(client, home);
    } else if (before == "DN1") {
      x = client.dead_name(1);
    } else if (before == "PS") {
      x = client.port_set();
    } else {
      x = client.port();
      client.destroy(x);
    }
  }

  mach_port_status_t status() { return home != 0 ? server.status(home) : client.status(x); }
  // The port's own count of send rights.
  std::uint32_t srights() {
    const ipc::Event event(world.engine);
    Task& holder = home != 0 ? server : client;
    const auto one_more = world.engine.copy_send(holder.space(), home != 0 ? home : x);
    return one_more.value().port()->srights() - 1;
  }
  bool has_port() const { return home != 0 || client_state()[0] == 'R'; }
  std::string client_state() const { return const_cast<Scene*>(this)->client.state(x); }
};

unsigned makes(const SameNameCell& cell) {
  return (cell.destination == MACH_MSG_TYPE_MAKE_SEND) + (cell.reply == MACH_MSG_TYPE_MAKE_SEND);
}

unsigned send_onces(const SameNameCell& cell) {
  return (cell.destination == MACH_MSG_TYPE_MAKE_SEND_ONCE) + (cell.reply == MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

bool has_send(const std::string& state) {
  return state.find("S1") != std::string::npos || state.find("S2") != std::string::npos;
}

// 04 §3, port counters: what the message holds, less what the entry lost.
int srights_gained(const SameNameCell& cell) {
  const int in_message = 2 - static_cast<int>(send_onces(cell));
  return in_message - (has_send(cell.before) ? 1 : 0) + (has_send(cell.after) ? 1 : 0);
}

Outgoing message_for(const SameNameCell& cell, Name x) {
  return {.remote = x, .remote_type = cell.destination, .local = x, .local_type = cell.reply};
}

void check_counts(Scene& scene, const SameNameCell& cell, const mach_port_status_t& before,
                  std::uint32_t srights) {
  if (!scene.has_port()) return;
  const mach_port_status_t after = scene.status();
  const bool sent = cell.code == MACH_MSG_SUCCESS;
  EXPECT_EQ(after.mps_mscount, before.mps_mscount + (sent ? makes(cell) : 0));
  EXPECT_EQ(after.mps_sorights, before.mps_sorights + (sent ? send_onces(cell) : 0));
  EXPECT_EQ(after.mps_msgcount, sent ? 1U : 0U);
  EXPECT_EQ(scene.srights(), srights + static_cast<std::uint32_t>(sent ? srights_gained(cell) : 0));
}

void run(const SameNameCell& cell, bool with_request) {
  SCOPED_TRACE(std::string(disposition_name(cell.destination)) + " / " + disposition_name(cell.reply) +
               " on " + cell.before + (with_request ? " with a request" : ""));
  Scene scene(cell.before);
  const bool requested =
      with_request && scene.client.request(scene.x, MACH_NOTIFY_DEAD_NAME, scene.notify) == KERN_SUCCESS;
  const mach_port_status_t before = scene.has_port() ? scene.status() : mach_port_status_t{};
  const std::uint32_t srights = scene.has_port() ? scene.srights() : 0;
  const std::uint64_t digest = scene.world.engine.digest();

  EXPECT_EQ(scene.client.send(message_for(cell, scene.x)), cell.code);
  EXPECT_EQ(scene.client.state(scene.x), cell.after);
  check_counts(scene, cell, before, srights);
  if (cell.code != MACH_MSG_SUCCESS) {
    EXPECT_EQ(scene.world.engine.digest(), digest) << "a refusal changed something";
  }
  const bool freed = cell.after == "free" && cell.before != "free";
  EXPECT_EQ(scene.client.drain(scene.notify, MACH_NOTIFY_PORT_DELETED), requested && freed ? 1U : 0U);
}

TEST(A5, EveryCellOfTheSameNameTable) {
  const std::vector<SameNameCell> cells = same_name_table();
  ASSERT_EQ(cells.size(), 225U);
  for (const SameNameCell& cell : cells) run(cell, false);
}

TEST(A5, EveryCellWithADeadNameRequestOnTheName) {
  for (const SameNameCell& cell : same_name_table()) run(cell, true);
}

TEST(A5, TheMessageCarriesBothRights) {
  for (const SameNameCell& cell : same_name_table()) {
    if (cell.code != MACH_MSG_SUCCESS) continue;
    SCOPED_TRACE(std::string(disposition_name(cell.destination)) + " / " + disposition_name(cell.reply));
    Scene scene(cell.before);
    ASSERT_EQ(scene.client.send(message_for(cell, scene.x)), MACH_MSG_SUCCESS);
    Task& receiver = scene.home != 0 ? scene.server : scene.client;
    const Name port = scene.home != 0 ? scene.home : scene.x;
    const Received got = receiver.receive(port);
    ASSERT_EQ(got.code, MACH_MSG_SUCCESS);
    EXPECT_EQ(got.header.msgh_local_port, port);
    const bool once = cell.reply == MACH_MSG_TYPE_MAKE_SEND_ONCE;
    EXPECT_EQ(MACH_MSGH_BITS_REMOTE(got.header.msgh_bits),
              once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND);
    if (once) {
      EXPECT_EQ(receiver.state(got.header.msgh_remote_port), "SO");
    } else {
      EXPECT_EQ(got.header.msgh_remote_port, port);
    }
  }
}

}  // namespace
}  // namespace netmsg::test
