// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_memory.h"

#include <algorithm>
#include <cstring>

namespace netmsg::conformance {

namespace {

constexpr Address kPage = ipc::kPageSize;

Address page_of(Address address) {
  return address / kPage * kPage;
}

template <typename T>
T load(const Bytes& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// 02 §8 rows 2 to 5.
bool well_formed(const mach_msg_type_t& item) {
  if (MACH_MSG_TYPE_PORT_ANY(item.msgt_name) && item.msgt_size != (item.msgt_inline ? 64U : 32U))
    return false;
  return item.msgt_unused == 0 && !(item.msgt_deallocate && item.msgt_inline);
}

}  // namespace

Address TaskMemory::place(const Bytes& content, Address offset) {
  const Address address = next_ + offset;
  for (const Address end = address + content.size(); next_ < end; next_ += kPage) pages_[next_].resize(kPage);
  next_ += kPage;  // one that is never there, between this and the next
  for (std::size_t at = 0; at < content.size(); ++at) {
    pages_[page_of(address + at)][(address + at) % kPage] = content[at];
  }
  return address;
}

std::optional<Bytes> TaskMemory::read(Address address, std::uint64_t size) const {
  Bytes bytes;
  while (bytes.size() < size) {
    const auto page = pages_.find(page_of(address + bytes.size()));
    if (page == pages_.end()) return std::nullopt;
    const std::size_t from = (address + bytes.size()) % kPage;
    const auto count = std::min<std::uint64_t>(kPage - from, size - bytes.size());
    const auto begin = page->second.begin() + static_cast<std::ptrdiff_t>(from);
    bytes.insert(bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  return bytes;
}

void TaskMemory::drop(Address address, std::uint64_t size) {
  pages_.erase(pages_.lower_bound(page_of(address)), pages_.lower_bound(address + size));
}

SentRegions::SentRegions(const Bytes& message, const TaskMemory& memory) {
  const bool has_header = message.size() >= sizeof(mach_msg_header_t);
  if (!has_header || (load<mach_msg_bits_t>(message, 0) & MACH_MSGH_BITS_COMPLEX) == 0) return;
  TaskMemory left = memory;  // what an item deallocates is not there for the next one
  std::size_t at = sizeof(mach_msg_header_t);
  while (at + sizeof(mach_msg_type_t) <= message.size()) {
    const auto item = load<mach_msg_type_t>(message, at);
    const std::uint64_t length = (std::uint64_t{item.msgt_number} * item.msgt_size + 7) / 8;
    const std::uint64_t content = item.msgt_inline ? length : sizeof(Address);
    at += sizeof item;
    if (!well_formed(item) || message.size() - at < content) return;
    if (!item.msgt_inline && length > 0) {
      const Region region{load<Address>(message, at), length, item.msgt_deallocate != 0};
      std::optional<Bytes> bytes = left.read(region.address, length);
      if (!bytes) return;
      if (region.deallocate) left.drop(region.address, length);
      regions_.push_back(region);
      refs_.push_back(ipc::MemoryRef::of(std::move(*bytes)));
    }
    at += static_cast<std::size_t>((content + 7) / 8 * 8);
  }
}

void SentRegions::deallocate(std::uint32_t taken, TaskMemory& memory) const {
  for (std::size_t at = 0; at < std::min<std::size_t>(taken, regions_.size()); ++at) {
    if (regions_[at].deallocate) memory.drop(regions_[at].address, regions_[at].size);
  }
}

void place_regions(ipc::MsgResult& result, TaskMemory& memory) {
  for (const ipc::Region& region : result.regions) {
    Bytes content(static_cast<std::size_t>(region.memory.length()));
    region.memory.read_here(0, content);
    const Address address = memory.place(content, load<Address>(result.bytes, region.slot));
    std::memcpy(result.bytes.data() + region.slot, &address, sizeof address);
  }
}

}  // namespace netmsg::conformance
