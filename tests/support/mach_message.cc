// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mach_message.h"

#include <cstring>

namespace netmsg::test {

namespace {

constexpr std::uint32_t kGarbage = 0xDEADBEEF;

void append(Bytes& bytes, const void* data, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

void append_item(Bytes& bytes, const Item& item) {
  append(bytes, &item.descriptor, sizeof item.descriptor);
  if (!item.descriptor.msgt_inline) return append(bytes, &item.address, sizeof item.address);
  const bool wide = item.descriptor.msgt_size == 64;
  for (const std::uint32_t value : item.values) {
    append(bytes, &value, sizeof value);
    if (wide) append(bytes, &kGarbage, sizeof kGarbage);
  }
  bytes.resize((bytes.size() + 7) / 8 * 8);
}

}  // namespace

Item rights(unsigned disposition, std::initializer_list<Name> names) {
  Item item;
  item.descriptor.msgt_name = disposition & 0xFFU;
  item.descriptor.msgt_size = 64;
  item.descriptor.msgt_inline = 1;
  item.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(names.size());
  item.values.assign(names.begin(), names.end());
  return item;
}

Item numbers(std::initializer_list<std::uint32_t> values) {
  Item item = rights(MACH_MSG_TYPE_INTEGER_32, values);
  item.descriptor.msgt_size = 32;
  return item;
}

Item memory(Bytes bytes, std::uint64_t address) {
  Item item;
  item.descriptor.msgt_name = MACH_MSG_TYPE_CHAR;
  item.descriptor.msgt_size = 8;
  item.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(bytes.size());
  item.address = address;
  item.memory = std::move(bytes);
  return item;
}

Item array(unsigned disposition, const std::vector<Name>& names, std::uint64_t address) {
  Bytes bytes(names.size() * sizeof(Name));
  if (!names.empty()) std::memcpy(bytes.data(), names.data(), bytes.size());
  Item item = memory(std::move(bytes), address);
  item.descriptor.msgt_name = disposition & 0xFFU;
  item.descriptor.msgt_size = 32;
  item.descriptor.msgt_number = static_cast<mach_msg_type_number_t>(names.size());
  return item;
}

Bytes Outgoing::encode() const {
  mach_msg_header_t header{};
  std::memset(&header, 0xA5, sizeof header);
  header.msgh_bits = bits | MACH_MSGH_BITS(remote_type, local_type);
  header.msgh_remote_port = remote;
  header.msgh_local_port = local;
  header.msgh_id = id;
  for (const Item& item : items) {
    if (MACH_MSG_TYPE_PORT_ANY(item.descriptor.msgt_name) || !item.descriptor.msgt_inline)
      header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
  }
  Bytes bytes;
  append(bytes, &header, sizeof header);
  for (const Item& item : items) append_item(bytes, item);
  return bytes;
}

mach_msg_header_t header_of(const Bytes& message) {
  mach_msg_header_t header{};
  std::memcpy(&header, message.data(), std::min(sizeof header, message.size()));
  return header;
}

std::vector<std::uint32_t> values_of(const Bytes& message) {
  std::vector<std::uint32_t> values;
  std::size_t at = sizeof(mach_msg_header_t);
  while (at + sizeof(mach_msg_type_t) <= message.size()) {
    mach_msg_type_t item;
    std::memcpy(&item, message.data() + at, sizeof item);
    at += sizeof item;
    const std::size_t step = item.msgt_inline ? item.msgt_size / 8 : sizeof(vm_address_t);
    const std::size_t count = item.msgt_inline ? item.msgt_number : 1;
    for (unsigned i = 0; i < count && at + (i + 1) * step <= message.size(); ++i) {
      std::uint32_t value;
      std::memcpy(&value, message.data() + at + i * step, sizeof value);
      values.push_back(value);
    }
    at += (count * step + 7) / 8 * 8;
  }
  return values;
}

}  // namespace netmsg::test
