// SPDX-License-Identifier: Apache-2.0
// The ports that belong to a task without a name of its space (spec 05 §6, 08 §1): its own port, those of its
// threads, and what the engine keeps for it: special ports and registered ports, naked send rights that are
// counted like any other. Owned by the space, given up with it. Owner thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/right.h"

namespace netmsg::ipc {

class Core;
class Space;

class TaskPorts {
 public:
  static constexpr std::size_t kRegistered = 4;  // TASK_PORT_REGISTER_MAX

  // The task's own port is made, and is its kernel port.
  TaskPorts(Core& core, Space& space);
  ~TaskPorts();
  TaskPorts(const TaskPorts&) = delete;
  TaskPorts& operator=(const TaskPorts&) = delete;

  // Gives up everything: the rights first, the threads' ports, the task's own port last.
  void give_up();

  Port& self() const { return *self_.port(); }

  // A slot for TASK_KERNEL_PORT, TASK_EXCEPTION_PORT, TASK_BOOTSTRAP_PORT; null for other numbers. A slot
  // holds a send right, NULL or DEAD.
  CarriedRight* special(std::int32_t which);
  std::array<CarriedRight, kRegistered>& registered() { return registered_; }

  // The port of the thread with this label, made on first use; null if the account cannot bear it.
  Port* thread(OpToken label, Account& account);
  void end_thread(OpToken label) { threads_.erase(label); }

  // Each receive right and each naked right, for recounts.
  template <typename Visitor>
  void for_each_port(Visitor visit) const {
    if (self_) visit(*self_.port());
    for (const auto& [label, port] : threads_) visit(*port.port());
  }
  template <typename Visitor>
  void for_each_right(Visitor visit) const {
    for (const CarriedRight& right : special_) visit(right);
    for (const CarriedRight& right : registered_) visit(right);
  }

 private:
  Core& core_;
  ReceiveRight self_;
  std::map<OpToken, ReceiveRight> threads_;
  std::array<CarriedRight, 3> special_;  // kernel, exception, bootstrap
  std::array<CarriedRight, kRegistered> registered_;
};

// A copy of a send right, NULL or DEAD. A dead port's right reads as DEAD from then on, so no copy is made of it.
CarriedRight copy_of(const CarriedRight& slot);

// The calls of spec 05 §6; each is one event.
namespace task {

// Is this the name of a send right for the task's own port?
bool is_own_port(Space& space, Name name);

// A send right for the task's kernel port, for the calling thread's port, for the host's port: the name in the
// space, one reference more. MACH_PORT_NULL on any failure.
Name self(Space& space);
Name thread_self(Space& space, OpToken label);
Name host_self(Space& space);

// A copy of the right (a send right, NULL or DEAD). KERN_INVALID_ARGUMENT: no such port.
Kern<CarriedRight> get_special_port(Space& space, std::int32_t which);
// `right` (a send right, NULL or DEAD) replaces what was there; consumed also on failure.
// KERN_INVALID_ARGUMENT.
kern_return_t set_special_port(Space& space, std::int32_t which, CarriedRight right);

// All slots are replaced; those for which there is no right become NULL. The rights (send rights, NULL or
// DEAD) are consumed also on failure. KERN_INVALID_ARGUMENT: more than TaskPorts::kRegistered.
kern_return_t register_ports(Space& space, std::vector<CarriedRight> rights);
// Copies of all slots.
Kern<std::vector<CarriedRight>> lookup_ports(Space& space);

}  // namespace task
}  // namespace netmsg::ipc
