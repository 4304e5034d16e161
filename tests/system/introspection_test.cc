// SPDX-License-Identifier: Apache-2.0
// What netmsgctl tells of ports that several hosts have rights to: this process is a client of host a, the ports live
// on host b, and host c holds rights, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <servers/netname.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "netmsg/v1/control.pb.h"
#include "tests/support/control_json.h"
#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

struct ThreeHosts {
  std::uint16_t port_a = free_port();
  std::uint16_t port_b = free_port();
  std::uint16_t port_c = free_port();
  Host a{"a", port_a, {{"b", port_b}}};
  Host b{"b", port_b, {{"a", port_a}, {"c", port_c}}};
  Host c{"c", port_c, {{"b", port_b}}};
  ThreeHosts() {
    if (!a.connected_to("b") || !b.connected_to("c"))
      throw std::runtime_error("no sessions between the hosts");
  }
};

ThreeHosts& hosts() {
  static ThreeHosts three;
  return three;
}

std::string here_as(mach_port_t name) {
  return std::to_string(task_of(hosts().a, static_cast<int>(::getpid()))) + ":" + std::to_string(name);
}

v1::PortView port(const std::string& port) {
  return told<v1::PortView>(hosts().a.control({"--json", "port", port}));
}

v1::WhyReply why(const std::string& port, const std::vector<const Host*>& others) {
  std::vector<std::string> arguments = {"--json", "why", port};
  for (const Host* other : others) arguments.insert(arguments.end(), {"--control", other->control_socket()});
  return told<v1::WhyReply>(hosts().a.control(arguments));
}

const v1::PortView* of_host(const v1::WhyReply& reply, const std::string& node) {
  const auto found = std::find_if(reply.hosts().begin(), reply.hosts().end(),
                                  [&](const v1::PortView& view) { return view.node() == node; });
  return found == reply.hosts().end() ? nullptr : &*found;
}

std::uint32_t sends(const v1::PortView& view, v1::Holding::Place place) {
  std::uint32_t sum = 0;
  for (const v1::Holding& holding : view.holdings()) sum += holding.place() == place ? holding.send() : 0;
  return sum;
}

class Introspection : public testing::Test {
 protected:
  static PortServerClient& server() {
    static PortServerClient only(hosts().a, hosts().b);
    return only;
  }
  void SetUp() override { server(); }
  void TearDown() override { EXPECT_EQ(balanced({&hosts().a, &hosts().b, &hosts().c}), ""); }
};

TEST_F(Introspection, APortOfAnotherHostIsAProxyWithAUid) {
  const mach_port_t name = server().new_port();
  const v1::PortView view = port(here_as(name));
  EXPECT_EQ(view.state(), v1::PortView::PROXY);
  EXPECT_EQ(view.home(), "b");
  ASSERT_EQ(view.peers_size(), 1);
  EXPECT_EQ(view.peers(0).received(), 1U);
  EXPECT_EQ(port(view.uid()).uid(), view.uid()) << "and is found by it";
  mach_port_deallocate(mach_task_self(), name);
}

TEST_F(Introspection, APortThatNoOtherHostKnowsHasNone) {
  const mach_port_t own = new_port();
  const v1::PortView view = port(here_as(own));
  EXPECT_EQ(view.state(), v1::PortView::HOME);
  EXPECT_EQ(view.uid(), "");
  EXPECT_EQ(view.name(), own);
  ASSERT_EQ(view.holdings_size(), 1);
  EXPECT_EQ(view.holdings(0).receive(), 1U);
  mach_port_destroy(mach_task_self(), own);
}

// The right of this task, the one that a message in a queue of host b carries, and the receive right there.
TEST_F(Introspection, WhyCountsNamesAndQueuedMessagesOnAllHosts) {
  const mach_port_t name = server().new_port();
  ASSERT_EQ(send_message({.remote = name,
                          .remote_type = MACH_MSG_TYPE_COPY_SEND,
                          .local = name,
                          .local_type = MACH_MSG_TYPE_COPY_SEND}),
            MACH_MSG_SUCCESS);
  const v1::WhyReply reply = why(here_as(name), {&hosts().b, &hosts().c});
  EXPECT_FALSE(reply.moving());
  EXPECT_EQ(reply.not_asked_size(), 0);
  ASSERT_EQ(reply.hosts_size(), 2) << "host c knows nothing of it";
  const v1::PortView& at_home = *of_host(reply, "b");
  const v1::PortView& here = *of_host(reply, "a");
  EXPECT_EQ(at_home.state(), v1::PortView::HOME);
  EXPECT_EQ(at_home.queued(), 1U);
  EXPECT_EQ(sends(at_home, v1::Holding::QUEUE), 2U) << "its destination and its reply right";
  ASSERT_EQ(at_home.peers_size(), 1);
  EXPECT_EQ(at_home.peers(0).granted(), 1U);
  EXPECT_EQ(sends(here, v1::Holding::NAME), 1U);
  EXPECT_EQ(sends(here, v1::Holding::LINK) + sends(at_home, v1::Holding::LINK), 0U)
      << "nothing is on its way";
  server().receive(1000);
  mach_port_deallocate(mach_task_self(), name);
}

TEST_F(Introspection, WhyNamesTheHostsThatWereNotAsked) {
  const mach_port_t name = server().new_port();
  const v1::WhyReply reply = why(here_as(name), {});
  ASSERT_EQ(reply.not_asked_size(), 1);
  EXPECT_EQ(reply.not_asked(0), "b");
  mach_port_deallocate(mach_task_self(), name);
}

// A program of host c holds a right to the server's port, too, and sends to it without pause until it is stopped.
TEST_F(Introspection, WhyMovesWhileASecondHostSendsAndIsAtRestWhenItHasStopped) {
  mach_port_t name = MACH_PORT_NULL;
  ASSERT_EQ(netname_look_up(name_server_port, "b", "port server", &name), NETNAME_SUCCESS);
  Process juggler({JUGGLER_PROGRAM, "1", "b", "juggler"}, hosts().c.environment());
  const auto all = [&] { return why(here_as(name), {&hosts().b, &hosts().c}); };
  EXPECT_TRUE(eventually([&] { return all().moving(); }));
  juggler.signal(SIGSTOP);
  v1::WhyReply reply;
  EXPECT_TRUE(eventually([&] {
    reply = all();
    return !reply.moving();
  }));
  const v1::PortView* at_c = of_host(reply, "c");
  ASSERT_NE(at_c, nullptr);
  EXPECT_EQ(sends(*at_c, v1::Holding::NAME), 1U);
  EXPECT_EQ(of_host(reply, "b")->peers_size(), 2);
  juggler.stop(SIGKILL);
  mach_port_deallocate(mach_task_self(), name);
}

TEST_F(Introspection, ADeadNameSaysWhyItDied) {
  const mach_port_t name = server().new_port();
  server().ask(Ask::kKill);
  ASSERT_TRUE(eventually([&] { return state_of(name) == "DN1"; }));
  EXPECT_EQ(port(here_as(name)).death(), "b: the port has died at its home");
  mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_DEAD_NAME, -1);
}

// The last one: host b is killed.
TEST_F(Introspection, ZANameOfAKilledHostTellsOfTheFenceAndBothSidesOfItsReason) {
  const mach_port_t name = server().new_port();
  hosts().b.restart(SIGKILL);
  ASSERT_TRUE(eventually([&] { return state_of(name) == "DN1"; }));
  EXPECT_THAT(port(here_as(name)).death(),
              testing::StartsWith("b: the session with its home is over (SUPERSEDED: "));
  EXPECT_EQ(peer_row(hosts().a, "b").last_fence().code(), "SUPERSEDED");
}

}  // namespace
}  // namespace netmsg::test
