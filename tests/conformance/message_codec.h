// SPDX-License-Identifier: Apache-2.0
// Messages of a trace as bytes in the layout of spec 02, and bytes compared with what a trace says was
// received. Names are translated by the caller. Out-of-line regions of length 0 only: no backend carries
// memory yet.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/conformance/backend.h"

namespace netmsg::conformance {

// Bytes of data that an item describes, by its descriptor.
std::uint64_t item_length(const Item& item);
// Does the message go out with MACH_MSGH_BITS_COMPLEX (FORMAT.md §5)?
bool is_complex(const Message& message);
// A number of bytes of the recorded ABI, in the unit of ours (FORMAT.md §10).
std::uint32_t scaled(std::uint32_t bytes);

struct Encoded {
  Bytes bytes;
  std::vector<std::uint32_t> slots;  // offsets of the inline port names, item after item
};

// As sent. What the receiver must not see (upper halves, msgh_size, msgh_seqno) is filled with garbage.
Encoded encode(const Message& message, const std::function<Name(const NameRef&)>& number_of);

// The garbage in msgh_seqno: comes back when the message is given back (spec 03 §5).
inline constexpr mach_port_seqno_t kSentSeqno = 0xA5A5A5A5;

// How names are judged: a right binds its symbol if that is new, a datum binds nothing.
struct NameJudge {
  std::function<bool(const NameRef& expected, Name found)> right;
  std::function<bool(const NameRef& expected, Name found)> datum;
};

// Each gives the first difference in words, or nothing. `bytes` is what was written from the start of the
// buffer; header fields beyond it are not compared.
std::string compare_header(const Written& expected, const Bytes& bytes, const NameJudge& judge);
std::string compare_items(const Message& expected, const Bytes& bytes, const NameJudge& judge);

}  // namespace netmsg::conformance
