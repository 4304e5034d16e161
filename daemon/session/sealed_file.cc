// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/sealed_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace netmsg::session {

namespace {

// For good: what the kernel grants only when nobody has it mapped for writing.
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

bool is_readable(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

// A memfd of huge pages has seals too, but mapping it may fail where nothing else does.
bool has_ordinary_pages(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

bool has_size(int fd, std::uint64_t size) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == size;
}

}  // namespace

// The seals first: they are had by memory alone, and whatever has them answers the other questions at once.
bool SealedFile::is_one(int fd, std::uint64_t size) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals && is_readable(fd) && has_ordinary_pages(fd) &&
         has_size(fd, size);
}

SealedFile::SealedFile(ClientFile file, std::uint16_t offset, std::uint64_t length)
    : file_(std::move(file)), offset_(offset), length_(length) {}

std::shared_ptr<const SealedFile> SealedFile::behind(const ipc::MemoryRef& memory) {
  return std::dynamic_pointer_cast<const SealedFile>(memory.object());
}

bool SealedFile::read(std::uint64_t offset, std::span<std::byte> into) const {
  constexpr std::size_t kPiece = 1U << 20;
  while (!into.empty()) {
    const auto at = static_cast<off_t>(offset_ + offset);
    const ssize_t got = ::pread(fd(), into.data(), std::min(into.size(), kPiece), at);
    if (got <= 0) return false;
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace netmsg::session
