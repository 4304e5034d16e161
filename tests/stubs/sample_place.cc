// SPDX-License-Identifier: Apache-2.0
#include "tests/stubs/sample_place.h"

#include <gtest/gtest.h>
#include <servers/netname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/stubs/sample.h"
#include "tests/system/port_client.h"

namespace netmsg::test {

namespace {

constexpr char kName[] = "sample";
constexpr mach_msg_size_t kSizeMax = 4096;
constexpr mach_msg_timeout_t kPauseMs = 20;

// Until the port dies, with pauses as a server makes that has other things to do.
void serve(mach_port_t port) {
  mach_msg_return_t code = MACH_RCV_TIMED_OUT;
  while (code == MACH_RCV_TIMED_OUT)
    code = mach_msg_server_timeout(sample_server, kSizeMax, port, MACH_RCV_TIMEOUT, kPauseMs);
  EXPECT_TRUE(code == MACH_RCV_PORT_DIED || code == MACH_RCV_INVALID_NAME) << mach_error_string(code);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Place place) {
  constexpr const char* kNames[] = {"SameTask", "SameHost", "OtherHost"};
  return out << kNames[static_cast<int>(place)];
}

TwoHosts& hosts() {
  static TwoHosts both;
  become_client_of(both.a);
  return both;
}

SampleServer::SampleServer(Place place) {
  const Host& host = place == Place::kOtherHost ? hosts().b : hosts().a;
  if (place == Place::kSameTask) {
    port_ = new_port();
    mach_port_insert_right(mach_task_self(), port_, port_, MACH_MSG_TYPE_MAKE_SEND);
    EXPECT_EQ(netname_check_in(name_server_port, kName, mach_task_self(), port_), NETNAME_SUCCESS);
    thread_ = std::thread(serve, port_);
    return;
  }
  process_ = std::make_unique<Process>(std::vector<std::string>{SAMPLE_PROGRAM, kName}, host.environment());
  const bool found = eventually([&] {
    port_ = look_up();
    return port_ != MACH_PORT_NULL;
  });
  if (!found) throw std::runtime_error("no sample server: " + process_->output());
}

SampleServer::~SampleServer() {
  if (thread_.joinable()) {
    netname_check_out(name_server_port, kName, mach_task_self());
    mach_port_mod_refs(mach_task_self(), port_, MACH_PORT_RIGHT_RECEIVE, -1);
    thread_.join();
  } else {
    process_->stop(SIGKILL);
  }
  mach_port_destroy(mach_task_self(), port_);
}

mach_port_t SampleServer::look_up() {
  mach_port_t port = MACH_PORT_NULL;
  netname_look_up(name_server_port, "*", kName, &port);
  return port;
}

mach_port_t once_right(mach_port_t port) {
  mach_port_t once = MACH_PORT_NULL;
  mach_msg_type_name_t type = 0;
  EXPECT_EQ(mach_port_extract_right(mach_task_self(), port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &type),
            KERN_SUCCESS);
  return once;
}

unsigned names_held(mach_port_type_t kinds) {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t name_count = 0, type_count = 0;
  EXPECT_EQ(mach_port_names(mach_task_self(), &names, &name_count, &types, &type_count), KERN_SUCCESS);
  const auto held = std::count_if(types, types + type_count,
                                  [kinds](mach_port_type_t type) { return (type & kinds) != 0; });
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(names), name_count * sizeof *names);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(types), type_count * sizeof *types);
  return static_cast<unsigned>(held);
}

bool in_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace netmsg::test
