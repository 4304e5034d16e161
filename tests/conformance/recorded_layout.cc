// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/recorded_layout.h"

#include "tests/conformance/message_codec.h"

namespace netmsg::conformance::recorded {

namespace {

constexpr std::uint32_t kShortDescriptor = 4;
constexpr std::uint32_t kLongDescriptor = 12;
constexpr std::uint32_t kSlot = 4;  // a name, an address
constexpr std::uint32_t kNumberMax = 4095;

std::uint32_t content_size(const Item& item) {
  if (item.out_of_line) return kSlot;
  if (item.kind != Item::Kind::kData) return static_cast<std::uint32_t>(item.names.size()) * kSlot;
  return static_cast<std::uint32_t>((std::uint64_t{item.count} * item.bits + 7) / 8);
}

}  // namespace

std::vector<std::uint32_t> boundaries(const Message& message) {
  std::vector<std::uint32_t> ends{kHeaderSize};
  for (const Item& item : message.items) {
    const std::uint32_t descriptor = item.long_form ? kLongDescriptor : kShortDescriptor;
    ends.push_back(ends.back() + descriptor + (content_size(item) + kSlot - 1) / kSlot * kSlot);
  }
  return ends;
}

std::int64_t sent_size(const Message& message) {
  if (!message.size) return std::int64_t{recorded::boundaries(message).back()} + message.pad - message.cut;
  const std::int64_t base = message.size->base == SizeRef::Base::kHeader ? std::int64_t{kHeaderSize}
                                                                         : std::int64_t{message.size->number};
  return base + message.size->offset;
}

bool number_was_cut(const Item& item) {
  return !item.long_form && element_count(item) > kNumberMax;
}

bool length_overflowed(const Item& item) {
  return item.kind == Item::Kind::kPorts && !item.out_of_line && item.number_field &&
         std::uint64_t{*item.number_field} * kSlot > UINT32_MAX;
}

}  // namespace netmsg::conformance::recorded
