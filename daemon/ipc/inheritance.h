// SPDX-License-Identifier: Apache-2.0
// What a task hands on to the tasks that are made from it (spec 05 §6, 07 §8, 08 §1): its bootstrap port and its
// registered ports as they were at one moment. Naked send rights, counted like any other; they never change, and
// may be given to any number of heirs, after the task's death too. Owned by the session layer, given up with it.
// Owner thread only.
#pragma once

#include <array>

#include "daemon/base/intrusive_list.h"
#include "daemon/ipc/task_ports.h"

namespace netmsg::ipc {

struct InheritanceTag;

class Inheritance : public base::ListNode<InheritanceTag> {
 public:
  // The ports that a program knows by a variable: registered ports 0 to 2 (08 §1) and the bootstrap port.
  static constexpr std::size_t kNamed = 4;
  static constexpr std::size_t kBootstrap = kNamed - 1;
  using Names = std::array<Name, kNamed>;

  // One event.
  explicit Inheritance(Space& ancestor);
  ~Inheritance();

  // Is it no more than that port in the first slot?
  bool is_only(const Port* name_server) const;
  // The names that an heir will have for the ports, in a space where nothing but the task's own port, the host's and
  // `name_server`, under `name_server_name`, has one: so a forked program knows them before it has become an heir.
  Names names(const Port* name_server, Name name_server_name) const;
  // Copies of all rights into the task's slots, and of those that are known by a variable into its names; what finds
  // no room there has no name. One event. Returns the names: NULL and DEAD as they are.
  Names give(Space& heir) const;

  template <typename Visitor>
  void for_each_right(Visitor visit) const {
    visit(bootstrap_);
    for (const CarriedRight& right : registered_) visit(right);
  }

 private:
  const CarriedRight& named(std::size_t at) const { return at == kBootstrap ? bootstrap_ : registered_[at]; }

  Core& core_;
  CarriedRight bootstrap_;
  std::vector<CarriedRight> registered_;
};

}  // namespace netmsg::ipc
