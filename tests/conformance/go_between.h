// SPDX-License-Identifier: Apache-2.0
// A task between the two of a case: it has both their task ports, and for each a port of its own at which it takes
// requests for it. It passes them on as they are, the rights in them included, waits for the answer itself, and passes
// that on. So every right that goes from one task into the other's call, or comes out of it, is in its hands once.
#pragma once

#include <array>

#include "tests/conformance/backend.h"
#include "tests/support/engine_world.h"

namespace netmsg::conformance {

class GoBetween {
 public:
  // `task` is its own, and nobody else's.
  explicit GoBetween(test::Task& task);

  ipc::Space& space() const { return task_.space(); }
  // Where it takes requests to that task: a name with a send right.
  Name port_to(SpaceId target) const { return ports_[static_cast<std::size_t>(target)]; }
  // Its name for that task's port.
  void reaches(SpaceId target, Name task_port) { tasks_[static_cast<std::size_t>(target)] = task_port; }

  // Passes on what has come. False: nothing had.
  bool work();

 private:
  bool take_request(SpaceId target);
  bool take_answer();
  void refuse(Name caller, mach_msg_id_t request, mach_msg_return_t code);

  test::Task& task_;
  std::array<Name, 2> ports_;
  std::array<Name, 2> tasks_{};
  const Name answers_;
  Name caller_ = MACH_PORT_NULL;  // the reply right of the request that is under way
};

}  // namespace netmsg::conformance
