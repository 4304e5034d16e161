// SPDX-License-Identifier: Apache-2.0
// Memory of this program that is there unless the program takes the ground from under its own feet: the used part of a
// thread's stack, the program's variables (not its libraries', which may be unloaded), and the C library's heap as far as that
// grows in one piece (brk). The kernel need not be asked about it. Owner: the thread's state (task.h). Threads: the owning one.
#pragma once

#include <cstdint>

namespace netmsg::client {

class OwnMemory {
 public:
  // What all threads have.
  struct Common {
    std::uint64_t data_begin;
    std::uint64_t data_end;
    // Where the heap ended when the library was loaded; what stands there was not freed since.
    std::uint64_t heap_begin;

    static Common now();
  };

  // Of the calling thread. Allocates.
  explicit OwnMemory(const Common& common);

  // Can all of it be read and written? False: the kernel would have to be asked.
  bool covers(const void* memory, std::uint64_t size) const;

 private:
  Common common_;
  std::uint64_t stack_begin_ = 0;  // the lowest address that it may ever have
  std::uint64_t stack_end_ = 0;    // 0: not known
};

}  // namespace netmsg::client
