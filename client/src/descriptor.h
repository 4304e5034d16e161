// SPDX-License-Identifier: Apache-2.0
// A socket or file that the library holds in a program that does not know about it: the program may close every
// descriptor it has, or open a file under a number that was ours. A Descriptor therefore remembers what it
// stands for, and neither uses nor closes a number that has come to mean something else. States:
// empty, holding. Owner: whoever constructed it. Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <utility>

namespace netmsg::client {

class Descriptor {
 public:
  Descriptor() = default;
  // Takes over `fd`, or nothing (-1). Moves it above standard error if it is not there (a program may have
  // started with 0, 1 or 2 closed); empty if that fails.
  explicit Descriptor(int fd);
  Descriptor(Descriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), device_(other.device_), inode_(other.inode_) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  // The number, or -1 if this holds nothing.
  int fd() const { return fd_; }
  // Of what was taken over.
  ino_t inode() const { return inode_; }
  // Does the number still stand for what was taken over?
  bool still_ours() const;
  // Empty afterwards; closing is the caller's business.
  int release() { return std::exchange(fd_, -1); }
  // Closes it if it is still ours; empty afterwards.
  void close();

 private:
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Closes a number that no Descriptor holds. Like Descriptor::close, no cancellation point.
void close_number(int fd);

}  // namespace netmsg::client
