// SPDX-License-Identifier: Apache-2.0
// Random programs on two hosts over a slow network, with and without cuts: after every step all rights of
// both hosts add up; when all programs have ended nothing is left in any table. A failure is a seed.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/scale.h"
#include "tests/support/seed.h"
#include "tests/unit/proxy/two_hosts.h"

namespace netmsg::test {
namespace {

using std::chrono::milliseconds;

class RandomPrograms : public TwoHosts {
 protected:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random() % below); }

  Name any_name(Host& host, Task& task) {
    const std::vector<ipc::PortRow> rows = host.world.engine.ports(task.space());
    return rows.empty() || pick(8) == 0 ? pick(3) : rows[pick(static_cast<unsigned>(rows.size()))].name;
  }

  // Any disposition, fitting or not.
  void send(Host& host, Task& task) {
    Outgoing message{.remote = any_name(host, task), .remote_type = 17 + pick(5), .id = 1000};
    if (pick(3) != 0) {
      message.local = any_name(host, task);
      message.local_type = 17 + pick(5);
    }
    for (unsigned rest = pick(3); rest > 0; --rest) {
      message.items.push_back(rights(17 + pick(5), {any_name(host, task)}));
    }
    task.send(message);
  }

  void receive(Host& host, Task& task) {
    task.receive(any_name(host, task), pick(2) == 0 ? MACH_RCV_NOTIFY : 0, any_name(host, task));
  }

  void act(Host& host, Task& task) {
    switch (pick(10)) {
      case 0:
        task.port_with_sends(1 + pick(2));
        break;
      case 1:
        task.deallocate(any_name(host, task));
        break;
      case 2:
        task.destroy(any_name(host, task));
        break;
      case 3:
        task.request(any_name(host, task), pick(2) == 0 ? 70 : 72, any_name(host, task), pick(2));
        break;
      case 4:
      case 5:
      case 6:
        receive(host, task);
        break;
      default:
        send(host, task);
        break;
    }
  }

  // Rights of each other's programs to begin with.
  void introduce(Host& host, Task& task, Host& other_host, Task& other) {
    give_across(host, task, task.port_with_sends(1), MACH_MSG_TYPE_COPY_SEND, other_host, other);
  }

  static void gather(Host& host, bool on) {
    host.gathers = on;
    if (!on) host.link->write();
  }
  void gather_none() {
    for (Host* host : {&a, &b}) gather(*host, false);
  }
  // For some time a host writes for each event, then for several.
  void gather_or_write(Host& host) {
    if (pick(50) == 0) gather(host, !host.gathers);
    if (host.gathers && pick(8) == 0) host.link->write();
  }

  void play(std::uint32_t seed, int steps, bool cuts) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random.seed(seed);
    Task& client = a.task("client");
    Task& server = b.task("server");
    introduce(a, client, b, server);
    introduce(b, server, a, client);
    for (int step = 0; step < steps; ++step) {
      switch (pick(4)) {
        case 0:
          act(a, client);
          break;
        case 1:
          act(b, server);
          break;
        default:
          network.step(pick(2) == 0 ? "a" : "b");
          break;
      }
      for (Host* host : {&a, &b}) gather_or_write(*host);
      check();
      if (pick(100) == 0) advance(milliseconds(pick(20)));
      if (!cuts || pick(300) != 0) continue;
      const bool lose = pick(2) == 0;
      if (pick(3) != 0) {
        network.cut(lose);  // the session goes on, and nothing is lost
        gather_none();
        reconnect();
        continue;
      }
      part(lose);
      gather_none();
      reconnect();
      introduce(a, client, b, server);
      introduce(b, server, a, client);
    }
    gather_none();
    run();
    reconnect();
    run();
    EXPECT_EQ(a.row().proxies, b.row().exports);
    EXPECT_EQ(b.row().proxies, a.row().exports);
    client.die();
    server.die();
    expect_nothing_left();
  }

  void expect_nothing_left() {
    run();
    advance(milliseconds(20));
    run();
    for (Host* host : {&a, &b}) {
      host->names.drain(host->names_port, 0);
      run();
      EXPECT_EQ(host->row().proxies, 1U) << "the name service's";
      EXPECT_EQ(host->row().exports, 1U);
      EXPECT_EQ(host->row().send_once_units, 0U);
      EXPECT_EQ(host->row().state, "open") << host->row().last_error;
    }
  }

  std::mt19937 random;
};

// The scale cuts steps; each case is one world.
TEST_F(RandomPrograms, NeverLoseARight) {
  play(test_seed(), scaled(30000), false);
}
TEST_F(RandomPrograms, NeverLoseARightThoughTheNetworkBreaks) {
  play(test_seed(), scaled(30000), true);
}
TEST_F(RandomPrograms, WithAFixedSeed) {
  play(1, scaled(5000), true);
}

}  // namespace
}  // namespace netmsg::test
