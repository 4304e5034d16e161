// SPDX-License-Identifier: Apache-2.0
// The names checked in on this host (spec 08 §4): name -> port and signature, which
// are names of send rights in the server's space. Each entry owns one user reference
// of each. An entry ends with its port or its signature: every name that stands in
// an entry has a dead-name request, whose notification comes in through died().
//
// Two names are the same port exactly if they are equal: a space has one name for all its send rights to a
// port. So a signature is compared by comparing names. Owner thread only.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/names/inner_task.h"

namespace netmsg::names {

class Registry {
 public:
  // One more check-in is answered with KERN_RESOURCE_SHORTAGE. Well below the user references that one
  // signature can have (01 §3).
  static constexpr std::size_t kEntriesMax = 16384;

  // Dead-name notifications go to send-once rights made from `notify_port`.
  Registry(InnerTask& task, ipc::Name notify_port) : task_(task), notify_port_(notify_port) {}

  // 08 §4.2, 3, 5. Both rights are consumed, whatever the answer. KERN_SUCCESS, NETNAME_NOT_YOURS,
  // NETNAME_INVALID_PORT, KERN_RESOURCE_SHORTAGE.
  kern_return_t check_in(const std::string& name, ipc::Name signature, ipc::Name port);
  // 08 §4.6. The signature is consumed. KERN_SUCCESS,
  // NETNAME_NOT_CHECKED_IN, NETNAME_NOT_YOURS, NETNAME_INVALID_PORT.
  kern_return_t check_out(const std::string& name, ipc::Name signature);
  // The port's name, still the entry's; MACH_PORT_NULL if there is no such name or its port is dead.
  ipc::Name look_up(const std::string& name);

  // `name` has died. Consumes the user reference that the notification brought.
  void died(ipc::Name name);

  struct Row {
    std::string name;  // as it was spelled
    ipc::Name port;
    ipc::Name signature;
  };
  std::vector<Row> rows() const;

 private:
  struct Entry {
    std::string spelling;
    ipc::Name port;
    ipc::Name signature;
  };
  using Entries = std::map<std::string, Entry>;  // by fold

  bool is_dead(ipc::Name name) const;
  Entries::iterator find_live(const std::string& folded);
  kern_return_t enter(const std::string& name, ipc::Name signature, ipc::Name port);
  kern_return_t watch(ipc::Name name);
  void hold(const std::string& folded, ipc::Name name);
  void drop(const std::string& folded, ipc::Name name);
  void remove(Entries::iterator entry);

  InnerTask& task_;
  ipc::Name notify_port_;
  Entries entries_;
  // Right's name -> fold of an entry; once for each reference.
  std::unordered_multimap<ipc::Name, std::string> uses_;
};

}  // namespace netmsg::names
