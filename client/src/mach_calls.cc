// SPDX-License-Identifier: Apache-2.0
#include "client/src/mach_calls.h"

#include <algorithm>

#include "client/src/guards.h"

namespace netmsg::client {

kern_return_t kern_code(Reach reach) {
  switch (reach) {
    case Reach::kOk:
      return KERN_SUCCESS;
    case Reach::kNoDaemon:
      return KERN_FAILURE;
    case Reach::kGone:
    case Reach::kLost:
      return KERN_INVALID_TASK;
    case Reach::kNoResources:
      return KERN_RESOURCE_SHORTAGE;
  }
  return KERN_FAILURE;
}

CallAnswer port_call(const local::PortCall& request) {
  const ErrnoGuard errno_guard;
  local::PortCallDone done{};
  const Reach reach = Task::current().run([&](Lane& lane) { return lane.port_call(request, &done); });
  CallAnswer answer{};
  answer.code = reach == Reach::kOk ? static_cast<kern_return_t>(done.code) : kern_code(reach);
  std::copy(std::begin(done.outs), std::end(done.outs), answer.outs);
  return answer;
}

mach_port_t trap(local::Call call) {
  return port_call({static_cast<std::uint32_t>(call), 0, {}}).outs[0];
}

void drop_receive_right(mach_port_t name) {
  constexpr std::uint32_t kOneLess = static_cast<std::uint32_t>(-1);
  port_call(
      {static_cast<std::uint32_t>(local::Call::kModRefs), 0, {name, MACH_PORT_RIGHT_RECEIVE, kOneLess}});
}

}  // namespace netmsg::client
