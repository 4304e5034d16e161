// SPDX-License-Identifier: Apache-2.0
// Clients killed at random points, 200 times (times NETMSG_TEST_SCALE), while they
// juggle rights between two hosts: no right is lost or doubled on either host, and
// whoever watched one of their ports from the other host hears of it within a
// second. And daemons that are killed: the other host learns it, and they come back.
#include <gtest/gtest.h>
#include <servers/netname.h>
#include <signal.h>

#include <random>

#include "tests/support/host.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;
constexpr int kKills = 200;

TwoHosts& hosts() {
  static TwoHosts both;
  return both;
}

class Kills : public testing::Test {
 protected:
  // This process is a client of host a.
  static PortServerClient& server() {
    static PortServerClient only(hosts().a, hosts().b);
    return only;
  }

  // A juggler on one host that plays with a port server on the other one.
  Process start_juggler(bool on_b, const std::string& name) {
    const Host& own = on_b ? hosts().b : hosts().a;
    const Host& other = on_b ? hosts().a : hosts().b;
    return Process({JUGGLER_PROGRAM, std::to_string(random_()), other.name(), name}, own.environment());
  }

  // A send right for the juggler's port, watched; null if it does not come up.
  mach_port_t watch(bool on_b, const std::string& name, mach_port_t notify) {
    mach_port_t port = MACH_PORT_NULL;
    const bool found = eventually([&] {
      return netname_look_up(name_server_port, on_b ? "b" : "a", name.c_str(), &port) == NETNAME_SUCCESS;
    });
    return found && request_death(port, notify) == KERN_SUCCESS ? port : MACH_PORT_NULL;
  }

  std::mt19937 random_{test_seed()};
};

TEST_F(Kills, RightsBalanceAndWatchersHearWithinASecond) {
  Process on_a({PORT_SERVER_PROGRAM, "port server"}, hosts().a.environment());
  server();
  const mach_port_t notify = new_port();
  milliseconds slowest{0};
  for (int kill = 0, kills = scaled(kKills); kill < kills; ++kill) {
    SCOPED_TRACE(kill);
    const bool on_b = kill % 4 != 0;
    const std::string name = "juggler " + std::to_string(kill);
    Process juggler = start_juggler(on_b, name);
    const bool watched = kill % 3 != 0;  // the others are killed before anybody knows them
    const mach_port_t port = watched ? watch(on_b, name, notify) : MACH_PORT_NULL;
    if (watched) {
      ASSERT_NE(port, static_cast<mach_port_t>(MACH_PORT_NULL)) << juggler.output();
    }
    sleep_for(milliseconds(random_() % 30));
    const auto before = std::chrono::steady_clock::now();
    juggler.signal(SIGKILL);
    if (!watched) continue;
    const ReceivedMessage told = receive_message(notify, 5000);
    const auto taken = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - before);
    ASSERT_EQ(told.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
    EXPECT_EQ(told.values.at(0), port);
    EXPECT_EQ(state_of(port), "DN2");
    EXPECT_LT(taken, milliseconds(1000));
    slowest = std::max(slowest, taken);
    mach_port_destroy(mach_task_self(), port);
  }
  RecordProperty("slowest_ms", static_cast<int>(slowest.count()));
  EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
  EXPECT_TRUE(on_a.running() && server().process().running());
}

TEST_F(Kills, AKilledDaemonIsNoticedAndCanBeTalkedToAgainAfterItsRestart) {
  const mach_port_t port = server().new_port();
  const mach_port_t notify = new_port();
  ASSERT_EQ(request_death(port, notify), KERN_SUCCESS);
  hosts().b.restart(SIGKILL);
  const ReceivedMessage told = receive_message(notify, 6000);  // the lease, and some
  EXPECT_EQ(told.header.msgh_id, MACH_NOTIFY_DEAD_NAME);
  EXPECT_EQ(state_of(port), "DN2");
  EXPECT_TRUE(hosts().a.connected_to("b"));
  Process again({PORT_SERVER_PROGRAM, "port server"}, hosts().b.environment());
  mach_port_t found = MACH_PORT_NULL;
  EXPECT_TRUE(eventually(
      [&] { return netname_look_up(name_server_port, "b", "port server", &found) == NETNAME_SUCCESS; }));
  EXPECT_EQ(state_of(found), "S1");
  EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
}

}  // namespace
}  // namespace netmsg::test
