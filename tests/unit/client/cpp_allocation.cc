// SPDX-License-Identifier: Apache-2.0
// The program's allocations, counted and, on demand, refused. In a file of its own: inlined into a container, a pair of
// new and delete looks mismatched to the compiler.
#include <cstdlib>
#include <new>

#include "tests/unit/client/cpp_fixture.h"

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

}  // namespace netmsg::test
