// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/frame_reader.h"

#include <algorithm>
#include <cstring>

namespace netmsg::session {

namespace {

// An idle connection keeps no more than this.
constexpr std::size_t kKeptCapacity = 256;

// So long are requests without a message. They are taken whatever the account bears: a receive is what makes room in
// it, and a port call has no answer that says there is none.
constexpr std::uint32_t kFreeLength = 64;
static_assert(sizeof(local::MachMsg) <= kFreeLength && sizeof(local::PortCall) <= kFreeLength);
static_assert(sizeof(local::Hello) <= kFreeLength && kFreeLength <= kKeptCapacity);

}  // namespace

void FrameReader::feed(std::span<const std::byte> bytes) {
  forget_passed();
  const std::span<std::byte> rest = awaited();
  const auto part = bytes.first(std::min(bytes.size(), rest.size()));
  std::copy(part.begin(), part.end(), rest.begin());
  filled(part.size());
  bytes = bytes.subspan(part.size());
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::span<std::byte> FrameReader::awaited() const {
  if (!block_) return {};
  return std::span(block_.get(), header_.length).subspan(block_filled_);
}

FrameReader::Step FrameReader::next() {
  pass();
  if (state_ == State::kHeader) read_header();
  switch (state_) {
    case State::kHeader:
      return need_more();
    case State::kPayload:
      return payload_there() < header_.length ? need_more() : give_out();
    case State::kSkipping:
      return skip();
    case State::kBroken:
      break;
  }
  return Step::kBroken;
}

void FrameReader::read_header() {
  if (available() < sizeof header_) return;
  std::memcpy(&header_, buffer_.data() + begin_, sizeof header_);
  begin_ += sizeof header_;
  state_ = judge_header();
}

FrameReader::State FrameReader::judge_header() {
  if (header_.zero != 0) return broken("a reserved field of a frame header is not zero");
  if (header_.length > length_max_) return broken("a frame is longer than allowed");
  // What never waits costs nobody anything.
  if (header_.length <= kFreeLength || available() >= header_.length) return State::kPayload;
  charge_ = ipc::Charge::bytes(account_, header_.length);
  if (charge_) return begin_block(), State::kPayload;
  to_skip_ = header_.length;
  return State::kSkipping;
}

// It is as long as it will be, so nothing that comes is moved again.
void FrameReader::begin_block() {
  block_ = std::make_unique_for_overwrite<std::byte[]>(header_.length);
  std::memcpy(block_.get(), buffer_.data() + begin_, available());
  block_filled_ = available();
  begin_ = buffer_.size();
}

FrameReader::State FrameReader::broken(const char* why) {
  why_broken_ = why;
  return State::kBroken;
}

FrameReader::Step FrameReader::give_out() {
  given_out_ = block_ ? 0 : header_.length;
  charge_ = ipc::Charge();
  state_ = State::kHeader;
  return Step::kFrame;
}

FrameReader::Step FrameReader::skip() {
  const auto passed = static_cast<std::uint32_t>(std::min<std::size_t>(to_skip_, available()));
  begin_ += passed;
  to_skip_ -= passed;
  if (to_skip_ > 0) return need_more();
  state_ = State::kHeader;
  return Step::kSkipped;
}

FrameReader::Step FrameReader::need_more() {
  forget_passed();
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) std::vector<std::byte>().swap(buffer_);
  return Step::kNeedMore;
}

void FrameReader::pass() {
  begin_ += std::exchange(given_out_, 0);
  if (state_ == State::kHeader) block_.reset();
}

void FrameReader::forget_passed() {
  pass();
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(std::exchange(begin_, 0)));
}

}  // namespace netmsg::session
