// SPDX-License-Identifier: Apache-2.0
#include "proxy/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <optional>
#include <utility>

#include "proxy/fields.h"

namespace netmsg::proxy {

namespace {

using google::protobuf::internal::WireFormatLite;

// Adds the number of fields `number` in an encoded message to `count`. False: malformed.
bool count_fields(Rope message, int number, std::size_t& count) {
  while (!message.empty()) {
    const std::optional<Field> field = take_field(message);
    if (!field) return false;
    if (field->number == number) ++count;
  }
  return true;
}

// A right is two bytes or more.
bool within_limits(Rope frame) {
  if (frame.size() <= std::size_t{2} * kRightsMax) return true;
  std::size_t rights = 0;
  while (!frame.empty()) {
    const std::optional<Field> field = take_field(frame);
    if (!field) return false;
    if (!field->is_bytes(v1::Frame::kMessageFieldNumber)) continue;
    if (!count_fields(field->bytes, v1::Message::kRightsFieldNumber, rights)) return false;
  }
  return rights <= kRightsMax;
}

}  // namespace

BatchReader::Item BatchReader::next() {
  while (!rest_.empty()) {
    const std::optional<Field> field = take_field(rest_);
    if (!field) {
      rest_ = Rope();
      return Item::kMalformed;
    }
    bytes_ = field->bytes;
    if (field->is_bytes(v1::Batch::kHelloFieldNumber)) return Item::kHello;
    if (field->is_bytes(v1::Batch::kFramesFieldNumber)) return Item::kFrame;
    if (field->is_bytes(v1::Batch::kFenceFieldNumber)) return Item::kFence;
    if (field->is_number(v1::Batch::kAppliedFieldNumber)) {
      applied_ = field->value;
      return Item::kApplied;
    }
  }
  return Item::kEnd;
}

bool read_frame(const Rope& bytes, v1::Frame& frame) {
  return within_limits(bytes) && parse(bytes, frame);
}
bool read_hello(const Rope& bytes, v1::Hello& hello) {
  return parse(bytes, hello);
}
bool read_fence(const Rope& bytes, v1::Fence& fence) {
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

void BatchWriter::chunk(std::string frame) {
  if (!current_.empty()) close_current();
  current_ = std::move(frame);
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
