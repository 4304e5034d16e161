// SPDX-License-Identifier: Apache-2.0
#include "proxy/frame_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

#include "daemon/base/check.h"

namespace netmsg::proxy {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::size_t kBlockMin = 16U << 10;
constexpr std::size_t kTagSize = 1;  // of both fields' numbers, which are below 16

}  // namespace

// By hand: a Batch would want a copy of the frame, and the number is not the frame's maker's.
std::string_view FrameBytes::add(const v1::Frame& frame, FrameNumber number) {
  NETMSG_CHECK(frame.number() == 0);
  const auto size = static_cast<std::uint32_t>(kTagSize + sizeof(number) + frame.ByteSizeLong());
  const std::size_t head = kTagSize + CodedOutputStream::VarintSize32(size);
  char* const start = make_room(head + size);
  auto* at = reinterpret_cast<std::uint8_t*>(start);
  at = WireFormatLite::WriteTagToArray(v1::Batch::kFramesFieldNumber,
                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED, at);
  at = CodedOutputStream::WriteVarint32ToArray(size, at);
  at = WireFormatLite::WriteFixed64ToArray(v1::Frame::kNumberFieldNumber, number, at);
  at = frame.SerializeWithCachedSizesToArray(at);
  NETMSG_CHECK(at == reinterpret_cast<std::uint8_t*>(start) + head + size);
  return {start, head + size};
}

void FrameBytes::drop(std::size_t size) {
  NETMSG_CHECK(!blocks_.empty());
  Block& first = blocks_.front();
  NETMSG_CHECK(size <= first.used - first.dropped);
  first.dropped += size;
  if (first.dropped < first.used) return;
  if (blocks_.size() == 1 && first.capacity == kBlockMin) {
    first.used = first.dropped = 0;  // for what comes next
    return;
  }
  release_first();
}

void FrameBytes::release_first() {
  capacity_ -= blocks_.front().capacity;
  blocks_.pop_front();
}

char* FrameBytes::make_room(std::size_t size) {
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().used < size) {
    if (!blocks_.empty() && blocks_.back().used == 0) release_first();  // it is the only one
    const std::size_t capacity = std::max(kBlockMin, size);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity});
    capacity_ += capacity;
  }
  Block& last = blocks_.back();
  char* const room = last.memory.get() + last.used;
  last.used += size;
  return room;
}

}  // namespace netmsg::proxy
