// SPDX-License-Identifier: Apache-2.0
// Packets between the replayer and the programs that act for recorded tasks (agent_protocol.h), over a Unix
// stream socket: four bytes of length, then values one after another as they are in memory. Both ends are of
// the same build and trust each other; a packet that is shorter than what is read from it ends the program.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/base/unique_fd.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

class Packet {
 public:
  Packet() = default;
  explicit Packet(Bytes bytes) : bytes_(std::move(bytes)) {}

  template <typename T>
  Packet& put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
    return *this;
  }
  template <typename T>
  Packet& put_all(const std::vector<T>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) put(value);
    return *this;
  }
  Packet& append(const Packet& other) {
    bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    return *this;
  }

  template <typename T>
  T get() {
    NETMSG_CHECK(bytes_.size() - read_ >= sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + read_, sizeof value);
    read_ += sizeof value;
    return value;
  }
  template <typename T>
  std::vector<T> get_all() {
    std::vector<T> values(get<std::uint32_t>());
    for (T& value : values) value = get<T>();
    return values;
  }

  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::size_t read_ = 0;
};

class Link {
 public:
  explicit Link(base::UniqueFd socket) : socket_(std::move(socket)) {}

  // False: nobody is at the other end.
  bool send(const Packet& packet) const;
  // The next packet; nothing if the other end is gone.
  std::optional<Packet> receive() const;
  // Whether there is something to receive (or the end) within that time.
  bool ready(int patience_ms) const;

 private:
  base::UniqueFd socket_;
};

}  // namespace netmsg::conformance
