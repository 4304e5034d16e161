// SPDX-License-Identifier: Apache-2.0
#include "client/src/own_memory.h"

#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace netmsg::client {

namespace {

bool lies_within(std::uint64_t address, std::uint64_t size, std::uint64_t begin, std::uint64_t end) {
  return begin <= address && address <= end && size <= end - address;
}

// No system call: the C library knows.
std::uint64_t heap_end() {
  return reinterpret_cast<std::uint64_t>(::sbrk(0));
}

// Of what is loaded, the program is the first. Its variables are behind what is constant as soon as it is loaded.
int find_data(dl_phdr_info* program, std::size_t, void* found) {
  auto& common = *static_cast<OwnMemory::Common*>(found);
  std::uint64_t constant_end = 0;
  for (const ElfW(Phdr) & each : std::span(program->dlpi_phdr, program->dlpi_phnum)) {
    const std::uint64_t begin = program->dlpi_addr + each.p_vaddr;
    if (each.p_type == PT_GNU_RELRO) constant_end = begin + each.p_memsz;
    if (each.p_type == PT_LOAD && (each.p_flags & PF_W) != 0) {
      common.data_begin = begin;
      common.data_end = begin + each.p_memsz;
    }
  }
  common.data_begin = std::clamp(constant_end, common.data_begin, common.data_end);
  return 1;
}

}  // namespace

OwnMemory::Common OwnMemory::Common::now() {
  Common common{0, 0, heap_end()};
  dl_iterate_phdr(find_data, &common);
  return common;
}

OwnMemory::OwnMemory(const Common& common) : common_(common) {
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
         lies_within(address, size, common_.data_begin, common_.data_end) ||
         lies_within(address, size, common_.heap_begin, heap_end());
}

}  // namespace netmsg::client
