// SPDX-License-Identifier: Apache-2.0
#include "proxy/rope.h"

#include <algorithm>

#include "daemon/base/check.h"

namespace netmsg::proxy {

Rope::Rope(std::span<const std::string_view> places) : next_(places.data()) {
  for (const std::string_view& place : places) size_ += place.size();
  find_front();
}

void Rope::find_front() {
  while (front_.empty() && size_ > 0) front_ = *next_++;
  front_ = front_.substr(0, size_);
}

Rope Rope::take(std::size_t size) {
  NETMSG_CHECK(size <= size_);
  Rope taken = *this;
  taken.size_ = size;
  taken.front_ = front_.substr(0, size);
  size_ -= size;
  while (size > front_.size()) {
    size -= front_.size();
    front_ = *next_++;
  }
  front_.remove_prefix(size);
  find_front();
  return taken;
}

std::string_view Rope::take_front() {
  return take(front_.size()).front();
}

char Rope::take_byte() {
  NETMSG_CHECK(size_ > 0);
  const char byte = front_.front();
  front_.remove_prefix(1);
  --size_;
  if (front_.empty()) find_front();
  return byte;
}

std::string_view Rope::flat(std::string& room) const {
  if (front_.size() == size_) return front_;
  room.clear();
  for (Rope rest = *this; !rest.empty();) room += rest.take_front();
  return room;
}

}  // namespace netmsg::proxy
