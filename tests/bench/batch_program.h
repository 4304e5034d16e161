// SPDX-License-Identifier: Apache-2.0
// Calls by the dozen through netmsg_msgv: a server that takes what there is and answers all of it, and a client that sends
// kInFlight requests and receives their answers, each in one call. Queues hold MACH_PORT_QLIMIT_MAX messages, so both
// sides have kPorts ports in a set. And messages one way by the thousand: a program that fills the queues of all its ports,
// and one that takes what there is. A process calls join() (mach_program.h) before anything else.
#pragma once

#include <mach.h>
#include <netmsg.h>

#include <array>
#include <string>
#include <vector>

#include "tests/bench/crew.h"

namespace netmsg::bench {

inline constexpr unsigned kInFlight = 64;
inline constexpr unsigned kPorts = kInFlight / MACH_PORT_QLIMIT_MAX;
using PortSet = std::array<mach_port_t, kPorts>;

// Ports, checked in under the name and their number, that answer until the process is killed.
void serve_batches(const std::string& name);

class BatchCaller {
 public:
  // Waits until the server's names are there.
  explicit BatchCaller(const std::string& server);
  // kInFlight calls.
  void call();

 private:
  struct Message {
    mach_msg_header_t head;
    char body[64 - sizeof(mach_msg_header_t)];
  };

  void introduce(unsigned port);
  netmsg_operation_t request(unsigned index);
  netmsg_operation_t answer(unsigned index);

  PortSet services_{};
  PortSet replies_{};
  mach_port_t set_;  // of the latter
  std::vector<Message> messages_{2 * kInFlight};
  std::vector<netmsg_operation_t> operations_{2 * kInFlight};
};

// A set of so many ports, checked in under the name and their number, whose messages are taken and counted for the crew until
// the process is killed.
[[noreturn]] void take_batches(Crew& crew, const std::string& name, unsigned ports);

class BatchSender {
 public:
  // Waits until the server's names are there. `host_name`: where it is, "" for this host.
  BatchSender(const std::string& server, const std::string& host_name, unsigned ports);
  // To each port as many messages as its queue holds, each as soon as there is room.
  void send();

 private:
  struct Message {
    mach_msg_header_t head;
    char body[64 - sizeof(mach_msg_header_t)];
  };

  std::vector<mach_port_t> services_;
  std::vector<Message> messages_;
  std::vector<netmsg_operation_t> operations_;
};

}  // namespace netmsg::bench
