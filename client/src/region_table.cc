// SPDX-License-Identifier: Apache-2.0
#include "client/src/region_table.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "client/src/guards.h"
#include "client/src/memory.h"
#include "client/src/memory_file.h"

namespace netmsg::client {

namespace {

// Measured like kFileMin (memory.cc): the first touch of a file's page costs twice that of an anonymous one, and to
// make sure what is mapped before a hand-over some 50 to 80 microseconds. From here on the hand-over of a region is
// no dearer than its copy into a file, and needs half the memory.
constexpr std::uint64_t kOwnMin = 256U << 10;
// No message is larger.
constexpr std::uint64_t kOwnMax = 1U << 30;

// Of the descriptors that the program may have, the share that regions and the spare one take.
constexpr rlim_t kShareOfDescriptors = 4;
constexpr rlim_t kDescriptorsMax = 4096;

std::size_t descriptors_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min(limit.rlim_cur / kShareOfDescriptors, kDescriptorsMax);
}

void* pointer(std::uint64_t address) {
  return reinterpret_cast<void*>(address);
}

bool map_again(const Mapping& mapping, int sharing, const Descriptor& file) {
  const std::uint64_t size = mapping.end - mapping.start;
  return ::mmap(pointer(mapping.start), size, kernel_protection(mapping.protection), sharing | MAP_FIXED,
                file.fd(), static_cast<off_t>(mapping.offset)) != MAP_FAILED;
}

// Where memory is promised strictly, the kernel may refuse after it has taken away what was there: that is put back.
bool map_privately(const Mapping& mapping, const Descriptor& file) {
  if (map_again(mapping, MAP_PRIVATE, file)) return true;
  map_again(mapping, MAP_SHARED, file);
  return false;
}

bool is_view_of(const Mapping& mapping, const Descriptor& file) {
  return mapping.shared && mapping.inode == file.inode();
}

// As it was made: one piece, readable and writable.
bool is_untouched(std::uint64_t address, std::uint64_t size, const Descriptor& file) {
  AddressMap map;
  Mapping mapping{};
  return file.still_ours() && map.next_above(address, &mapping) && is_view_of(mapping, file) &&
         mapping.start == address && mapping.end == address + size && mapping.offset == 0 &&
         mapping.protection == VM_PROT_DEFAULT;
}

// The page gets a copy of its own, whatever other threads write to it meanwhile. REQUIRES: it is private, writable.
void own_page(std::uint64_t address) {
  __atomic_fetch_or(static_cast<unsigned char*>(pointer(address)), 0, __ATOMIC_RELAXED);
}

}  // namespace

RegionTable& RegionTable::current() {
  static RegionTable* const table = new RegionTable;
  return *table;
}

std::uint64_t RegionTable::allocate(std::uint64_t address, std::uint64_t size) {
  if (size < kOwnMin || size > kOwnMax) return 0;
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  const std::uint64_t region = allocate_locked(address, size);
  if (regions_.empty()) spare_.close();
  return region;
}

std::uint64_t RegionTable::allocate_locked(std::uint64_t address, std::uint64_t size) {
  if (regions_.size() + 1 >= descriptors_max()) return 0;
  if (spare_.fd() < 0) spare_ = make_memory_file(0);
  if (spare_.fd() < 0) return 0;
  Descriptor file = make_memory_file(size);
  if (file.fd() < 0 || ::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) return 0;
  const int flags = MAP_SHARED | (address != 0 ? MAP_FIXED_NOREPLACE : 0);
  void* const pages = ::mmap(pointer(address), size, PROT_READ | PROT_WRITE, flags, file.fd(), 0);
  if (pages == MAP_FAILED) return 0;
  try {
    // Where one was that the program has unmapped by itself there is now this one.
    regions_.insert_or_assign(reinterpret_cast<std::uint64_t>(pages), Region{size, std::move(file)});
  } catch (const std::bad_alloc&) {
    ::munmap(pages, size);
    return 0;
  }
  return reinterpret_cast<std::uint64_t>(pages);
}

// The order matters to threads that read and write the region meanwhile: from (1) on they write to pages of their own,
// so that they never see (3), which cuts off what was not sent of the last page, but (2) has kept it for them.
Descriptor RegionTable::hand_over(std::uint64_t address, std::uint64_t length) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(address);
  if (found == regions_.end() || page_ceiling(length) != found->second.size) return {};
  const std::uint64_t size = found->second.size;
  if (!is_untouched(address, size, found->second.file)) return {};
  const Mapping whole{address, address + size, VM_PROT_DEFAULT, true, 0, 0};
  if (!map_privately(whole, found->second.file)) return {};  // (1)
  Descriptor file = std::move(found->second.file);
  erase(found);
  if (length < size) own_page(address + size - kPageSize);                                  // (2)
  if (length < size && ::ftruncate(file.fd(), static_cast<off_t>(length)) != 0) return {};  // (3)
  return seal(file) ? std::move(file) : Descriptor();
}

void RegionTable::unmap(std::uint64_t start, std::uint64_t end) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  auto at = first_overlapping(start);
  while (at != regions_.end() && at->first < end) {
    const bool whole = at->first >= start && at->first + at->second.size <= end;
    if (!whole) make_views_private(*at);
    at = erase(at);
  }
  ::munmap(pointer(start), end - start);
}

bool RegionTable::has(std::uint64_t address) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  const auto at = first_overlapping(address);
  return at != regions_.end() && at->first <= address;
}

RegionTable::Regions::iterator RegionTable::first_overlapping(std::uint64_t start) {
  auto at = regions_.upper_bound(start);
  if (at == regions_.begin()) return at;
  const auto before = std::prev(at);
  return before->first + before->second.size > start ? before : at;
}

RegionTable::Regions::iterator RegionTable::erase(Regions::iterator at) {
  const auto next = regions_.erase(at);
  if (regions_.empty()) spare_.close();
  return next;
}

// All that is mapped of the file within the region, in however many pieces.
void RegionTable::make_views_private(const Regions::value_type& region) {
  const auto& [address, made] = region;
  std::optional<AddressMap> map(std::in_place);
  if (!*map) {
    spare_.close();
    map.emplace();
  }
  Mapping mapping{};
  while (made.file.still_ours() && map->next_above(address, &mapping) &&
         mapping.start < address + made.size) {
    if (is_view_of(mapping, made.file)) map_privately(mapping, made.file);
  }
}

void RegionTable::make_private_locked(std::uint64_t start, std::uint64_t end) {
  auto at = first_overlapping(start);
  while (at != regions_.end() && at->first < end) {
    make_views_private(*at);
    at = erase(at);
  }
}

void RegionTable::make_private(std::uint64_t start, std::uint64_t end) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  make_private_locked(start, end);
}

void RegionTable::before_fork() {
  mutex_.lock();
  make_private_locked(0, UINT64_MAX);
}

}  // namespace netmsg::client
