// SPDX-License-Identifier: Apache-2.0
// Building and reading Mach messages as bytes (spec 02), for tests of the engine and of the library alike.
#pragma once

#include <mach/message.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace netmsg::test {

using Name = mach_port_name_t;
using Bytes = std::vector<std::byte>;

// One item: inline rights or 32-bit numbers, or what the descriptor says is out of line at `address`.
struct Item {
  mach_msg_type_t descriptor{};
  std::vector<std::uint32_t> values;
  std::uint64_t address = 0;
  Bytes memory = {};  // out of line, for those who hand it to the engine
};
Item rights(unsigned disposition, std::initializer_list<Name> names);
Item numbers(std::initializer_list<std::uint32_t> values);
// Out of line: bytes of type CHAR, and an array of rights.
Item memory(Bytes bytes, std::uint64_t address = 0);
Item array(unsigned disposition, const std::vector<Name>& names, std::uint64_t address = 0);

struct Outgoing {
  Name remote = 0;
  unsigned remote_type = 0;
  Name local = 0;
  unsigned local_type = 0;
  mach_msg_id_t id = 0;
  mach_msg_bits_t bits = 0;  // besides the types; COMPLEX comes by itself if an item carries rights
  std::vector<Item> items = {};

  // Upper halves of all name slots are garbage, as stubs leave them (02 §2).
  Bytes encode() const;
};

mach_msg_header_t header_of(const Bytes& message);
// The value in the low half of each inline element of the body, item after item; of an out-of-line item the low
// half of its address.
std::vector<std::uint32_t> values_of(const Bytes& message);

}  // namespace netmsg::test
