// SPDX-License-Identifier: Apache-2.0
// What a child of a fork waits for until the test lets it go on: it passes when every other end is closed.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace netmsg::test {

class Gate {
 public:
  Gate() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Gate() {
    open();
    ::close(ends_[0]);
  }
  void open() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  // In the child.
  void wait() {
    open();
    char byte;
    EXPECT_EQ(::read(ends_[0], &byte, 1), 0);
  }

 private:
  int ends_[2];
};

}  // namespace netmsg::test
