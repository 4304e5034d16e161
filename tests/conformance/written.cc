// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/written.h"

#include <algorithm>
#include <cstring>

namespace netmsg::conformance {

namespace {

constexpr std::uint32_t kHeaderSize = sizeof(mach_msg_header_t);
constexpr std::uint32_t kSizeEnd = offsetof(mach_msg_header_t, msgh_size) + sizeof(mach_msg_size_t);

std::string differs(const char* what, std::uint64_t expected, std::uint64_t found) {
  return std::string(what) + ": expected " + std::to_string(expected) + ", found " + std::to_string(found);
}

std::uint32_t load_word(const Bytes& bytes, std::size_t offset) {
  std::uint32_t word;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return word;
}

// Notifications are of two sizes: send-once ones are a bare header, all others have one item of one element.
bool is_notification_size(std::uint32_t size) {
  return size == kHeaderSize || size == kHeaderSize + 16;
}

}  // namespace

std::int32_t id_of(const Bytes& message) {
  return static_cast<std::int32_t>(load_word(message, offsetof(mach_msg_header_t, msgh_id)));
}

std::string WrittenCheck::compare(const MsgAnswer& answer, std::uint32_t rcv_size) const {
  switch (expected_.kind) {
    case Written::Kind::kHeaderOnly:
      return compare_header_only(answer, rcv_size);
    case Written::Kind::kSizeOnly:
      return compare_size_only(answer, rcv_size);
    case Written::Kind::kReceived:
    case Written::Kind::kGivenBack:
      break;
  }
  if (answer.offset != 0 || answer.written.size() < kHeaderSize) return "no message was written";
  return compare_message(answer.written);
}

std::string WrittenCheck::compare_message(const Bytes& bytes) const {
  const std::uint32_t told = load_word(bytes, offsetof(mach_msg_header_t, msgh_size));
  if (told != bytes.size()) return differs("msgh_size", bytes.size(), told);
  std::string difference = compare_header(expected_, bytes, judge_);
  if (!difference.empty()) return difference;
  if (expected_.message.body != Message::Body::kItems) return compare_raw(bytes);
  return compare_items(expected_.message, bytes, judge_);
}

// A body that the kernel did not look at is that of a message of this case, byte for byte.
std::string WrittenCheck::compare_raw(const Bytes& bytes) const {
  const Bytes body(bytes.begin() + kHeaderSize, bytes.end());
  const bool known = std::any_of(sent_.bodies.begin(), sent_.bodies.end(), [&](const auto& sent) {
    return sent.first == expected_.message.id && sent.second == body;
  });
  return known ? "" : "the body is not the one sent";
}

// Nothing is written past rcv_size (DEVIATIONS.md §1, deviation 6).
std::string WrittenCheck::compare_header_only(const MsgAnswer& answer, std::uint32_t rcv_size) const {
  const std::size_t size = std::min(kHeaderSize, rcv_size);
  if (answer.offset != 0 || answer.written.size() != size)
    return differs("bytes written", size, answer.written.size());
  std::string difference = compare_header(expected_, answer.written, judge_);
  if (!difference.empty() || size < kSizeEnd) return difference;
  return compare_told_size(load_word(answer.written, offsetof(mach_msg_header_t, msgh_size)));
}

std::string WrittenCheck::compare_size_only(const MsgAnswer& answer, std::uint32_t rcv_size) const {
  const std::size_t size = rcv_size < kSizeEnd ? 0 : sizeof(mach_msg_size_t);
  const bool at_size = size == 0 || answer.offset == offsetof(mach_msg_header_t, msgh_size);
  if (answer.written.size() != size || !at_size) return differs("bytes written", size, answer.written.size());
  return size == 0 ? "" : compare_told_size(load_word(answer.written, 0));
}

std::string WrittenCheck::compare_told_size(std::uint32_t found) const {
  const ToldSize& told = expected_.size;
  switch (told.kind) {
    case ToldSize::Kind::kNotRecorded:
      return {};
    case ToldSize::Kind::kOfNotification:
      if (is_notification_size(found)) return {};
      return excuses_.told_size(operation_, found, sent_.sizes) == Excuses::Verdict::kGoesOn
                 ? ""
                 : "size: expected that of a notification, found " + std::to_string(found);
    case ToldSize::Kind::kOfOperation:
      break;
  }
  const std::uint32_t expected = sent_.sizes.at(told.operation);
  return found == expected ? "" : differs("size", expected, found);
}

}  // namespace netmsg::conformance
