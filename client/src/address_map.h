// SPDX-License-Identifier: Apache-2.0
// What is mapped in this process, as the kernel tells it. A look at one moment: other threads go on changing it.
#pragma once

#include <mach/vm_prot.h>

#include <cstdint>
#include <cstdio>
#include <memory>

#include "client/src/maps_file.h"

namespace netmsg::client {

// Protections have the same bits in both worlds, but for their order.
int kernel_protection(vm_prot_t protection);

// The mappings in ascending order. The kernel is asked for one at a time where it can be: to read about all below it costs
// 50 us and more.
class AddressMap {
 public:
  AddressMap();
  // False: it could not be opened; then there are no mappings.
  explicit operator bool() const { return asks_ || lines_; }
  // The first mapping that ends above `address`, of those not passed yet. False: none.
  bool next_above(std::uint64_t address, Mapping* mapping);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using Lines = std::unique_ptr<std::FILE, Close>;
  static Lines open();
  bool ask(std::uint64_t from, Mapping* mapping);
  bool read_next(std::uint64_t from, Mapping* mapping);

  bool asks_;
  Lines lines_;  // where it does not
  std::uint64_t passed_ = 0;
};

}  // namespace netmsg::client
