// SPDX-License-Identifier: Apache-2.0
#include "client/src/watches.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "proto/local/frame.h"

namespace netmsg::client {

namespace {

// Signals are numbered round and round.
bool is_up_to(std::uint32_t number, std::uint32_t last) {
  return static_cast<std::int32_t>(number - last) <= 0;
}

// Reads away what is answered, from the front on. `fd` is ours alone: nobody gives its number another meaning.
void read_away(int fd, std::uint32_t last) {
  local::Signal signal;
  const auto look = [&](int flags) {
    return ::recv(fd, &signal, sizeof signal, MSG_DONTWAIT | flags) == sizeof signal;
  };
  while (look(MSG_PEEK) && is_up_to(signal.number, last)) look(0);
}

bool stands_for(int fd, dev_t device, ino_t inode) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

constexpr int kClosed = -1;
constexpr int kUnknown = -2;

// The number under which this process has the socket now, or one of the two above.
int find_number(dev_t device, ino_t inode) {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return kUnknown;
  int found = kClosed;
  while (const dirent* entry = found < 0 ? ::readdir(folder) : nullptr) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && stands_for(fd, device, inode)) found = fd;
  }
  ::closedir(folder);
  return found;
}

}  // namespace

void Watches::add(std::uint32_t id, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  forget_number(fd);
  Watch& watch = watches_[id];
  watch.held.push_back({fd, status.st_dev, status.st_ino});
  watch.answered.reset();  // in the others; this one may have been signalled before
}

// What had the number before has been closed, and its watch with the last of them.
void Watches::forget_number(int fd) {
  for (auto at = watches_.begin(); at != watches_.end();) {
    auto& held = at->second.held;
    std::erase_if(held, [fd](const Held& one) { return one.fd == fd; });
    at = held.empty() ? watches_.erase(at) : std::next(at);
  }
}

void Watches::answered(std::uint32_t id, std::uint32_t signal) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  Watch& watch = found->second;
  if (watch.answered && is_up_to(signal, *watch.answered)) return;
  watch.answered = signal;
  std::erase_if(watch.held, [&](Held& held) {
    const Taken taken = take_away(held, signal);
    if (taken == Taken::kLater) watch.answered.reset();
    return taken == Taken::kClosed;
  });
  if (watch.held.empty()) watches_.erase(found);
}

// Reads through a number of its own, because another thread may close the program's at any moment and open something
// else under it. Without descriptors it is left for the next time.
Watches::Taken Watches::take_away(Held& held, std::uint32_t signal) {
  if (!stands_for(held.fd, held.device, held.inode)) {
    const int elsewhere = find_number(held.device, held.inode);
    if (elsewhere < 0) return elsewhere == kClosed ? Taken::kClosed : Taken::kLater;
    held.fd = elsewhere;
  }
  const int own = ::fcntl(held.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (own < 0) return Taken::kLater;
  const bool still_there = stands_for(own, held.device, held.inode);
  if (still_there) read_away(own, signal);
  ::close(own);
  return still_there ? Taken::kYes : Taken::kLater;
}

}  // namespace netmsg::client
