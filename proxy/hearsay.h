// SPDX-License-Identifier: Apache-2.0
// How many of some daemon's units are here by another daemon's word only: the old home's of a port, in its Move. Such units
// count with the one who says so as long as they are here, and take nobody else's place. A value; owner thread only.
#pragma once

#include <cstdint>
#include <utility>

namespace netmsg::proxy {

class Hearsay {
 public:
  Hearsay() = default;
  // `total`: what that daemon has said in all; outlives this.
  Hearsay(std::uint64_t& total, std::uint64_t count) : total_(&total), count_(count) { total += count; }
  Hearsay(Hearsay&& other) noexcept : total_(other.total_), count_(std::exchange(other.count_, 0)) {}
  Hearsay& operator=(Hearsay&& other) noexcept {
    std::swap(total_, other.total_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Hearsay() { at_most(0); }

  std::uint64_t count() const { return count_; }
  // There are no more units than these.
  void at_most(std::uint64_t units) {
    if (count_ <= units) return;
    *total_ -= count_ - units;
    count_ = units;
  }

 private:
  std::uint64_t* total_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace netmsg::proxy
