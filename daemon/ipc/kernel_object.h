// SPDX-License-Identifier: Apache-2.0
// What a port whose receiver is the engine stands for (spec 05 §6): a task, a thread of a task, the host.
#pragma once

#include <cstdint>

namespace netmsg::ipc {

class Space;

struct KernelObject {
  enum class Kind : std::uint8_t { kTask, kThread, kHost };
  Kind kind = Kind::kHost;
  Space* space = nullptr;  // kTask: alive as long as the port is. Others: null.
};

}  // namespace netmsg::ipc
