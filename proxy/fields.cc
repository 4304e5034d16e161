// SPDX-License-Identifier: Apache-2.0
#include "proxy/fields.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>

namespace netmsg::proxy {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

std::optional<std::uint64_t> take_varint(Rope& rest) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.take_byte());
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> take_fixed(Rope& rest, std::size_t size) {
  if (rest.size() < size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t at = 0; at < size; ++at)
    value |= std::uint64_t{static_cast<unsigned char>(rest.take_byte())} << (8 * at);
  return value;
}

std::optional<std::uint64_t> take_number(Rope& rest, WireFormatLite::WireType type) {
  switch (type) {
    case WireFormatLite::WIRETYPE_VARINT:
      return take_varint(rest);
    case WireFormatLite::WIRETYPE_FIXED32:
      return take_fixed(rest, 4);
    case WireFormatLite::WIRETYPE_FIXED64:
      return take_fixed(rest, 8);
    default:
      return std::nullopt;
  }
}

constexpr std::size_t kHeadMax = 5 + 10;  // a tag, and a number of 64 bits

void append(std::string& to, const std::uint8_t* begin, const std::uint8_t* end) {
  to.append(reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace

std::optional<Field> take_field(Rope& rest) {
  const std::optional<std::uint64_t> tag = take_varint(rest);
  if (!tag || *tag > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  Field field;
  field.number = WireFormatLite::GetTagFieldNumber(static_cast<std::uint32_t>(*tag));
  if (field.number == 0) return std::nullopt;
  const auto type = WireFormatLite::GetTagWireType(static_cast<std::uint32_t>(*tag));
  const bool is_bytes = type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  const std::optional<std::uint64_t> number = is_bytes ? take_varint(rest) : take_number(rest, type);
  if (!number) return std::nullopt;
  field.value = *number;
  if (!is_bytes) return field;
  if (*number > rest.size()) return std::nullopt;
  field.type = Field::Type::kBytes;
  field.bytes = rest.take(static_cast<std::size_t>(*number));
  return field;
}

bool parse(const Rope& bytes, google::protobuf::MessageLite& message) {
  std::string room;
  const std::string_view flat = bytes.flat(room);
  return message.ParseFromArray(flat.data(), static_cast<int>(flat.size()));
}

void put_number(std::string& to, int field, std::uint64_t value) {
  std::uint8_t head[kHeadMax];
  append(to, head, WireFormatLite::WriteUInt64ToArray(field, value, head));
}

void put_fixed(std::string& to, int field, std::uint64_t value) {
  std::uint8_t head[kHeadMax];
  append(to, head, WireFormatLite::WriteFixed64ToArray(field, value, head));
}

void put_length(std::string& to, int field, std::uint64_t length) {
  std::uint8_t head[kHeadMax];
  std::uint8_t* const after_tag =
      WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, head);
  append(to, head, CodedOutputStream::WriteVarint64ToArray(length, after_tag));
}

}  // namespace netmsg::proxy
