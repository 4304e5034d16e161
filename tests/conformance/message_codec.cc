// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/message_codec.h"

#include <algorithm>
#include <cstring>

#include "daemon/base/check.h"

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kGarbage = 0xDEADBEEF;
constexpr std::uint64_t kWildAddress = 0x00007FFF'DEAD'B000;
constexpr std::uint32_t kSlotSize = 8;

// ---------------------------------------------------------------- bytes

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

template <typename T>
T load(const Bytes& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::size_t rounded(std::size_t size) {
  return (size + MACH_MSG_USER_ALIGNMENT - 1) / MACH_MSG_USER_ALIGNMENT * MACH_MSG_USER_ALIGNMENT;
}

std::byte pattern(std::uint32_t seed, std::size_t at) {
  return static_cast<std::byte>(seed + 13 * at);
}

std::string differs(const char* what, std::uint64_t expected, std::uint64_t found) {
  return std::string(what) + ": expected " + std::to_string(expected) + ", found " + std::to_string(found);
}

// ---------------------------------------------------------------- descriptors

std::uint32_t element_bits(const Item& item) {
  switch (item.kind) {
    case Item::Kind::kPorts:
      return item.out_of_line ? 32 : 64;
    case Item::Kind::kNames:
      return 32;
    case Item::Kind::kData:
      break;
  }
  return item.bits;
}

std::uint32_t element_count(const Item& item) {
  return item.kind == Item::Kind::kData ? item.count : static_cast<std::uint32_t>(item.names.size());
}

mach_msg_type_t descriptor_of(const Item& item) {
  mach_msg_type_t descriptor{};
  descriptor.msgt_name = item.type & 0xFFU;
  descriptor.msgt_size = item.size_field.value_or(element_bits(item)) & 0xFFFFU;
  descriptor.msgt_unused = item.unused ? 1 : 0;
  descriptor.msgt_inline = item.out_of_line ? 0 : 1;
  descriptor.msgt_longform = item.long_form ? 1 : 0;
  descriptor.msgt_deallocate = item.deallocate ? 1 : 0;
  descriptor.msgt_number = item.number_field.value_or(element_count(item));
  return descriptor;
}

// What the sender lays out, whatever the descriptor says.
std::size_t data_size(const Item& item) {
  return (std::size_t{element_count(item)} * element_bits(item) + 7) / 8;
}

// ---------------------------------------------------------------- encoding

void append_data(Bytes& bytes, const Item& item) {
  for (std::size_t at = 0; at < data_size(item); ++at) bytes.push_back(pattern(item.seed, at));
}

void append_address(Bytes& bytes, const Item& item) {
  NETMSG_CHECK(item_length(item) == 0);
  append(bytes, item.bad_address ? kWildAddress : std::uint64_t{0});
}

void append_item(Encoded& to, const Item& item, const std::function<Name(const NameRef&)>& number_of) {
  append(to.bytes, descriptor_of(item));
  if (item.out_of_line) return append_address(to.bytes, item);
  for (const NameRef& name : item.names) {
    if (item.kind == Item::Kind::kPorts) to.slots.push_back(static_cast<std::uint32_t>(to.bytes.size()));
    append(to.bytes, number_of(name));
    if (item.kind == Item::Kind::kPorts) append(to.bytes, kGarbage);
  }
  if (item.kind == Item::Kind::kData) append_data(to.bytes, item);
  to.bytes.resize(rounded(to.bytes.size()));
}

mach_msg_header_t header_of(const Message& message, const std::function<Name(const NameRef&)>& number_of) {
  mach_msg_header_t header;
  std::memset(&header, 0xA5, sizeof header);
  header.msgh_bits = message.extra_bits | MACH_MSGH_BITS(message.remote.type, message.local.type) |
                     (is_complex(message) ? MACH_MSGH_BITS_COMPLEX : 0);
  header.msgh_remote_port = number_of(message.remote.name);
  header.msgh_local_port = number_of(message.local.name);
  header.msgh_seqno = kSentSeqno;
  header.msgh_id = message.id;
  return header;
}

std::size_t sent_size(const Message& message, std::size_t exact) {
  if (!message.size) return exact + scaled(message.pad) - scaled(message.cut);
  if (message.size->base != SizeRef::Base::kHeader) return message.size->number;
  return sizeof(mach_msg_header_t) - scaled(static_cast<std::uint32_t>(-message.size->offset));
}

// ---------------------------------------------------------------- comparing

std::string compare_ports(const Item& item, const Bytes& bytes, std::size_t offset, const NameJudge& judge) {
  for (std::size_t at = 0; at < item.names.size(); ++at) {
    const std::size_t slot = offset + at * kSlotSize;
    const Name found = load<Name>(bytes, slot);
    if (!judge.right(item.names[at], found)) return "name " + std::to_string(found) + " of a port item";
    if (load<std::uint32_t>(bytes, slot + sizeof found) != 0) return "upper half of a port slot is not zero";
  }
  return {};
}

std::string compare_names(const Item& item, const Bytes& bytes, std::size_t offset, const NameJudge& judge) {
  for (std::size_t at = 0; at < item.names.size(); ++at) {
    const Name found = load<Name>(bytes, offset + at * sizeof(Name));
    if (!judge.datum(item.names[at], found)) return "name " + std::to_string(found) + " as data";
  }
  return {};
}

std::string compare_data(const Item& item, const Bytes& bytes, std::size_t offset) {
  if (item.value) {
    const auto found = load<std::uint32_t>(bytes, offset);
    return found == *item.value ? "" : differs("data", *item.value, found);
  }
  for (std::size_t at = 0; at < data_size(item); ++at) {
    if (bytes[offset + at] != pattern(item.seed, at)) return "data at " + std::to_string(at);
  }
  return {};
}

std::string compare_content(const Item& item, const Bytes& bytes, std::size_t offset,
                            const NameJudge& judge) {
  if (item.out_of_line) {
    const auto address = load<std::uint64_t>(bytes, offset);
    return address == 0 ? "" : differs("address of an empty region", 0, address);
  }
  switch (item.kind) {
    case Item::Kind::kPorts:
      return compare_ports(item, bytes, offset, judge);
    case Item::Kind::kNames:
      return compare_names(item, bytes, offset, judge);
    case Item::Kind::kData:
      break;
  }
  return compare_data(item, bytes, offset);
}

std::string compare_descriptor(const Item& item, const mach_msg_type_t& found) {
  const mach_msg_type_t expected = descriptor_of(item);
  if (std::memcmp(&expected, &found, sizeof found) == 0) return {};
  std::uint64_t words[2];
  std::memcpy(&words[0], &expected, sizeof expected);
  std::memcpy(&words[1], &found, sizeof found);
  return differs("descriptor", words[0], words[1]);
}

// Compares the item at `offset`, which then is that of the next one.
std::string compare_item(const Item& item, const Bytes& bytes, std::size_t& offset, const NameJudge& judge) {
  const std::size_t content = item.out_of_line ? kSlotSize : rounded(data_size(item));
  if (offset + sizeof(mach_msg_type_t) + content > bytes.size()) return "the message ends too early";
  std::string difference = compare_descriptor(item, load<mach_msg_type_t>(bytes, offset));
  offset += sizeof(mach_msg_type_t);
  if (difference.empty()) difference = compare_content(item, bytes, offset, judge);
  offset += content;
  return difference;
}

// The bits of the header as received.
std::string compare_bits(const Message& expected, mach_msg_bits_t bits) {
  if (MACH_MSGH_BITS_REMOTE(bits) != expected.remote.type) {
    return differs("remote type", expected.remote.type, MACH_MSGH_BITS_REMOTE(bits));
  }
  if (MACH_MSGH_BITS_LOCAL(bits) != expected.local.type) {
    return differs("local type", expected.local.type, MACH_MSGH_BITS_LOCAL(bits));
  }
  const bool complex = (bits & MACH_MSGH_BITS_COMPLEX) != 0;
  if (complex != expected.complex.value_or(false)) return differs("cx", !complex, complex);
  const mach_msg_bits_t others = MACH_MSGH_BITS_OTHER(bits) & ~MACH_MSGH_BITS_COMPLEX;
  return others == expected.extra_bits ? "" : differs("other bits", expected.extra_bits, others);
}

std::string compare_port(const char* what, const NameRef& expected, std::uint64_t slot,
                         const NameJudge& judge) {
  if (slot >> 32 != 0) return std::string("upper half of the ") + what + " name is not zero";
  if (!judge.right(expected, static_cast<Name>(slot)))
    return std::string(what) + " name " + std::to_string(slot);
  return {};
}

std::string compare_local(const Message& expected, std::uint64_t slot, const NameJudge& judge) {
  if (!expected.payload) return compare_port("local", expected.local.name, slot, judge);
  return slot == *expected.payload ? "" : differs("payload", *expected.payload, slot);
}

}  // namespace

std::uint64_t item_length(const Item& item) {
  const mach_msg_type_t descriptor = descriptor_of(item);
  return (std::uint64_t{descriptor.msgt_number} * descriptor.msgt_size + 7) / 8;
}

bool is_complex(const Message& message) {
  return message.complex.value_or(
      std::any_of(message.items.begin(), message.items.end(),
                  [](const Item& item) { return item.out_of_line || item.kind != Item::Kind::kData; }));
}

std::uint32_t scaled(std::uint32_t bytes) {
  return bytes % 4 == 0 ? bytes * 2 : bytes;
}

Encoded encode(const Message& message, const std::function<Name(const NameRef&)>& number_of) {
  Encoded encoded;
  append(encoded.bytes, header_of(message, number_of));
  for (const Item& item : message.items) append_item(encoded, item, number_of);
  encoded.bytes.resize(sent_size(message, encoded.bytes.size()));
  return encoded;
}

std::string compare_header(const Written& expected, const Bytes& bytes, const NameJudge& judge) {
  const Message& message = expected.message;
  const auto has = [&](std::size_t end) { return bytes.size() >= end; };
  Bytes whole = bytes;
  whole.resize(std::max(bytes.size(), sizeof(mach_msg_header_t)));
  const auto header = load<mach_msg_header_t>(whole, 0);
  std::string difference;
  if (has(offsetof(mach_msg_header_t, msgh_size))) difference = compare_bits(message, header.msgh_bits);
  if (!difference.empty()) return difference;
  if (has(offsetof(mach_msg_header_t, msgh_local_port))) {
    difference = compare_port("remote", message.remote.name, header.msgh_remote_port_do_not_use, judge);
  }
  if (!difference.empty()) return difference;
  if (has(offsetof(mach_msg_header_t, msgh_seqno))) {
    difference = compare_local(message, header.msgh_protected_payload, judge);
  }
  if (!difference.empty() || !has(sizeof header)) return difference;
  const mach_port_seqno_t seqno = expected.kind == Written::Kind::kGivenBack ? kSentSeqno : message.seqno;
  if (header.msgh_seqno != seqno) return differs("seqno", seqno, header.msgh_seqno);
  if (header.msgh_id != message.id) {
    return differs("id", static_cast<std::uint32_t>(message.id), static_cast<std::uint32_t>(header.msgh_id));
  }
  return {};
}

std::string compare_items(const Message& expected, const Bytes& bytes, const NameJudge& judge) {
  std::size_t offset = sizeof(mach_msg_header_t);
  for (const Item& item : expected.items) {
    std::string difference = compare_item(item, bytes, offset, judge);
    if (!difference.empty()) return difference;
  }
  return offset == bytes.size() ? "" : differs("size of the message", offset, bytes.size());
}

}  // namespace netmsg::conformance
