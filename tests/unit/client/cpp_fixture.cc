// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/cpp_fixture.h"

#include <mach/mig_support.h>

#include <cstdlib>
#include <new>

namespace {
thread_local std::uint64_t allocated = 0;
thread_local std::uint64_t still_possible = UINT64_MAX;
}  // namespace

// The forms for arrays come here too.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocated;
  if (still_possible == 0) return nullptr;
  if (still_possible != UINT64_MAX) --still_possible;
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace netmsg::test {

std::uint64_t allocations() {
  return allocated;
}

ShortOfMemory::ShortOfMemory(std::uint64_t possible) {
  still_possible = possible;
}
ShortOfMemory::~ShortOfMemory() {
  still_possible = UINT64_MAX;
}

Holdings holdings() {
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t count = 0;
  EXPECT_EQ(mach_port_names(mach_task_self(), &names, &count, &types, &count), KERN_SUCCESS);
  const auto names_memory =
      Memory::adopt(reinterpret_cast<vm_address_t>(names), count * sizeof(mach_port_name_t));
  const auto types_memory =
      Memory::adopt(reinterpret_cast<vm_address_t>(types), count * sizeof(mach_port_type_t));
  Holdings found;
  for (mach_msg_type_number_t at = 0; at < count; ++at) {
    const bool is_dead = (types[at] & MACH_PORT_TYPE_DEAD_NAME) != 0;
    const mach_port_right_t right = is_dead ? MACH_PORT_RIGHT_DEAD_NAME : MACH_PORT_RIGHT_SEND;
    found[names[at]] = {types[at], refs_of(names[at], right)};
  }
  found.erase(mig_get_reply_port());
  return found;
}

}  // namespace netmsg::test
