// SPDX-License-Identifier: Apache-2.0
// The name service through stubs of <servers/netname.defs>: their calls on the daemon, and the library's calls on a
// server that they take the requests apart for.
#include <gtest/gtest.h>
#include <mach.h>

#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "tests/stubs/netname_stubs.h"
#include "tests/stubs/sample_place.h"
#include "tests/system/port_client.h"

namespace {

// A name service of the test's own: it keeps the rights, and signatures are not looked at.
std::map<std::string, mach_port_t> entries;

}  // namespace

extern "C" {

kern_return_t do_netname_check_in(mach_port_t, const_netname_name_t port_name, mach_port_t signature,
                                  mach_port_t port_id) {
  mach_port_deallocate(mach_task_self(), signature);
  entries[port_name] = port_id;
  return NETNAME_SUCCESS;
}
kern_return_t do_netname_look_up(mach_port_t, const_netname_name_t host_name, const_netname_name_t port_name,
                                 mach_port_t* port_id) {
  const auto found = entries.find(port_name);
  if (std::string(host_name) != "here") return NETNAME_HOST_NOT_FOUND;
  if (found == entries.end()) return NETNAME_NOT_CHECKED_IN;
  *port_id = found->second;
  return mach_port_mod_refs(mach_task_self(), *port_id, MACH_PORT_RIGHT_SEND, 1);
}
// A function that fails leaves what it was given to the server's loop.
kern_return_t do_netname_check_out(mach_port_t, const_netname_name_t port_name, mach_port_t signature) {
  const auto entry = entries.extract(port_name);
  if (entry.empty()) return NETNAME_NOT_CHECKED_IN;
  mach_port_deallocate(mach_task_self(), entry.mapped());
  return mach_port_deallocate(mach_task_self(), signature);
}
kern_return_t do_netname_version(mach_port_t, netname_name_t version) {
  std::strcpy(version, "of the test");
  return NETNAME_SUCCESS;
}

}  // extern "C"

namespace netmsg::test {
namespace {

// 08.13
TEST(NetnameStubs, CallTheNameService) {
  hosts();
  const mach_port_t port = new_port();
  mach_port_t found = MACH_PORT_NULL;
  netname_name_t version = "";
  EXPECT_EQ(stub_netname_version(name_server_port, version), NETNAME_SUCCESS);
  EXPECT_STRNE(version, "");
  EXPECT_EQ(stub_netname_check_in(name_server_port, "by a stub", mach_task_self(), port), NETNAME_SUCCESS);
  EXPECT_EQ(stub_netname_look_up(name_server_port, "", "By A Stub", &found), NETNAME_SUCCESS);
  EXPECT_EQ(found, port);
  EXPECT_EQ(stub_netname_check_out(name_server_port, "by a stub", mach_task_self()), NETNAME_SUCCESS);
  EXPECT_EQ(stub_netname_look_up(name_server_port, "", "by a stub", &found), NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(stub_netname_check_in(name_server_port, "another's", mach_task_self(), name_server_port),
            MACH_SEND_INVALID_RIGHT)
      << "whoever checks a port in has its receive right";
  mach_port_destroy(mach_task_self(), port);
}

// 08.13
TEST(NetnameStubs, ServeTheLibrarysCalls) {
  hosts();
  const mach_port_t service = new_port(), port = new_port();
  mach_port_insert_right(mach_task_self(), service, service, MACH_MSG_TYPE_MAKE_SEND);
  std::thread server([service] { mach_msg_server(netname_server, 512, service); });
  mach_port_t found = MACH_PORT_NULL;
  netname_name_t version = "";
  EXPECT_EQ(netname_version(service, version), NETNAME_SUCCESS);
  EXPECT_STREQ(version, "of the test");
  EXPECT_EQ(netname_check_in(service, "entry", mach_task_self(), port), NETNAME_SUCCESS);
  EXPECT_EQ(netname_look_up(service, "here", "entry", &found), NETNAME_SUCCESS);
  EXPECT_EQ(found, port);
  EXPECT_EQ(state_of(port), "R+S2") << "the server's right and the one that was looked up";
  EXPECT_EQ(netname_look_up(service, "elsewhere", "entry", &found), NETNAME_HOST_NOT_FOUND);
  EXPECT_EQ(netname_check_out(service, "entry", mach_task_self()), NETNAME_SUCCESS);
  EXPECT_EQ(netname_check_out(service, "entry", mach_task_self()), NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(state_of(port), "R+S1");
  mach_port_destroy(mach_task_self(), service);
  server.join();
  mach_port_destroy(mach_task_self(), port);
}

}  // namespace
}  // namespace netmsg::test
