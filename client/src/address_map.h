// SPDX-License-Identifier: Apache-2.0
// What is mapped in this process, as the kernel tells it. A look at one moment: other threads go on changing it.
#pragma once

#include <mach/vm_prot.h>

#include <cstdint>
#include <cstdio>
#include <memory>

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

// Protections have the same bits in both worlds, but for their order.
int kernel_protection(vm_prot_t protection);

// The mappings in ascending order. The kernel is asked for one at a time where it can be (6.11): to read about all below
// it costs 50 us and more.
class AddressMap {
 public:
  AddressMap();
  // False: it could not be opened; then there are no mappings.
  explicit operator bool() const { return file_ != nullptr; }
  // The first mapping that ends above `address`, of those not passed yet. False: none.
  bool next_above(std::uint64_t address, Mapping* mapping);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  bool ask(std::uint64_t from, Mapping* mapping);
  bool read_next(std::uint64_t from, Mapping* mapping);

  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t passed_ = 0;
  bool by_lines_ = false;  // this kernel cannot be asked
};

}  // namespace netmsg::client
