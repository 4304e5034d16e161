// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/message_codec.h"

#include <algorithm>
#include <cstring>

#include "daemon/base/check.h"

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kGarbage = 0xDEADBEEF;
// Below what a process may map.
constexpr Address kWildAddress = 0x1000;
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

bool is_inline_port(const Item& item) {
  return item.kind == Item::Kind::kPorts && !item.out_of_line;
}

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

// The size of an inline port was legal as 32 in the recording and is as 64 here (FORMAT.md §10): each stands for
// the other.
std::uint32_t size_field_of(const Item& item) {
  const std::uint32_t size = item.size_field.value_or(element_bits(item));
  if (!item.size_field || !is_inline_port(item)) return size;
  return size == 64 ? 32 : size == 32 ? 64 : size;
}

mach_msg_type_t descriptor_of(const Item& item) {
  mach_msg_type_t descriptor{};
  descriptor.msgt_name = item.type & 0xFFU;
  descriptor.msgt_size = size_field_of(item) & 0xFFFFU;
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

// From one name of an item to the next.
std::size_t stride(const Item& item) {
  return is_inline_port(item) ? kSlotSize : sizeof(Name);
}

Bytes content_of(const Item& item, const Sender& sender) {
  Bytes content;
  for (const NameRef& name : item.names) {
    append(content, sender.number_of(name));
    if (is_inline_port(item)) append(content, kGarbage);
  }
  if (item.kind == Item::Kind::kData) {
    for (std::size_t at = 0; at < data_size(item); ++at) content.push_back(pattern(item.seed, at));
  }
  return content;
}

Address address_of(const Item& item, const Sender& sender) {
  if (item.bad_address) return kWildAddress;
  const Bytes content = content_of(item, sender);
  return item.null_address || content.empty() ? Address{0} : sender.place_memory(content);
}

void append_item(Encoded& to, const Item& item, const Sender& sender) {
  append(to.bytes, descriptor_of(item));
  Slot& slot = to.slots.emplace_back(Slot{&item, static_cast<std::uint32_t>(to.bytes.size())});
  if (item.out_of_line) return append(to.bytes, slot.address = address_of(item, sender));
  const Bytes content = content_of(item, sender);
  to.bytes.insert(to.bytes.end(), content.begin(), content.end());
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

std::string compare_ports(const Item& item, const Bytes& content, const Judge& judge) {
  for (std::size_t at = 0; at < item.names.size(); ++at) {
    const std::size_t slot = at * stride(item);
    const Name found = load<Name>(content, slot);
    if (!judge.right(item.names[at], found)) return "name " + std::to_string(found) + " of a port item";
    if (is_inline_port(item) && load<std::uint32_t>(content, slot + sizeof found) != 0)
      return "upper half of a port slot is not zero";
  }
  return {};
}

std::string compare_names(const Item& item, const Bytes& content, const Judge& judge) {
  for (std::size_t at = 0; at < item.names.size(); ++at) {
    const Name found = load<Name>(content, at * stride(item));
    if (!judge.datum(item.names[at], found)) return "name " + std::to_string(found) + " as data";
  }
  return {};
}

std::string compare_data(const Item& item, const Bytes& content) {
  if (item.value) {
    const auto found = load<std::uint32_t>(content, 0);
    return found == *item.value ? "" : differs("data", *item.value, found);
  }
  for (std::size_t at = 0; at < data_size(item); ++at) {
    if (content[at] != pattern(item.seed, at)) return "data at " + std::to_string(at);
  }
  return {};
}

std::string compare_content(const Item& item, const Bytes& content, const Judge& judge) {
  switch (item.kind) {
    case Item::Kind::kPorts:
      return compare_ports(item, content, judge);
    case Item::Kind::kNames:
      return compare_names(item, content, judge);
    case Item::Kind::kData:
      break;
  }
  return compare_data(item, content);
}

std::string compare_region(const Item& item, Address address, const Judge& judge) {
  const std::size_t size = data_size(item);
  if (size == 0) return address == 0 ? "" : differs("address of an empty region", 0, address);
  if (address == 0) return "the address of a region is 0";
  const std::optional<Bytes> content = judge.read_memory(address, size);
  return content ? compare_content(item, *content, judge) : "a region is not mapped";
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
std::string compare_item(const Item& item, const Bytes& bytes, std::size_t& offset, const Judge& judge) {
  const std::size_t size = item.out_of_line ? kSlotSize : rounded(data_size(item));
  if (offset + sizeof(mach_msg_type_t) + size > bytes.size()) return "the message ends too early";
  const std::string difference = compare_descriptor(item, load<mach_msg_type_t>(bytes, offset));
  const std::size_t content = offset + sizeof(mach_msg_type_t);
  offset = content + size;
  if (!difference.empty()) return difference;
  if (item.out_of_line) return compare_region(item, load<Address>(bytes, content), judge);
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(content);
  return compare_content(item, Bytes(from, from + static_cast<std::ptrdiff_t>(size)), judge);
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

std::string compare_port(const char* what, const NameRef& expected, std::uint64_t slot, const Judge& judge) {
  if (slot >> 32 != 0) return std::string("upper half of the ") + what + " name is not zero";
  if (!judge.right(expected, static_cast<Name>(slot)))
    return std::string(what) + " name " + std::to_string(slot);
  return {};
}

std::string compare_local(const Message& expected, std::uint64_t slot, const Judge& judge) {
  if (!expected.payload) return compare_port("local", expected.local.name, slot, judge);
  return slot == *expected.payload ? "" : differs("payload", *expected.payload, slot);
}

}  // namespace

std::uint32_t element_count(const Item& item) {
  return item.kind == Item::Kind::kData ? item.count : static_cast<std::uint32_t>(item.names.size());
}

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

Encoded encode(const Message& message, const Sender& sender) {
  Encoded encoded;
  append(encoded.bytes, header_of(message, sender.number_of));
  for (const Item& item : message.items) append_item(encoded, item, sender);
  encoded.bytes.resize(sent_size(message, encoded.bytes.size()));
  return encoded;
}

std::vector<std::uint32_t> boundaries(const Message& message) {
  std::vector<std::uint32_t> ends{sizeof(mach_msg_header_t)};
  for (const Item& item : message.items) {
    const std::size_t content = item.out_of_line ? kSlotSize : rounded(data_size(item));
    ends.push_back(ends.back() + static_cast<std::uint32_t>(sizeof(mach_msg_type_t) + content));
  }
  return ends;
}

std::vector<std::pair<const Item*, Address>> regions_of(const Encoded& encoded) {
  std::vector<std::pair<const Item*, Address>> regions;
  for (const Slot& slot : encoded.slots) {
    if (!slot.item->out_of_line || slot.item->bad_address || item_length(*slot.item) == 0) continue;
    regions.emplace_back(slot.item, slot.address);
  }
  return regions;
}

std::vector<Name> names_in_items(const Encoded& sent, const Bytes& bytes, const ReadMemory& read_memory) {
  std::vector<Name> names;
  for (const auto& [item, offset, address] : sent.slots) {
    if (item->kind != Item::Kind::kPorts || item->names.empty()) continue;
    const std::size_t size = item->names.size() * stride(*item);
    if (offset + (item->out_of_line ? kSlotSize : size) > bytes.size()) continue;
    std::optional<Bytes> content = bytes;
    if (item->out_of_line) content = read_memory(load<Address>(bytes, offset), size);
    const std::size_t from = item->out_of_line ? 0 : offset;
    for (std::size_t at = 0; content && at < size; at += stride(*item)) {
      names.push_back(load<Name>(*content, from + at));
    }
  }
  return names;
}

std::string compare_header(const Written& expected, const Bytes& bytes, const Judge& judge) {
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

std::string compare_items(const Message& expected, const Bytes& bytes, const Judge& judge) {
  std::size_t offset = sizeof(mach_msg_header_t);
  for (const Item& item : expected.items) {
    std::string difference = compare_item(item, bytes, offset, judge);
    if (!difference.empty()) return difference;
  }
  return offset == bytes.size() ? "" : differs("size of the message", offset, bytes.size());
}

}  // namespace netmsg::conformance
