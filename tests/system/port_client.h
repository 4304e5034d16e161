// SPDX-License-Identifier: Apache-2.0
// The test's side of port_server: this process becomes a client of one host, and talks to a port_server on
// the same host or on another one. Uses the public C interface only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/host.h"
#include "tests/support/mach_message.h"
#include "tests/system/name_state.h"
#include "tests/system/port_server.h"

namespace netmsg::test {

// The host of a program whose cases need one only.
Host& here();
// The hosts of a program whose cases need two.
TwoHosts& here_and_there();

// The library attaches on first use and then stays with that daemon: once for a process.
void become_client_of(const Host& host);

// One mach_msg of the calling thread, through the library.
mach_msg_return_t send_message(const Outgoing& message, mach_msg_option_t option = 0, mach_port_t notify = 0);
struct ReceivedMessage {
  mach_msg_return_t code;
  mach_msg_header_t header;
  std::vector<std::uint32_t> values;
};
// The same, and the buffer afterwards: where the message came back (spec 03 §5), what it came back as.
ReceivedMessage send_for_result(const Outgoing& message, mach_msg_option_t option = 0,
                                mach_port_t notify = 0);
ReceivedMessage receive_message(mach_port_t port, unsigned timeout_ms = 0, mach_msg_option_t option = 0,
                                mach_port_t notify = 0);

mach_port_t new_port();
// The state of a right that a message brought to a port_server, in that server's space.
std::string state_of(const BroughtRight& right);
// Messages with this id among all that can be taken from `port` now.
unsigned drain(mach_port_t port, mach_msg_id_t id);
kern_return_t request_death(mach_port_t name, mach_port_t notify);

class PortServerClient {
 public:
  // Starts a port_server, checked in as `name`, on `server_host`; this process becomes a client of `own_host`
  // (once and for all).
  PortServerClient(const Host& own_host, const Host& server_host, const std::string& name = "port server");

  mach_port_t new_port() { return right(Ask::kNew); }
  mach_port_t send_right() { return right(Ask::kSend); }
  mach_port_t send_once_right() { return right(Ask::kSendOnce); }
  mach_port_t task_port() { return right(Ask::kTask); }
  std::vector<std::uint32_t> ask(Ask what, std::initializer_list<std::uint32_t> values = {});
  ReceivedValues receive(std::uint32_t timeout_ms, bool notify = false);
  ReceivedValues race(std::uint32_t receive_delay_ns, std::uint32_t destroy_delay_ns, bool wholly);
  Process& process() { return server_; }

 private:
  mach_port_t right(Ask what);
  ReceivedMessage call(Ask what, std::initializer_list<std::uint32_t> values);

  Process server_;
  mach_port_t control_ = MACH_PORT_NULL;
  mach_port_t reply_ = MACH_PORT_NULL;
};

}  // namespace netmsg::test
