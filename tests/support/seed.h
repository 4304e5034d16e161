// SPDX-License-Identifier: Apache-2.0
// The seed of a random test. The same in every run, so that a failure is there again when somebody looks:
// unless NETMSG_TEST_SEED is a number to start from instead, or "random" for one that nobody has tried yet.
// It is printed, so that any run can be repeated.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

namespace netmsg::test {

inline constexpr std::uint32_t kUsualSeed = 20261122;

inline std::uint32_t chosen_seed() {
  const char* said = std::getenv("NETMSG_TEST_SEED");
  if (said == nullptr) return kUsualSeed;
  if (std::string_view(said) == "random") return std::random_device{}();
  return static_cast<std::uint32_t>(std::strtoul(said, nullptr, 0));
}

inline std::uint32_t test_seed() {
  const std::uint32_t seed = chosen_seed();
  std::printf("NETMSG_TEST_SEED=%u\n", seed);
  std::fflush(stdout);
  return seed;
}

}  // namespace netmsg::test
