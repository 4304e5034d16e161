// SPDX-License-Identifier: Apache-2.0
#include "proxy/net_id.h"

#include <algorithm>

namespace netmsg::proxy {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string NodeId::hex() const {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<NodeId> NodeId::from_hex(std::string_view text) {
  NodeId node;
  if (text.size() != 2 * node.bytes.size()) return std::nullopt;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t digit = kDigits.find(text[at]);
    if (digit == std::string_view::npos) return std::nullopt;
    std::uint8_t& byte = node.bytes[at / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | digit);
  }
  return node;
}

std::string NodeId::wire() const {
  return {bytes.begin(), bytes.end()};
}

std::optional<NodeId> NodeId::from_wire(std::string_view bytes) {
  NodeId node;
  if (bytes.size() != node.bytes.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), node.bytes.begin());
  return node;
}

}  // namespace netmsg::proxy
