// SPDX-License-Identifier: Apache-2.0
// Out-of-line memory (spec 02 §9). A task's memory is a set of regions that never touch each other, so what a
// message describes lies in one of them, or is not readable.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "tests/model/model.h"

namespace netmsg::model {

namespace {

constexpr Address kPageSize = 4096;

Address page_of(Address address) {
  return address / kPageSize * kPageSize;
}

}  // namespace

Address Model::place_memory(SpaceId space, const Bytes& content, Address page_offset) {
  Space& owner = space_of(space);
  const Address first = owner.next_address + kPageSize;
  Bytes pages(page_of(page_offset + content.size() + kPageSize - 1));
  std::copy(content.begin(), content.end(), pages.begin() + static_cast<std::ptrdiff_t>(page_offset));
  owner.next_address = first + pages.size() + kPageSize;
  owner.memory[first] = std::move(pages);
  return first + page_offset;
}

std::optional<Bytes> Model::read_memory(SpaceId space, Address address, std::uint64_t length) const {
  const auto& memory = spaces_[index(space)].memory;
  auto region = memory.upper_bound(address);
  if (region == memory.begin()) return std::nullopt;
  --region;
  const Address offset = address - region->first;
  if (offset > region->second.size() || length > region->second.size() - offset) return std::nullopt;
  const auto from = region->second.begin() + static_cast<std::ptrdiff_t>(offset);
  return Bytes(from, from + static_cast<std::ptrdiff_t>(length));
}

// 02 §6: whole pages, the first rounded down and the last up. What is left of the region stays mapped.
// REQUIRES: readable.
void Model::deallocate_memory(SpaceId space, Address address, std::uint64_t length) {
  auto& memory = space_of(space).memory;
  const auto region = std::prev(memory.upper_bound(address));
  const Address base = region->first;
  const Bytes pages = region->second;
  const Address first = page_of(address) - base;
  const Address last = page_of(address + length + kPageSize - 1) - base;
  memory.erase(region);
  const auto at = [&](Address offset) { return pages.begin() + static_cast<std::ptrdiff_t>(offset); };
  if (first > 0) memory[base] = Bytes(pages.begin(), at(first));
  if (last < pages.size()) memory[base + last] = Bytes(at(last), pages.end());
}

// An array of rights is page aligned; data keeps its offset. Nothing was sent: address 0.
Address Model::copyout_memory(SpaceId space, const Item& item) {
  if (!item.data.empty()) return place_memory(space, item.data, item.page_offset);
  if (item.rights.empty()) return 0;
  Bytes names;
  for (const Right& right : item.rights) {
    const Name name = copyout(space, right);
    const auto* from = reinterpret_cast<const std::byte*>(&name);
    names.insert(names.end(), from, from + sizeof name);
  }
  return place_memory(space, names);
}

}  // namespace netmsg::model
