// SPDX-License-Identifier: Apache-2.0
#include "client/src/memory.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "client/src/item.h"
#include "client/src/maps_file.h"
#include "client/src/memory_file.h"
#include "client/src/region_table.h"

namespace netmsg::client {

namespace {

// Regions of at least this size travel in files. Measured over two sockets, from an allocation and its first touch to
// the receiver's touch of each page, in microseconds:
//   KiB        16   32   64  128  256  1024   4096  16384  65536
//   as bytes  127  158  274  508  951  4788  20670  49429 319745
//   in a file 181  207  243  379  544  1649   6283  27436  94415
// Below, the calls for a file cost more than the copies that it saves.
constexpr std::uint64_t kFileMin = 64U << 10;

// No more than this is tried again as bytes when files found no room: the accounts for bytes are far smaller.
constexpr std::uint64_t kUnpackMax = 16U << 20;

constexpr std::size_t kKernelSignals = 8;  // bytes of a signal set, for the kernel

// The kernel reads the set before it finds that there is no such way to change the mask: the cheapest question
// about a page that there is, and one that needs no permission. Not at the page's beginning: address 0 would be no
// question.
bool kernel_can_read(std::uint64_t address) {
  constexpr int kNoSuchWay = -1;
  constexpr std::uint64_t kInside = 8;
  const std::uint64_t set = page_floor(address) + kInside;
  return ::syscall(SYS_rt_sigprocmask, kNoSuchWay, set, nullptr, kKernelSignals) == 0 || errno != EFAULT;
}

constexpr std::uint64_t kKernelWrites = sizeof(unsigned);

// Likewise the cheapest call that writes, and so little. Address 0 would be no question here either.
bool kernel_can_write(std::uint64_t address) {
  return address != 0 && (::syscall(SYS_getcpu, address, nullptr, nullptr) == 0 || errno != EFAULT);
}

// From here on it is cheaper to ask what is mapped than to ask about each page.
constexpr std::uint64_t kAskMappingMin = 10 * kPageSize;

// Memory of this process alone, which stands for no file that could be shorter: whoever touches it finds it there. Its first
// and its last page may be guards, of which the kernel says nothing here.
bool is_ordinary(std::uint64_t address, std::uint64_t size) {
  Mapping mapping{};
  return size >= kAskMappingMin && MapsFile::current().find(address, &mapping) == MapsFile::Answer::kFound &&
         mapping.start <= address && address < mapping.end && size <= mapping.end - address &&
         (mapping.protection & VM_PROT_DEFAULT) == VM_PROT_DEFAULT && !mapping.shared && mapping.inode == 0;
}

// The answer for every page from the one of `first` to the one of `last`, asked by an address in it.
template <typename Question>
bool are_all(std::uint64_t first, std::uint64_t last, Question question) {
  const std::uint64_t last_page = page_floor(last);
  if (!question(last)) return false;
  if (page_floor(first) == last_page) return true;
  if (!question(first)) return false;
  if (is_ordinary(first, last - first)) return true;
  std::uint64_t page = page_floor(first) + kPageSize;
  while (page < last_page && question(page)) page += kPageSize;
  return page == last_page;
}

// The kernel adds no bit to the word there, in one step, and wakes who waits for a word of ours, which is nobody.
bool kernel_can_use(std::uint64_t address) {
  std::uint32_t nobodys = 0;
  constexpr std::uint32_t kAddNoBit = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);
  return ::syscall(SYS_futex, &nobodys, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, nullptr,
                   address & ~(sizeof(std::uint32_t) - 1), kAddNoBit) == 0;
}

// 02 §8 rows 2 to 5.
bool well_formed(const mach_msg_type_t& type) {
  if (MACH_MSG_TYPE_PORT_ANY(type.msgt_name) && type.msgt_size != (type.msgt_inline ? 64U : 32U))
    return false;
  return type.msgt_unused == 0 && !(type.msgt_deallocate && type.msgt_inline);
}

// Wide enough for the rounding up to whole pages.
bool overflows(std::uint64_t address, std::uint64_t length) {
  return length > UINT64_MAX - kPageSize || address > UINT64_MAX - kPageSize - length;
}

bool pages_overlap(std::uint64_t a, std::uint64_t a_length, std::uint64_t b, std::uint64_t b_length) {
  return page_floor(a) < page_ceiling(b + b_length) && page_floor(b) < page_ceiling(a + a_length);
}

}  // namespace

bool is_readable(const void* memory, std::uint64_t size) {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  if (size == 0) return true;
  return !overflows(address, size) && are_all(address, address + size - 1, kernel_can_read);
}

bool is_writable(void* memory, std::uint64_t size) {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  if (size < kKernelWrites) return is_readable(memory, size);
  return !overflows(address, size) && are_all(address, address + size - kKernelWrites, kernel_can_write);
}

bool is_usable(void* memory, std::uint64_t size) {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  if (overflows(address, size)) return false;
  for (std::uint64_t page = page_floor(address); page < address + size; page += kPageSize) {
    if (!kernel_can_use(std::max(page, address))) return false;
  }
  return true;
}

bool PagesAsked::cover(const void* memory, std::uint64_t size) const {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  return begin_ <= address && address < end_ && size <= end_ - address;
}

void PagesAsked::add(const void* memory, std::uint64_t size) {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  const std::uint64_t begin = page_floor(address);
  const std::uint64_t end = page_ceiling(address + size);
  const bool beside = begin <= end_ && begin_ <= end;
  begin_ = beside ? std::min(begin, begin_) : begin;
  end_ = beside ? std::max(end, end_) : end;
}

void* map_pages(std::uint64_t size) {
  void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void unmap_pages(std::uint64_t address, std::uint64_t length) {
  RegionTable::current().unmap(page_floor(address), page_ceiling(address + length));
}

// ---------------------------------------------------------------- sending

SentMemory::Found SentMemory::find(const void* message, std::uint32_t size, std::uint64_t bytes_max) {
  try {
    const Found found = find_all(message, size, bytes_max);
    parts_.reserve(kPartsBefore + 2 * regions_.size());
    return found;
  } catch (const std::bad_alloc&) {
    return Found::kTooMuch;
  }
}

SentMemory::Found SentMemory::find_all(const void* message, std::uint32_t size, std::uint64_t bytes_max) {
  Item item{};
  for (std::uint64_t at = sizeof(mach_msg_header_t); next_item(message, size, &at, &item);) {
    if (!well_formed(item.type)) break;
    if (!is_out_of_line(item) || item.length == 0) continue;
    Region region{0,
                  {item.length, 0, 0, 0},
                  item.type.msgt_deallocate != 0,
                  !MACH_MSG_TYPE_PORT_ANY(item.type.msgt_name)};
    std::memcpy(&region.address, static_cast<const char*>(message) + item.content, sizeof region.address);
    if (!can_be_read(region)) break;
    // Only what nobody sends is looked at: both ends, because a bad length is more likely than so much memory.
    if (item.length > bytes_max) {
      const auto* const data = reinterpret_cast<const char*>(region.address);
      if (!is_readable(data, 1) || !is_readable(data + (item.length - 1), 1)) break;
      return Found::kTooMuch;
    }
    bytes_max -= item.length;
    regions_.push_back(std::move(region));
  }
  return Found::kOk;
}

// As far as can be said without looking: the kernel looks at the pages when they are sent. What an item before
// this one has deallocated will not be there.
bool SentMemory::can_be_read(const Region& region) const {
  if (overflows(region.address, region.wire.length)) return false;
  return std::none_of(regions_.begin(), regions_.end(), [&](const Region& earlier) {
    return earlier.deallocate &&
           pages_overlap(earlier.address, earlier.wire.length, region.address, region.wire.length);
  });
}

void SentMemory::clear() {
  regions_.clear();
  parts_ = {};
}

std::span<iovec> SentMemory::frame(std::span<const iovec> before) {
  parts_.assign(before.begin(), before.end());
  for (Region& region : regions_) {
    parts_.push_back({&region.wire, sizeof region.wire});
    if (region.file.fd() < 0) parts_.push_back({reinterpret_cast<void*>(region.address), region.wire.length});
  }
  return parts_;
}

void SentMemory::pack() {
  std::size_t left = local::kFilesMax;
  for (Region& region : regions_) {
    if (left == 0) break;
    if (region.is_data && region.wire.length >= kFileMin) pack(region);
    if (region.file.fd() >= 0) --left;
  }
}

void SentMemory::pack(Region& region) {
  region.file = RegionTable::current().hand_over(region.address, region.wire.length);
  if (region.file.fd() < 0) region.file = copy_to_file(region.address, region.wire.length);
  if (region.file.fd() < 0) return;
  region.wire.form = static_cast<std::uint16_t>(local::RegionForm::kFile);
  region.wire.offset = static_cast<std::uint16_t>(region.address % kPageSize);
}

bool SentMemory::unpack() {
  std::uint64_t length = 0;
  for (Region& region : regions_) {
    if (region.wire.form != static_cast<std::uint16_t>(local::RegionForm::kFile)) continue;
    length += region.wire.length;
    region.file.close();
    region.wire = {region.wire.length, 0, 0, 0};
  }
  return length > 0 && length <= kUnpackMax;
}

std::span<const int> SentMemory::files() {
  std::size_t count = 0;
  for (const Region& region : regions_) {
    if (region.file.fd() >= 0) fds_[count++] = region.file.fd();
  }
  return std::span(fds_).first(count);
}

bool SentMemory::drop_unreadable() {
  const auto first = std::find_if_not(regions_.begin(), regions_.end(), [](const Region& region) {
    return region.file.fd() >= 0 ||
           is_readable(reinterpret_cast<const void*>(region.address), region.wire.length);
  });
  const bool found = first != regions_.end();
  regions_.erase(first, regions_.end());
  return found;
}

void SentMemory::settle(std::uint32_t taken) {
  const std::size_t end = std::min<std::size_t>(taken, regions_.size());
  for (std::size_t at = 0; at < end; ++at) {
    if (regions_[at].deallocate) unmap_pages(regions_[at].address, regions_[at].wire.length);
  }
}

void SentMemory::close_files() {
  for (Region& region : regions_) region.file.close();
}

// ---------------------------------------------------------------- receiving

namespace {

void write_address(char* message, std::uint32_t slot, std::uint64_t address) {
  if (message != nullptr) std::memcpy(message + slot, &address, sizeof address);
}

mach_msg_type_t descriptor_before(const char* message, std::uint32_t slot) {
  mach_msg_type_t type;
  std::memcpy(&type, message + slot - sizeof type, sizeof type);
  return type;
}

void clear_size(char* message, std::uint32_t slot) {
  if (message == nullptr) return;
  mach_msg_type_t type = descriptor_before(message, slot);
  type.msgt_size = 0;
  std::memcpy(message + slot - sizeof type, &type, sizeof type);
}

}  // namespace

ReceivedMemory place_region(char* message, std::uint32_t slot, std::uint64_t length) {
  std::uint64_t offset = 0;
  if (message != nullptr) std::memcpy(&offset, message + slot, sizeof offset);
  offset %= kPageSize;
  ReceivedMemory memory;
  memory.pages = map_pages(page_ceiling(offset + length));
  if (memory.pages != nullptr) memory.data = static_cast<char*>(memory.pages) + offset;
  write_address(message, slot, reinterpret_cast<std::uint64_t>(memory.data));
  if (memory.pages == nullptr) clear_size(message, slot);
  return memory;
}

ReceivedMemory place_file(char* message, const local::ReceivedRegion& region, int fd) {
  const std::uint64_t size = page_ceiling(region.offset + region.length);
  void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  close_number(fd);
  if (pages == MAP_FAILED) {
    lose_region(message, region.slot);
    return {};
  }
  const ReceivedMemory memory{pages, static_cast<char*>(pages) + region.offset};
  write_address(message, region.slot, reinterpret_cast<std::uint64_t>(memory.data));
  return memory;
}

void lose_region(char* message, std::uint32_t slot) {
  write_address(message, slot, 0);
  clear_size(message, slot);
}

mach_msg_type_name_t type_of_item(const char* message, std::uint32_t slot) {
  return message == nullptr ? 0 : descriptor_before(message, slot).msgt_name;
}

}  // namespace netmsg::client
