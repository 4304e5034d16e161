// SPDX-License-Identifier: Apache-2.0
#include "client/src/address_map.h"

#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <string_view>

namespace netmsg::client {

namespace {

// The kernel's question about one mapping (from 6.11 on), whose header is newer than the systems we are built on.
struct MappingQuery {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t address;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t flags;
  std::uint64_t page_size;
  std::uint64_t offset;
  std::uint64_t inode;
  std::uint32_t device[2];
  std::uint32_t name_sizes[2];  // 0: no names are asked for
  std::uint64_t names[2];
};
static_assert(sizeof(MappingQuery) == 104);

constexpr unsigned long kQuery = _IOWR('f', 17, MappingQuery);
constexpr std::uint64_t kCoveringOrNext = 0x10;
constexpr std::uint64_t kReadable = 0x1;
constexpr std::uint64_t kWritable = 0x2;
constexpr std::uint64_t kExecutable = 0x4;
constexpr std::uint64_t kShared = 0x8;

constexpr int kLineMax = 512;  // the name behind the numbers may be longer: the rest of the line is no line

vm_prot_t protection_of(bool readable, bool writable, bool executable) {
  return (readable ? VM_PROT_READ : 0) | (writable ? VM_PROT_WRITE : 0) | (executable ? VM_PROT_EXECUTE : 0);
}

bool parse(const char* line, Mapping* mapping) {
  std::array<char, 5> flags{};
  if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64, &mapping->start,
                  &mapping->end, flags.data(), &mapping->offset, &mapping->inode) != 5)
    return false;
  mapping->protection = protection_of(flags[0] == 'r', flags[1] == 'w', flags[2] == 'x');
  mapping->shared = flags[3] == 's';
  return mapping->end <= kAddressEnd;
}

}  // namespace

int kernel_protection(vm_prot_t protection) {
  return ((protection & VM_PROT_READ) != 0 ? PROT_READ : 0) |
         ((protection & VM_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
         ((protection & VM_PROT_EXECUTE) != 0 ? PROT_EXEC : 0);
}

AddressMap::AddressMap() : file_(std::fopen("/proc/self/maps", "re")) {}

bool AddressMap::next_above(std::uint64_t address, Mapping* mapping) {
  if (file_ == nullptr) return false;
  const std::uint64_t from = std::max(address, passed_);
  const bool found = by_lines_ ? read_next(from, mapping) : ask(from, mapping);
  if (found) passed_ = mapping->end;
  return found;
}

bool AddressMap::ask(std::uint64_t from, Mapping* mapping) {
  MappingQuery query{};
  query.size = sizeof query;
  query.query_flags = kCoveringOrNext;
  query.address = from;
  if (::ioctl(::fileno(file_.get()), kQuery, &query) != 0) {
    by_lines_ = errno != ENOENT;
    return by_lines_ && read_next(from, mapping);
  }
  const auto has = [&query](std::uint64_t flag) { return (query.flags & flag) != 0; };
  *mapping = {query.start,  query.end,    protection_of(has(kReadable), has(kWritable), has(kExecutable)),
              has(kShared), query.offset, query.inode};
  return mapping->end <= kAddressEnd;
}

bool AddressMap::read_next(std::uint64_t from, Mapping* mapping) {
  std::array<char, kLineMax> line;
  bool whole = true;
  while (std::fgets(line.data(), kLineMax, file_.get()) != nullptr) {
    const bool begins = whole;
    whole = std::string_view(line.data()).back() == '\n';
    if (begins && parse(line.data(), mapping) && mapping->end > from) return true;
  }
  return false;
}

}  // namespace netmsg::client
