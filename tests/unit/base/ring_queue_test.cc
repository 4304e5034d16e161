// SPDX-License-Identifier: Apache-2.0
#include "daemon/base/ring_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

#include "tests/support/seed.h"

namespace netmsg::base {
namespace {

// Beside a std::deque, with lengths that come and go past what fits at first.
TEST(RingQueue, IsAQueue) {
  std::mt19937 random(test::test_seed());
  RingQueue<int> queue;
  std::deque<int> model;
  for (int step = 0; step < 20000; ++step) {
    const bool grows = step / 1000 % 2 == 0;
    if (random() % 3 != (grows ? 0U : 1U)) {
      queue.push_back(step);
      model.push_back(step);
    } else if (!model.empty()) {
      ASSERT_EQ(queue.pop_front(), model.front());
      model.pop_front();
    }
    ASSERT_EQ(queue.size(), model.size());
    if (model.empty()) continue;
    ASSERT_EQ(queue[model.size() - 1], model.back());
  }
}

TEST(RingQueue, KeepsNothingOfWhatHasLeft) {
  RingQueue<std::shared_ptr<int>> queue;
  const auto value = std::make_shared<int>(1);
  queue.push_back(value);
  EXPECT_EQ(value.use_count(), 2);
  queue.pop_front();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace netmsg::base
