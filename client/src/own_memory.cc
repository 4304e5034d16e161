// SPDX-License-Identifier: Apache-2.0
#include "client/src/own_memory.h"

#include <pthread.h>
#include <unistd.h>

namespace netmsg::client {

namespace {

bool lies_within(std::uint64_t address, std::uint64_t size, std::uint64_t begin, std::uint64_t end) {
  return begin <= address && address <= end && size <= end - address;
}

}  // namespace

OwnMemory::OwnMemory(std::uint64_t heap_begin) : heap_begin_(heap_begin) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* begin = nullptr;
  std::size_t size = 0;
  if (pthread_attr_getstack(&attributes, &begin, &size) == 0) {
    stack_begin_ = reinterpret_cast<std::uint64_t>(begin);
    stack_end_ = stack_begin_ + size;
  }
  pthread_attr_destroy(&attributes);
}

// A handler's or a coroutine's stack is another one: it is not known how far that goes.
bool OwnMemory::covers(const void* memory, std::uint64_t size) const {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  const auto used_from = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
  const bool on_this_stack = lies_within(used_from, 0, stack_begin_, stack_end_);
  return (on_this_stack && lies_within(address, size, used_from, stack_end_)) ||
         lies_within(address, size, heap_begin_, heap_end());
}

// No system call: the C library knows.
std::uint64_t OwnMemory::heap_end() {
  return reinterpret_cast<std::uint64_t>(::sbrk(0));
}

}  // namespace netmsg::client
