// SPDX-License-Identifier: Apache-2.0
// The fixed structures of proto/local/frame.h to bytes and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "proto/local/frame.h"

namespace netmsg::session {

// A frame of `kind` with the given payload; its header announces `more` bytes that the caller appends.
template <typename Payload>
std::vector<std::byte> encode_frame(local::Kind kind, std::uint64_t id, const Payload& payload,
                                    std::uint32_t more = 0) {
  const local::FrameHeader header{static_cast<std::uint32_t>(sizeof payload) + more,
                                  static_cast<std::uint16_t>(kind), 0, id};
  std::vector<std::byte> frame;
  frame.reserve(sizeof header + header.length);
  frame.resize(sizeof header + sizeof payload);
  std::memcpy(frame.data(), &header, sizeof header);
  std::memcpy(frame.data() + sizeof header, &payload, sizeof payload);
  return frame;
}

// The payload as structure T; nothing if the size is not T's.
template <typename T>
std::optional<T> decode_fixed(std::span<const std::byte> payload) {
  if (payload.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, payload.data(), sizeof value);
  return value;
}

}  // namespace netmsg::session
