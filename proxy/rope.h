// SPDX-License-Identifier: Apache-2.0
// Bytes that lie in several places, in order: what a stream has delivered, as it came to lie (gRPC cuts it anywhere). Refers
// to the bytes and to the list of their places, and owns neither. A value, as cheap to copy as a pointer.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace netmsg::proxy {

class Rope {
 public:
  Rope() = default;
  Rope(std::string_view whole) : front_(whole), size_(whole.size()) {}  // NOLINT(google-explicit-constructor)
  Rope(const std::string& whole) : Rope(std::string_view(whole)) {}     // NOLINT(google-explicit-constructor)
  explicit Rope(std::span<const std::string_view> places);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // What lies in one place, from the beginning on; not empty unless all is.
  std::string_view front() const { return front_; }
  // Takes the first bytes off. REQUIRES: there are so many.
  Rope take(std::size_t size);
  // front(), taken off.
  std::string_view take_front();
  char take_byte();
  // In one piece: where they lie, or in `room` if that is in several places.
  std::string_view flat(std::string& room) const;

 private:
  void find_front();

  std::string_view front_;
  std::size_t size_ = 0;
  const std::string_view* next_ =
      nullptr;  // the place behind `front_`; there as long as the rope goes on there
};

}  // namespace netmsg::proxy
