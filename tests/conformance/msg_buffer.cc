// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/msg_buffer.h"

#include <algorithm>
#include <cstring>

#include "tests/conformance/codes.h"

namespace netmsg::conformance {

namespace {

constexpr std::byte kFill{0x5A};
constexpr std::size_t kMargin = 64;  // past the end: must stay as it is
constexpr std::size_t kSizeField = offsetof(mach_msg_header_t, msgh_size);

// The recorded kernel never gave the last one.
bool may_give_back(mach_msg_return_t error) {
  return gives_back(error) || error == MACH_SEND_NO_NOTIFY;
}

bool returns_header(mach_msg_return_t error) {
  return error == MACH_RCV_TOO_LARGE || error == MACH_RCV_INVALID_NOTIFY || error == MACH_RCV_HEADER_ERROR;
}

}  // namespace

MsgBuffer::MsgBuffer(const Bytes& message, mach_msg_size_t rcv_size)
    : before_(message), send_size_(static_cast<mach_msg_size_t>(message.size())), rcv_size_(rcv_size) {
  const std::size_t size = std::max<std::size_t>(message.size(), rcv_size) + kMargin;
  before_.resize(size, kFill);
  words_.resize(size / sizeof words_[0] + 1);
  std::memcpy(words_.data(), before_.data(), size);
}

MsgBuffer::Range MsgBuffer::changed() const {
  const std::byte* after = bytes();
  const auto first = std::mismatch(before_.begin(), before_.end(), after).first;
  if (first == before_.end()) return {};
  std::size_t end = before_.size();
  while (before_[end - 1] == after[end - 1]) --end;
  return {static_cast<std::size_t>(first - before_.begin()), end};
}

// What the code says was written. A message that is given back has its size in it, which was not there before.
MsgBuffer::Range MsgBuffer::due(mach_msg_option_t option, mach_msg_return_t code) const {
  const mach_msg_return_t error = code & ~MACH_MSG_MASK;
  const bool receives = (option & MACH_RCV_MSG) != 0;
  if ((code == MACH_MSG_SUCCESS && receives) || error == MACH_RCV_BODY_ERROR) {
    mach_msg_size_t size;
    std::memcpy(&size, bytes() + kSizeField, sizeof size);
    return {0, std::min(size, rcv_size_)};
  }
  if (may_give_back(error) && changed().end != 0) return {0, send_size_};
  if (error == MACH_RCV_TOO_LARGE && (option & MACH_RCV_LARGE) != 0) {
    return rcv_size_ < kSizeField + sizeof(mach_msg_size_t)
               ? Range{}
               : Range{kSizeField, kSizeField + sizeof(mach_msg_size_t)};
  }
  if (returns_header(error)) return {0, std::min<std::size_t>(rcv_size_, sizeof(mach_msg_header_t))};
  return {};
}

MsgAnswer MsgBuffer::answer(mach_msg_option_t option, mach_msg_return_t code) const {
  Range written = due(option, code);
  if (const Range seen = changed(); seen.end != 0) {
    if (written.end == 0) written = seen;
    written = {std::min(written.begin, seen.begin), std::max(written.end, seen.end)};
  }
  return {code, static_cast<std::uint32_t>(written.begin),
          Bytes(bytes() + written.begin, bytes() + written.end)};
}

}  // namespace netmsg::conformance
