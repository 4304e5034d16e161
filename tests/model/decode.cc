// SPDX-License-Identifier: Apache-2.0
#include "tests/model/decode.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace netmsg::model {

namespace {

using namespace conformance;

template <typename T>
T load(const Bytes& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool is_right(std::uint32_t type) {
  return type >= MACH_MSG_TYPE_MOVE_RECEIVE && type <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

std::size_t rounded(std::size_t size) {
  return (size + 7) / 8 * 8;
}

Item describe(const mach_msg_type_t& type) {
  Item item;
  item.type = type.msgt_name;
  item.out_of_line = type.msgt_inline == 0;
  item.deallocate = type.msgt_deallocate != 0;
  item.long_form = type.msgt_longform != 0;
  item.unused = type.msgt_unused != 0;
  if (is_right(type.msgt_name)) {
    item.kind = Item::Kind::kPorts;
  } else if (type.msgt_name == MACH_MSG_TYPE_PORT_NAME && type.msgt_size == 32) {
    item.kind = Item::Kind::kNames;
  } else {
    item.bits = type.msgt_size;
    item.count = type.msgt_number;
  }
  return item;
}

// Data is told by the seed of its pattern, or as one number. False: it is neither.
bool read_data(Item& item, const Bytes& content) {
  if (content.empty()) return true;
  item.seed = std::to_integer<std::uint32_t>(content[0]);
  for (std::size_t at = 0; at < content.size(); ++at) {
    if (content[at] == static_cast<std::byte>(item.seed + 13 * at)) continue;
    item.value = load<std::uint32_t>(content, 0);
    return content.size() == sizeof(std::uint32_t);
  }
  return true;
}

bool read_content(Item& item, const Bytes& content, const NameReader& reader) {
  if (item.kind == Item::Kind::kData) return read_data(item, content);
  const bool rights = item.kind == Item::Kind::kPorts;
  const std::size_t width = rights && !item.out_of_line ? sizeof(std::uint64_t) : sizeof(Name);
  for (std::size_t at = 0; at + width <= content.size(); at += width) {
    const Name name = load<Name>(content, at);
    item.names.push_back(rights ? reader.right(name) : reader.datum(name));
  }
  return true;
}

// False: what is left is no item.
bool read_item(const Bytes& bytes, std::size_t& at, const NameReader& reader, Message& message) {
  if (bytes.size() - at < sizeof(mach_msg_type_t)) return false;
  const auto type = load<mach_msg_type_t>(bytes, at);
  Item item = describe(type);
  at += sizeof type;
  const std::uint64_t length = (std::uint64_t{type.msgt_number} * type.msgt_size + 7) / 8;
  const std::uint64_t here = item.out_of_line ? sizeof(Address) : length;
  if (bytes.size() - at < here) return false;
  Bytes content(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                bytes.begin() + static_cast<std::ptrdiff_t>(at + here));
  if (item.out_of_line) {
    const auto address = load<Address>(content, 0);
    content = length == 0 ? Bytes() : reader.read_memory(address, length).value_or(Bytes());
  }
  if (!read_content(item, content, reader)) return false;
  at += rounded(here);
  message.items.push_back(std::move(item));
  return true;
}

}  // namespace

Message decode_header(const Bytes& bytes, const NameReader& reader) {
  Bytes whole = bytes;
  whole.resize(std::max(bytes.size(), sizeof(mach_msg_header_t)));
  const auto header = load<mach_msg_header_t>(whole, 0);
  Message message;
  message.remote = {MACH_MSGH_BITS_REMOTE(header.msgh_bits), reader.right(header.msgh_remote_port)};
  message.local.type = MACH_MSGH_BITS_LOCAL(header.msgh_bits);
  if (message.local.type == MACH_MSG_TYPE_PROTECTED_PAYLOAD) {
    message.payload = header.msgh_protected_payload;
  } else {
    message.local.name = reader.right(header.msgh_local_port);
  }
  message.complex = (header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
  message.extra_bits = MACH_MSGH_BITS_OTHER(header.msgh_bits) & ~MACH_MSGH_BITS_COMPLEX;
  message.seqno = header.msgh_seqno;
  message.id = header.msgh_id;
  return message;
}

Message decode(const Bytes& bytes, const NameReader& reader) {
  Message message = decode_header(bytes, reader);
  std::size_t at = sizeof(mach_msg_header_t);
  if (*message.complex) {
    while (at < bytes.size() && read_item(bytes, at, reader, message)) continue;
    return message;
  }
  // What nobody looked at is compared byte by byte, unless it reads as plain data.
  const NameReader data_only{[](Name) { return NameRef{}; }, reader.datum, reader.read_memory};
  bool plain = true;
  while (plain && at < bytes.size()) {
    if (!read_item(bytes, at, data_only, message)) {
      plain = false;
      message.body = Message::Body::kTruncated;
    } else if (message.items.back().kind == Item::Kind::kPorts || message.items.back().out_of_line) {
      plain = false;
      message.body = Message::Body::kRaw;
    }
  }
  if (!plain) message.items.clear();
  return message;
}

}  // namespace netmsg::model
