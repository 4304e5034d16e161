// SPDX-License-Identifier: Apache-2.0
#include "proxy/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace netmsg::proxy {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

struct Field {
  int number = 0;
  WireFormatLite::WireType type = WireFormatLite::WIRETYPE_VARINT;
  std::uint64_t value = 0;  // of a varint
  std::string_view bytes;   // of a length-delimited field
};

// Takes the first field off `rest`. Nullopt: malformed. REQUIRES: rest is not empty.
std::optional<Field> take_field(std::string_view& rest) {
  if (rest.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(rest.data()), static_cast<int>(rest.size()));
  const std::uint32_t tag = in.ReadTag();
  if (tag == 0) return std::nullopt;
  Field field;
  field.number = WireFormatLite::GetTagFieldNumber(tag);
  field.type = WireFormatLite::GetTagWireType(tag);
  std::size_t used = 0;
  if (field.type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return std::nullopt;
    const auto start = static_cast<std::size_t>(in.CurrentPosition());
    if (length > rest.size() - start) return std::nullopt;
    field.bytes = rest.substr(start, length);
    used = start + length;
  } else if (field.type == WireFormatLite::WIRETYPE_VARINT) {
    if (!in.ReadVarint64(&field.value)) return std::nullopt;
    used = static_cast<std::size_t>(in.CurrentPosition());
  } else {
    if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
    used = static_cast<std::size_t>(in.CurrentPosition());
  }
  rest.remove_prefix(used);
  return field;
}

bool is_message(const Field& field, int number) {
  return field.number == number && field.type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

// Adds the number of fields `number` in an encoded message to `count`. False: malformed.
bool count_fields(std::string_view message, int number, std::size_t& count) {
  while (!message.empty()) {
    const std::optional<Field> field = take_field(message);
    if (!field) return false;
    if (field->number == number) ++count;
  }
  return true;
}

// A right is two bytes or more.
bool within_limits(std::string_view frame) {
  if (frame.size() <= std::min(std::size_t{2} * kRightsMax, std::size_t{kChunkBytesMax})) return true;
  std::size_t rights = 0;
  while (!frame.empty()) {
    const std::optional<Field> field = take_field(frame);
    if (!field) return false;
    if (is_message(*field, v1::Frame::kChunkFieldNumber) && field->bytes.size() > kChunkBytesMax)
      return false;
    if (!is_message(*field, v1::Frame::kMessageFieldNumber)) continue;
    if (!count_fields(field->bytes, v1::Message::kRightsFieldNumber, rights)) return false;
  }
  return rights <= kRightsMax;
}

template <typename Part>
bool parse(std::string_view bytes, Part& part) {
  return part.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

BatchReader::Item BatchReader::next() {
  while (!rest_.empty()) {
    const std::optional<Field> field = take_field(rest_);
    if (!field) {
      rest_ = {};
      return Item::kMalformed;
    }
    bytes_ = field->bytes;
    if (is_message(*field, v1::Batch::kHelloFieldNumber)) return Item::kHello;
    if (is_message(*field, v1::Batch::kFramesFieldNumber)) return Item::kFrame;
    if (is_message(*field, v1::Batch::kFenceFieldNumber)) return Item::kFence;
    if (field->number == v1::Batch::kAppliedFieldNumber && field->type == WireFormatLite::WIRETYPE_VARINT) {
      applied_ = field->value;
      return Item::kApplied;
    }
  }
  return Item::kEnd;
}

bool read_frame(std::string_view bytes, v1::Frame& frame) {
  return within_limits(bytes) && parse(bytes, frame);
}
bool read_hello(std::string_view bytes, v1::Hello& hello) {
  return parse(bytes, hello);
}
bool read_fence(std::string_view bytes, v1::Fence& fence) {
  return parse(bytes, fence);
}

void BatchWriter::hello(const v1::Hello& hello) {
  v1::Batch part;
  *part.mutable_hello() = hello;
  append(part);
}

// By hand: the frame stays its session's, and a Batch would want a copy of it.
void BatchWriter::frame(const v1::Frame& frame) {
  const std::size_t size = frame.ByteSizeLong();
  make_room(size);
  google::protobuf::io::StringOutputStream stream(&current_);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(
      WireFormatLite::MakeTag(v1::Batch::kFramesFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<std::uint32_t>(size));
  frame.SerializeWithCachedSizes(&out);
}

void BatchWriter::item(std::string_view frame) {
  make_room(frame.size());
  current_ += frame;
}

void BatchWriter::fence(const v1::Fence& fence) {
  v1::Batch part;
  *part.mutable_fence() = fence;
  part.set_applied(applied_);
  append(part);
  done_.push_back(std::exchange(current_, {}));
}

std::vector<std::string> BatchWriter::take() {
  close_current();
  return std::exchange(done_, {});
}

void BatchWriter::append(const v1::Batch& part) {
  make_room(part.ByteSizeLong());
  part.AppendToString(&current_);
}

void BatchWriter::make_room(std::size_t size) {
  if (!current_.empty() && current_.size() + size > kBatchBytesMax) close_current();
}

void BatchWriter::close_current() {
  if (current_.empty() && !done_.empty()) return;
  v1::Batch last;
  last.set_applied(applied_);
  last.AppendToString(&current_);
  done_.push_back(std::exchange(current_, {}));
}

}  // namespace netmsg::proxy
