// SPDX-License-Identifier: Apache-2.0
// The engines that the tasks of a case live on when they are no processes: one for both, or one for each, linked by their
// proxies over a network in memory. There everything that is under way can be made to arrive, so "at rest" is exact.
//
// With three hosts neither task has the other's task port: calls on it go through a go-between on the third host
// (go_between.h), so whatever right the tasks come to share was passed on by somebody who is neither its sender nor its
// receiver.
#pragma once

#include <array>
#include <chrono>
#include <memory>

#include "tests/conformance/backend.h"
#include "tests/support/engine_world.h"

namespace netmsg::conformance {

class EngineHosts {
 public:
  virtual ~EngineHosts() = default;

  // The host of that task.
  virtual test::World& of(SpaceId space) = 0;
  // In each task's space the name of the port by which it calls the other; 0 if they are on one host.
  using Introduced = std::array<Name, 2>;
  virtual Introduced introduce(const std::array<ipc::Space*, 2>& tasks) = 0;
  // Lets everything under way arrive, with all that follows from it.
  virtual void run() = 0;
  virtual void advance(std::chrono::milliseconds by) = 0;
  // The process stops at the first invariant that does not hold.
  virtual void check() const = 0;
};

// REQUIRES: 1 <= count <= 3.
std::unique_ptr<EngineHosts> make_engine_hosts(unsigned count);

}  // namespace netmsg::conformance
