// SPDX-License-Identifier: Apache-2.0
// Memory of this program that is there unless the program takes the ground from under its own feet: the used part of a
// thread's stack, and the C library's heap as far as that grows in one piece (brk). The kernel need not be asked about it.
// Owner: the thread's state (task.h). Threads: the owning one.
#pragma once

#include <cstdint>

namespace netmsg::client {

class OwnMemory {
 public:
  // Of the calling thread. `heap_begin`: where the heap ended when the library was loaded; what stands there was not freed
  // since. Allocates.
  explicit OwnMemory(std::uint64_t heap_begin);

  // Can all of it be read and written? False: the kernel would have to be asked.
  bool covers(const void* memory, std::uint64_t size) const;

  // To be kept for the constructor.
  static std::uint64_t heap_end();

 private:
  std::uint64_t heap_begin_;
  std::uint64_t stack_begin_ = 0;  // the lowest address that it may ever have
  std::uint64_t stack_end_ = 0;    // 0: not known
};

}  // namespace netmsg::client
