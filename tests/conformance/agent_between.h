// SPDX-License-Identifier: Apache-2.0
// How tasks that are processes come by each other's task ports; and the task between them, if they are to have none (what
// go_between.h is to tasks without a process). For agent.cc.
#pragma once

#include <mach.h>

#include <array>
#include <string>

namespace netmsg::conformance {

// A port under a name of the name service, to which another task sends its task port.
class Introduction {
 public:
  kern_return_t listen(const std::string& name);
  // Looks the name up and sends the own task port there.
  static kern_return_t greet(const std::string& host, const std::string& name);
  // Waits for the other's port.
  kern_return_t meet(mach_port_t* other) const;
  // The name and the port are gone.
  void end();

  mach_port_t port() const { return port_; }

 private:
  std::string name_;
  mach_port_t port_ = MACH_PORT_NULL;
};

// A port for each of the two tasks, under a name. Whatever request comes there is passed on to the task as it is, with the
// rights in it, and so is the answer.
class Between {
 public:
  kern_return_t listen(const std::string& for_t0, const std::string& for_t1);
  // Waits for each task's greeting at its port; from then on a thread serves both ports, for as long as the process lives.
  kern_return_t serve();

 private:
  struct Place {
    Introduction introduction;
    mach_port_t task = MACH_PORT_NULL;
  };
  void run();
  void pass_on(mach_msg_header_t* request, mach_msg_size_t size_max);

  std::array<Place, 2> places_;
  mach_port_t requests_ = MACH_PORT_NULL;  // the set of both ports
  mach_port_t answers_ = MACH_PORT_NULL;
};

}  // namespace netmsg::conformance
