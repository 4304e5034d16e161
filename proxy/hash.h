// SPDX-License-Identifier: Apache-2.0
// For digests: mixes numbers; the same on every machine. Not for tables that a peer could aim at.
#pragma once

#include <cstdint>

namespace netmsg::proxy {

// splitmix64.
inline constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Order matters: mix_in(mix_in(0, a), b) differs from mix_in(mix_in(0, b), a).
inline constexpr std::uint64_t mix_in(std::uint64_t digest, std::uint64_t value) {
  return mix(digest ^ mix(value));
}

}  // namespace netmsg::proxy
