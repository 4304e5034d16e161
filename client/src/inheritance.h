// SPDX-License-Identifier: Apache-2.0
// What this process has been left by the task it comes from: the handle of an inheritance (proto/local/frame.h),
// from a fork or under the number that the environment tells. Empty or holding. Owner: Task, under its mutex.
#pragma once

#include <chrono>
#include <optional>

#include "client/src/descriptor.h"
#include "proto/local/frame.h"

namespace netmsg::client {

class Inheritance {
 public:
  explicit Inheritance(Descriptor handle) : handle_(std::move(handle)) {}

  // From the descriptor whose number NETMSG_INHERIT tells, which is then closed on exec. Nothing if there is none, it
  // is no handle, or the program is set-user-id.
  static std::optional<Inheritance> from_environment();

  // Asks for the ports on behalf of the task that was welcomed so. False: they are not to be had there, or the deadline
  // has passed; there will be no answer.
  bool claim(const local::Welcome& welcome, std::chrono::steady_clock::time_point deadline) const;
  // Another descriptor for the same, which stays open on exec; -1 if there is none to be had.
  int copy() const;

 private:
  Descriptor handle_;
};

}  // namespace netmsg::client
