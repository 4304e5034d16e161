// SPDX-License-Identifier: Apache-2.0
#include "client/src/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "client/src/memory.h"

namespace netmsg::client {

namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 8;
#endif

// What grows beyond the limit is told by a signal that ends the process.
bool may_grow_to(std::uint64_t size) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && size <= limit.rlim_cur;
}

// Never to be executed, where the kernel knows how to say so (6.3); else as files always were.
int new_memfd() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = ::memfd_create("netmsg", kFlags | MFD_NOEXEC_SEAL);
  return fd < 0 && errno == EINVAL ? ::memfd_create("netmsg", kFlags) : fd;
}

bool write_all(int fd, std::uint64_t address, std::uint64_t length, std::uint64_t at) {
  while (length > 0) {
    const ssize_t written =
        ::pwrite(fd, reinterpret_cast<const void*>(address), length, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    address += static_cast<std::uint64_t>(written);
    at += static_cast<std::uint64_t>(written);
    length -= static_cast<std::uint64_t>(written);
  }
  return true;
}

}  // namespace

Descriptor make_memory_file(std::uint64_t size) {
  return may_grow_to(size) ? Descriptor(new_memfd()) : Descriptor();
}

bool seal(const Descriptor& file) {
  return ::fcntl(file.fd(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

// Written by the kernel, which answers where a copy of ours would fault, and never mapped: there are no pages to be
// unmapped before it can be sealed.
Descriptor copy_to_file(std::uint64_t address, std::uint64_t length) {
  const std::uint64_t offset = address % kPageSize;
  Descriptor file = make_memory_file(offset + length);
  if (file.fd() < 0 || !write_all(file.fd(), address, length, offset) || !seal(file)) return {};
  return file;
}

}  // namespace netmsg::client
