// SPDX-License-Identifier: Apache-2.0
// The regions of this process that can be handed over without a copy: each one is a file of memory of its own, mapped
// shared, so that what the program writes stands in the file. vm_allocate makes them, up to a number and from a size
// on; all other memory is the kernel's business alone, and is copied when it is sent.
//
// States of a region
//   event                                                     next      action
//   vm_allocate                                               own       a file, mapped shared; its descriptor is here
//   sent, the whole of it                                     private   the same bytes mapped privately in one step,
//                                                                       the file sealed and given to the message
//   a part is deallocated, protected, inherited otherwise     private   likewise, but the file is closed
//   fork                                                      private   likewise, before it: in both processes
//   deallocated                                               -         unmapped, closed
// A private region is not in the table any more. Nobody can tell it from memory that never was.
//
// The program may have unmapped or protected parts by itself, mapped something else there, or closed all descriptors:
// before anything is mapped anew the kernel is asked what is there, and only what is still the region's file is
// touched; where the descriptor is gone, what is mapped stays shared.
//
// One for the process; never destroyed. Threads: any.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "client/src/address_map.h"
#include "client/src/descriptor.h"

namespace netmsg::client {

class RegionTable {
 public:
  static RegionTable& current();

  // A new region of whole pages, zeroed, readable and writable: at `address`, where nothing may be mapped, or anywhere
  // (0). Its address; 0: not to be had, and what the program asked for has to be other memory.
  std::uint64_t allocate(std::uint64_t address, std::uint64_t size);

  // The file of the region that [address, address + length) is the whole of, but for a rest of its last page: sealed,
  // and as long as `length`. The region is private afterwards. Empty: there is no such region, or it could not be
  // sealed.
  Descriptor hand_over(std::uint64_t address, std::uint64_t length);

  // The pages of [start, end) are gone. REQUIRES: whole pages.
  void unmap(std::uint64_t start, std::uint64_t end);
  // Regions that overlap [start, end) are private from now on.
  void make_private(std::uint64_t start, std::uint64_t end);

  // Is that a part of a region here?
  bool has(std::uint64_t address);

  // Around a fork: regions are private before it, and there are none here in the child.
  void before_fork();
  void after_fork() { mutex_.unlock(); }

 private:
  struct Region {
    std::uint64_t size;
    Descriptor file;
  };
  using Regions = std::map<std::uint64_t, Region>;  // by address

  Regions::iterator erase(Regions::iterator at);
  void make_views_private(const Regions::value_type& region);

  RegionTable() = default;
  std::uint64_t allocate_locked(std::uint64_t address, std::uint64_t size);
  Regions::iterator first_overlapping(std::uint64_t start);
  void make_private_locked(std::uint64_t start, std::uint64_t end);

  std::mutex mutex_;
  Regions regions_;
  // Stands for nothing: held while there are regions, so that the kernel can be asked what is mapped in a process that
  // has used up its descriptors. Regions that stayed shared would be the same memory in both processes of a fork.
  Descriptor spare_;
};

}  // namespace netmsg::client
