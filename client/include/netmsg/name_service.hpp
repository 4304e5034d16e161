// SPDX-License-Identifier: Apache-2.0
// The name service (spec 08): names for ports, on this host and the others. Names are compared without regard to case
// and cut at 79 characters. Besides the codes below: those of call(). Threads: any.
#pragma once

#include <mach.h>
#include <servers/netname.h>

#include <algorithm>
#include <chrono>
#include <netmsg/receive_right.hpp>
#include <netmsg/result.hpp>
#include <netmsg/send_right.hpp>
#include <netmsg/timeout.hpp>
#include <string>
#include <thread>

namespace netmsg::name_service {

inline constexpr const char* kThisHost = "";
inline constexpr const char* kAnyHost = "*";

// Returns when this host's daemon answers: for programs that may be started before it.
inline void wait() {
  netname_wait_for_server();
}

// Gives a port a name, until the port dies, the program ends, or check_out. NETNAME_NOT_YOURS: another program has
// it; NETNAME_INVALID_PORT, MACH_SEND_INVALID_RIGHT: it is no port.
inline Result<void> check_in(const std::string& name, const ReceiveRight& port) {
  return Result<void>::of(netname_check_in(name_server_port, name.c_str(), mach_task_self(), port.name()));
}

// NETNAME_NOT_CHECKED_IN, NETNAME_NOT_YOURS.
inline Result<void> check_out(const std::string& name) {
  return Result<void>::of(netname_check_out(name_server_port, name.c_str(), mach_task_self()));
}

// A send right for the port of this name on a host: its name or address, kThisHost, or kAnyHost (this one first).
// NETNAME_NOT_CHECKED_IN, NETNAME_NO_SUCH_HOST, NETNAME_HOST_NOT_FOUND.
inline Result<SendRight> look_up(const std::string& name, const std::string& host = kAnyHost) {
  mach_port_t port = MACH_PORT_NULL;
  const kern_return_t code = netname_look_up(name_server_port, host.c_str(), name.c_str(), &port);
  if (code != KERN_SUCCESS) return Error(code);
  return SendRight::adopt(port);
}

// As look_up, but asks again, ten times a second, as long as the name is not there: for clients that may be started
// before their server.
inline Result<SendRight> wait_for(const std::string& name, const std::string& host = kAnyHost,
                                  Timeout timeout = kForever) {
  constexpr std::chrono::nanoseconds kPause = std::chrono::milliseconds(100);
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    Result<SendRight> found = look_up(name, host);
    const bool is_missing = found.code() == NETNAME_NOT_CHECKED_IN || found.code() == NETNAME_HOST_NOT_FOUND;
    if (!is_missing) return found;
    const auto waited = std::chrono::steady_clock::now() - start;
    const std::chrono::nanoseconds left = std::chrono::milliseconds(timeout.ms()) - waited;
    if (timeout.limited() && left <= left.zero()) return found;
    std::this_thread::sleep_for(timeout.limited() ? std::min(left, kPause) : kPause);
  }
}

}  // namespace netmsg::name_service
