// SPDX-License-Identifier: Apache-2.0
// A program of its own, because it counts every call of operator new in it: what the engine does over and over takes
// no memory from the heap once it has been done for a while.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/engine_loop.h"

namespace {

std::size_t allocations = 0;  // one thread

void* counted(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes);
}
void* operator new[](std::size_t bytes) {
  return counted(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace netmsg::test {
namespace {

constexpr int kWarmUp = 5000;  // more than a freed name rests
constexpr int kRounds = 10000;

// Allocations in kRounds of what the loop does, after it was done for a while.
std::size_t allocations_of(void (EngineLoop::*step)()) {
  EngineLoop loop;
  for (int round = 0; round < kWarmUp; ++round) (loop.*step)();
  const std::size_t before = allocations;
  for (int round = 0; round < kRounds; ++round) (loop.*step)();
  return allocations - before;
}

TEST(EngineAllocation, ASimpleMessageThroughAQueueTakesNone) {
  EXPECT_EQ(allocations_of(&EngineLoop::send_and_receive), 0U);
}
TEST(EngineAllocation, ASimpleMessageToAWaitingReceiverTakesNone) {
  EXPECT_EQ(allocations_of(&EngineLoop::send_to_waiting), 0U);
}
TEST(EngineAllocation, ACallWithASendOnceReplyTakesNone) {
  EXPECT_EQ(allocations_of(&EngineLoop::call), 0U);
}
TEST(EngineAllocation, AReceiveFromASetTakesNone) {
  EXPECT_EQ(allocations_of(&EngineLoop::receive_from_set), 0U);
}
TEST(EngineAllocation, TheCounterCounts) {
  EXPECT_GT(allocations_of(&EngineLoop::move_send_right), 0U)
      << "a body with rights still takes a list of them";
}

}  // namespace
}  // namespace netmsg::test
