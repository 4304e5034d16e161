// SPDX-License-Identifier: Apache-2.0
// Memory of whole pages, as vm_allocate gives it and as it comes in messages; owned, and deallocated in the
// destructor. Threads: as any value, one at a time.
#pragma once

#include <mach.h>

#include <cstddef>
#include <cstdint>
#include <netmsg/result.hpp>
#include <utility>

namespace netmsg {

class Memory {
 public:
  Memory() = default;
  ~Memory() { reset(); }
  Memory(Memory&& other) noexcept
      : address_(std::exchange(other.address_, 0)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    if (this == &other) return *this;
    reset();
    address_ = std::exchange(other.address_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // Zeroes. KERN_NO_SPACE. Size 0 is empty.
  static Result<Memory> allocate(std::size_t size) {
    vm_address_t address = 0;
    const kern_return_t code = vm_allocate(mach_task_self(), &address, size, TRUE);
    if (code != KERN_SUCCESS) return Error(code);
    return adopt(address, size);
  }
  // Takes over `size` bytes from `address` on, whose pages nobody else uses.
  [[nodiscard]] static Memory adopt(vm_address_t address, std::size_t size) {
    Memory memory;
    memory.address_ = address;
    memory.size_ = size;
    return memory;
  }

  // Not always at the beginning of a page: what came in a message lies as it lay in its sender's page.
  std::byte* data() { return reinterpret_cast<std::byte*>(address_); }
  const std::byte* data() const { return reinterpret_cast<const std::byte*>(address_); }
  vm_address_t address() const { return address_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The caller's now, to be deallocated by hand; size() is to be asked before.
  [[nodiscard]] vm_address_t release() {
    size_ = 0;
    return std::exchange(address_, 0);
  }
  void reset() {
    if (size_ != 0) vm_deallocate(mach_task_self(), address_, size_);
    static_cast<void>(release());
  }

 private:
  vm_address_t address_ = 0;
  std::size_t size_ = 0;
};

}  // namespace netmsg
