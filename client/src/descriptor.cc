// SPDX-License-Identifier: Apache-2.0
#include "client/src/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/src/guards.h"

namespace netmsg::client {

namespace {

constexpr int kFirstFree = STDERR_FILENO + 1;

int above_standard_streams(int fd) {
  if (fd < 0 || fd >= kFirstFree) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree);
  ::close(fd);
  return moved;
}

}  // namespace

Descriptor::Descriptor(int fd) : fd_(above_standard_streams(fd)) {
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

bool Descriptor::still_ours() const {
  struct stat status {};
  return fd_ >= 0 && ::fstat(fd_, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void Descriptor::close() {
  if (still_ours()) close_number(fd_);
  fd_ = -1;
}

// A cancellation would leave the number open, and a destructor cannot be left at all.
void close_number(int fd) {
  const CancellationGuard no_cancellation;
  ::close(fd);
}

}  // namespace netmsg::client
