// SPDX-License-Identifier: Apache-2.0
// Messages of a trace as bytes in the layout of spec 02, and bytes compared with what a trace says was
// received. Names are translated by the caller, who also has the task's memory.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/backend.h"

namespace netmsg::conformance {

// A receive buffer larger than any message of a trace.
inline constexpr std::uint32_t kBigBuffer = 1U << 17;

// Bytes of data that an item describes, by its descriptor.
std::uint64_t item_length(const Item& item);
// Of an item that was laid out, whatever its descriptor says.
std::uint32_t element_count(const Item& item);
// Does the message go out with MACH_MSGH_BITS_COMPLEX (FORMAT.md §5)?
bool is_complex(const Message& message);
// A number of bytes of the recorded ABI, in the unit of ours (FORMAT.md §10).
std::uint32_t scaled(std::uint32_t bytes);

// Where an item's content is in a message: its bytes, or the slot of its address.
struct Slot {
  const Item* item;
  std::uint32_t offset;
  Address address =
      0;  // of the memory that was made for it, also if the slot is beyond the end of the message
};

struct Encoded {
  Bytes bytes;
  std::vector<Slot> slots;  // item after item
};

// How a message is made in a task.
struct Sender {
  std::function<Name(const NameRef&)> number_of;
  std::function<Address(const Bytes&)> place_memory;
};

// As sent. What the receiver must not see (upper halves, msgh_size, msgh_seqno) is filled with garbage.
Encoded encode(const Message& message, const Sender& sender);
// Where its items begin and end: the end of the header first, the exact size of the message last.
std::vector<std::uint32_t> boundaries(const Message& message);
// Addresses of the regions whose fate a trace tells (FORMAT.md §6, `ool=`).
std::vector<std::pair<const Item*, Address>> regions_of(const Encoded& encoded);

// The garbage in msgh_seqno: comes back when the message is given back (spec 03 §5).
inline constexpr mach_port_seqno_t kSentSeqno = 0xA5A5A5A5;

using ReadMemory = std::function<std::optional<Bytes>(Address, std::size_t)>;

// How a received message is judged: a right binds its symbol if that is new, a datum binds nothing.
struct Judge {
  std::function<bool(const NameRef& expected, Name found)> right;
  std::function<bool(const NameRef& expected, Name found)> datum;
  ReadMemory read_memory;
};

// The names in a message that was given back, as its items were laid out when it was sent; unreadable arrays
// are left out.
std::vector<Name> names_in_items(const Encoded& sent, const Bytes& bytes, const ReadMemory& read_memory);

// Each gives the first difference in words, or nothing. `bytes` is what was written from the start of the
// buffer; header fields beyond it are not compared.
std::string compare_header(const Written& expected, const Bytes& bytes, const Judge& judge);
std::string compare_items(const Message& expected, const Bytes& bytes, const Judge& judge);

}  // namespace netmsg::conformance
