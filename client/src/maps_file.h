// SPDX-License-Identifier: Apache-2.0
// The kernel's list of what is mapped in this process, held open from the first question on: a question about one mapping
// takes half a microsecond then (from 6.11 on), and to open the list for each one takes three more.
//
// States
//   event                             unopened                  held          of no use
//   question                          held, if it is to be had  answered      no answer
//   ... and the kernel is too old     of no use
//   the program closes it             -                         held: no answers any more
//   fork (in the child)               unopened                  unopened      of no use
//
// One for the process; never destroyed. Threads: any.
#pragma once

#include <mach/vm_prot.h>

#include <atomic>
#include <cstdint>

#include "client/src/descriptor.h"

namespace netmsg::client {

// Where user addresses end.
inline constexpr std::uint64_t kAddressEnd = 0x7FFF'FFFF'F000;

struct Mapping {
  std::uint64_t start;
  std::uint64_t end;
  vm_prot_t protection;
  bool shared;
  std::uint64_t offset;  // in what is mapped
  std::uint64_t inode;   // of that, or 0
};

class MapsFile {
 public:
  static MapsFile& current();

  // Can it be asked?
  bool answers();
  enum class Answer { kFound, kNothing, kUnknown };
  // The mapping that `address` is in, or else the next one above it. kUnknown: that cannot be asked.
  Answer find(std::uint64_t address, Mapping* mapping);

  // In a forked child: what is open is its parent's list.
  void forget();

 private:
  MapsFile() = default;
  const Descriptor* ours();
  const Descriptor* held();
  const Descriptor* open();

  std::atomic<const Descriptor*> file_{nullptr};
  std::atomic<bool> of_no_use_{false};
};

}  // namespace netmsg::client
