// SPDX-License-Identifier: Apache-2.0
// Where the server of sample.defs is, as seen from this process, which is a client of host a.
#pragma once

#include <mach.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>

#include "tests/support/host.h"

namespace netmsg::test {

enum class Place { kSameTask, kSameHost, kOtherHost };
std::ostream& operator<<(std::ostream& out, Place place);

// Hosts a and b; this process is a client of a from the first call on.
TwoHosts& hosts();

class SampleServer {
 public:
  explicit SampleServer(Place place);
  ~SampleServer();
  SampleServer(const SampleServer&) = delete;
  SampleServer& operator=(const SampleServer&) = delete;

  // A send right.
  mach_port_t port() const { return port_; }
  // Looks the server up, for a task that has no right for it yet.
  static mach_port_t look_up();
  // A process of its own, where there is one.
  Process* process() { return process_.get(); }

 private:
  mach_port_t port_ = MACH_PORT_NULL;
  std::unique_ptr<Process> process_;
  std::thread thread_;
};

// A new send-once right for a port whose receive right is here.
mach_port_t once_right(mach_port_t port);

// Names of this task that denote any of these kinds of right.
unsigned names_held(mach_port_type_t kinds = MACH_PORT_TYPE_ALL_RIGHTS);

// Runs `body`, with its expectations, in a forked child, which is a new task. True if nothing failed there.
bool in_child(const std::function<void()>& body);

}  // namespace netmsg::test
