// SPDX-License-Identifier: Apache-2.0
// The name service of two real daemons, through the C interface (cases of spec 08). Host a, which this
// process is a client of, knows a third peer that is never up. The rules themselves are tested in
// unit/names.
#include <gtest/gtest.h>
#include <servers/netname.h>
#include <signal.h>

#include "tests/system/port_client.h"

namespace netmsg::test {
namespace {

constexpr const char* kServerName = "port server";

// Two hosts in a session, and the address of one that is not there.
struct Net {
  std::uint16_t port_a = free_port();
  std::uint16_t port_b = free_port();
  Host a{"a", port_a, {{"b", port_b}, {"down", free_port()}}, {"--look-up-timeout-ms=1500"}};
  Host b{"b", port_b, {{"a", port_a}}};
  Net() {
    if (!a.connected_to("b")) throw std::runtime_error("no session between the hosts");
  }
};

Net& net() {
  static Net only;
  return only;
}

struct Found {
  kern_return_t code;
  mach_port_t port = 4711;
};

Found look_up(const char* host, const char* name) {
  Found found{};
  found.code = netname_look_up(name_server_port, host, name, &found.port);
  return found;
}

class NameService : public testing::Test {
 protected:
  static void SetUpTestSuite() { become_client_of(net().a); }
  void TearDown() override { EXPECT_EQ(balanced({&net().a, &net().b}), ""); }
};

// The four registered ports of this task, given up again: "NULL" or what the name denotes.
std::vector<std::string> registered_ports() {
  mach_port_array_t ports = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_EQ(mach_ports_lookup(mach_task_self(), &ports, &count), KERN_SUCCESS);
  std::vector<std::string> told;
  for (mach_msg_type_number_t i = 0; i < count; ++i) {
    told.push_back(ports[i] == MACH_PORT_NULL     ? "NULL"
                   : ports[i] == name_server_port ? "name service"
                                                  : "another");
    if (MACH_PORT_VALID(ports[i])) mach_port_deallocate(mach_task_self(), ports[i]);
  }
  EXPECT_EQ(vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(ports), count * sizeof *ports),
            KERN_SUCCESS);
  return told;
}

// 08.14: every task has it from its start, as its first registered port, until it registers something else.
TEST_F(NameService, IsTheFirstRegisteredPort) {
  using Ports = std::vector<std::string>;
  EXPECT_EQ(registered_ports(), Ports({"name service", "NULL", "NULL", "NULL"}));
  ASSERT_EQ(mach_ports_register(mach_task_self(), nullptr, 0), KERN_SUCCESS);
  EXPECT_EQ(registered_ports(), Ports(4, "NULL"));
  ASSERT_EQ(mach_ports_register(mach_task_self(), &name_server_port, 1), KERN_SUCCESS);
  EXPECT_EQ(registered_ports(), Ports({"name service", "NULL", "NULL", "NULL"}));
  Found found{};
  found.code = netname_look_up(MACH_PORT_NULL, "", "NameServer", &found.port);
  EXPECT_EQ(found.code, MACH_SEND_INVALID_DEST) << "without one";
}

// 08.10: found by the host's name, talked to, and dead with its process.
TEST_F(NameService, APortOfAnotherHost) {
  PortServerClient server(net().a, net().b);
  const Found first = look_up("b", kServerName);
  ASSERT_EQ(first.code, NETNAME_SUCCESS);
  EXPECT_EQ(look_up("B", "PORT SERVER").port, first.port) << "the same port, the same name";
  const mach_port_t port = server.new_port();
  EXPECT_EQ(send_message({.remote = port, .remote_type = MACH_MSG_TYPE_COPY_SEND, .id = 810}),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(server.receive(5000).id, 810U);
  server.process().stop(SIGKILL);
  EXPECT_TRUE(eventually([&] { return state_of(first.port)[0] == 'D'; }));
  EXPECT_TRUE(eventually([] { return look_up("b", kServerName).code == NETNAME_NOT_CHECKED_IN; }));
  for (const mach_port_t name : {first.port, port}) mach_port_destroy(mach_task_self(), name);
}

// 08.10, 08.11: each reason for which there is no port has its code, and none of them brings a name.
TEST_F(NameService, TheCodesOfHosts) {
  struct Row {
    const char* host;
    kern_return_t code;
  };
  const Row rows[] = {{"b", NETNAME_NOT_CHECKED_IN},
                      {"", NETNAME_NOT_CHECKED_IN},
                      {"no.such.host.invalid", NETNAME_NO_SUCH_HOST},
                      {"down", NETNAME_HOST_NOT_FOUND},
                      {"*", NETNAME_HOST_NOT_FOUND}};
  for (const Row& row : rows) {
    const Found found = look_up(row.host, "nobody has this name");
    EXPECT_EQ(found.code, row.code) << row.host;
    EXPECT_EQ(found.port, static_cast<mach_port_t>(MACH_PORT_NULL)) << row.host;
  }
}

// 08.11
TEST_F(NameService, EverybodyIsAskedAndOneHasIt) {
  PortServerClient server(net().a, net().b);
  const Found found = look_up("*", kServerName);
  ASSERT_EQ(found.code, NETNAME_SUCCESS);
  EXPECT_EQ(look_up("b", kServerName).port, found.port) << "by whatever route";
  mach_port_destroy(mach_task_self(), found.port);
}

// 08.1, 08.5, 08.8
TEST_F(NameService, CheckInLookUpCheckOut) {
  const mach_port_t port = new_port();
  ASSERT_EQ(netname_check_in(name_server_port, "here", mach_task_self(), port), NETNAME_SUCCESS);
  for (const char* state : {"R+S1", "R+S2", "R+S3"}) {
    EXPECT_EQ(look_up("", "HERE").port, port);
    EXPECT_EQ(state_of(port), state);
  }
  EXPECT_EQ(netname_check_in(name_server_port, "here", MACH_PORT_NULL, port), NETNAME_NOT_YOURS);
  EXPECT_EQ(netname_check_out(name_server_port, "here", MACH_PORT_NULL), NETNAME_NOT_YOURS);
  EXPECT_EQ(netname_check_in(name_server_port, "here", mach_task_self(), MACH_PORT_NULL),
            NETNAME_INVALID_PORT);
  EXPECT_EQ(netname_check_in(name_server_port, "here", mach_task_self(), mach_task_self()),
            MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(netname_check_out(name_server_port, "here", mach_task_self()), NETNAME_SUCCESS);
  EXPECT_EQ(look_up("", "here").code, NETNAME_NOT_CHECKED_IN);
  mach_port_destroy(mach_task_self(), port);
}

// 08.6: the owner is killed; the name goes with it.
TEST_F(NameService, ANameEndsWithItsOwner) {
  PortServerClient server(net().a, net().a);
  EXPECT_EQ(look_up("", kServerName).code, NETNAME_SUCCESS);
  server.process().stop(SIGKILL);
  EXPECT_TRUE(eventually([] { return look_up("", kServerName).code == NETNAME_NOT_CHECKED_IN; }));
}

// 08.9: a local name is found by every name of this host, and nobody else is asked.
TEST_F(NameService, ThisHostByItsNames) {
  const mach_port_t port = new_port();
  ASSERT_EQ(netname_check_in(name_server_port, "mine", mach_task_self(), port), NETNAME_SUCCESS);
  for (const char* host : {"", "a", "A", "*"}) EXPECT_EQ(look_up(host, "mine").port, port) << host;
  mach_port_destroy(mach_task_self(), port);
}

// 08.15
TEST_F(NameService, TheServersOwnNames) {
  for (const char* name : {"NM_ACTIVE", "NameServer", "nameserver", "NMMonitor", "NMControl"})
    EXPECT_EQ(look_up("", name).port, name_server_port) << name;
  netname_wait_for_server();
  netname_name_t version;
  EXPECT_EQ(netname_version(name_server_port, version), NETNAME_SUCCESS);
  EXPECT_NE(std::string(version), "");
}

}  // namespace
}  // namespace netmsg::test
