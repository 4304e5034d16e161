// SPDX-License-Identifier: Apache-2.0
// What netmsgctl can ask: one function for each command. Each prints its answer
// on standard output (a table, or the JSON form of the reply in control.proto)
// or what is wrong on standard error, and returns the exit status.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace netmsg::ctl {

enum ExitStatus : int {
  kOk = 0,
  kRefused = 1,     // the daemon says no: no such task, name or port
  kUsage = 2,       // wrong arguments
  kNoAnswer = 3,    // no daemon there, or it does not answer in time
  kImbalance = 4,   // audit: rights do not add up
  kNotSettled = 5,  // settle: time limit
};

// UID, or TASK:NAME.
struct PortArgument {
  std::string uid;  // empty: the others
  std::uint64_t task = 0;
  std::uint32_t name = 0;
};
// False if it is neither in form.
bool read_port(const std::string& text, PortArgument& port);

struct Request {
  std::vector<std::string> controls;  // sockets; exactly one, but for settle and why
  bool json = false;
  std::uint64_t task = 0;                       // ports: 0 is all
  PortArgument port;                            // port, why
  std::chrono::milliseconds time_limit{10000};  // settle
};

int status(const Request& request);
int tasks(const Request& request);
int ports(const Request& request);
int port(const Request& request);
int why(const Request& request);
int peers(const Request& request);
int names(const Request& request);
int audit(const Request& request);
int settle(const Request& request);

}  // namespace netmsg::ctl
