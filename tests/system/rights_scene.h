// SPDX-License-Identifier: Apache-2.0
// One name in the state that a cell of spec 04 §3 wants, through the C interface: the receive right here, or
// at a port_server on this host or on another one.
#pragma once

#include <string>

#include "tests/system/port_client.h"

namespace netmsg::test {

class RightsScene {
 public:
  RightsScene(PortServerClient& server, const std::string& state) : server_(server) {
    const auto count = static_cast<unsigned>(state.back() - '0');
    if (state[0] == 'R') {
      x = new_port();
      for (unsigned i = 0; state != "R" && i < count; ++i) {
        mach_port_insert_right(mach_task_self(), x, x, MACH_MSG_TYPE_MAKE_SEND);
      }
    } else if (state == "S1" || state == "S2") {
      x = server.new_port();
      if (count == 2) server.send_right();
      at_server_ = true;
    } else if (state == "SO") {
      mach_port_deallocate(mach_task_self(), server.new_port());
      x = server.send_once_right();
      at_server_ = true;
    } else if (state[0] == 'D') {
      mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &x);
      mach_port_mod_refs(mach_task_self(), x, MACH_PORT_RIGHT_DEAD_NAME, static_cast<int>(count) - 1);
    } else if (state == "PS") {
      mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &x);
    } else {
      x = new_port();
      mach_port_destroy(mach_task_self(), x);
    }
  }
  ~RightsScene() {
    mach_port_destroy(mach_task_self(), x);
    mach_port_destroy(mach_task_self(), notify);
  }
  RightsScene(const RightsScene&) = delete;
  RightsScene& operator=(const RightsScene&) = delete;

  // The message that waits at the port, seen by the holder of its receive right. Where the port is at a
  // server: local and remote field as Field, P being the port.
  ReceivedValues receive(unsigned timeout_ms) {
    if (at_server_) return server_.receive(timeout_ms);
    const ReceivedMessage got = receive_message(x, timeout_ms);
    const mach_port_t remote = got.header.msgh_remote_port;
    ReceivedValues values{};
    values.code = static_cast<std::uint32_t>(got.code);
    values.bits = got.header.msgh_bits;
    values.local_is = got.header.msgh_local_port == x ? kFieldP : kFieldOther;
    values.remote_is = remote == x ? kFieldP : kFieldOther;
    return values;
  }
  bool at_server() const { return at_server_; }

  mach_port_t x = MACH_PORT_NULL;
  mach_port_t notify = new_port();

 private:
  PortServerClient& server_;
  bool at_server_ = false;
};

}  // namespace netmsg::test
