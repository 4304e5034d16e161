// SPDX-License-Identifier: Apache-2.0
#include "client/src/address_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <string_view>

namespace netmsg::client {

namespace {

constexpr int kLineMax = 512;  // the name behind the numbers may be longer: the rest of the line is no line

bool parse(const char* line, Mapping* mapping) {
  std::array<char, 5> flags{};
  if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64, &mapping->start,
                  &mapping->end, flags.data(), &mapping->offset, &mapping->inode) != 5)
    return false;
  mapping->protection = (flags[0] == 'r' ? VM_PROT_READ : 0) | (flags[1] == 'w' ? VM_PROT_WRITE : 0) |
                        (flags[2] == 'x' ? VM_PROT_EXECUTE : 0);
  mapping->shared = flags[3] == 's';
  return mapping->end <= kAddressEnd;
}

}  // namespace

int kernel_protection(vm_prot_t protection) {
  return ((protection & VM_PROT_READ) != 0 ? PROT_READ : 0) |
         ((protection & VM_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
         ((protection & VM_PROT_EXECUTE) != 0 ? PROT_EXEC : 0);
}

AddressMap::AddressMap() : asks_(MapsFile::current().answers()), lines_(asks_ ? nullptr : open()) {}

AddressMap::Lines AddressMap::open() {
  return Lines(std::fopen("/proc/self/maps", "re"));
}

bool AddressMap::next_above(std::uint64_t address, Mapping* mapping) {
  const std::uint64_t from = std::max(address, passed_);
  const bool found = asks_ ? ask(from, mapping) : read_next(from, mapping);
  if (found) passed_ = mapping->end;
  return found;
}

// The program may have closed what is asked, at any moment.
bool AddressMap::ask(std::uint64_t from, Mapping* mapping) {
  using Answer = MapsFile::Answer;
  const Answer answer = MapsFile::current().find(from, mapping);
  if (answer != Answer::kUnknown) return answer == Answer::kFound;
  asks_ = false;
  lines_ = open();
  return read_next(from, mapping);
}

bool AddressMap::read_next(std::uint64_t from, Mapping* mapping) {
  std::array<char, kLineMax> line;
  bool whole = true;
  while (lines_ && std::fgets(line.data(), kLineMax, lines_.get()) != nullptr) {
    const bool begins = whole;
    whole = std::string_view(line.data()).back() == '\n';
    if (begins && parse(line.data(), mapping) && mapping->end > from) return true;
  }
  return false;
}

}  // namespace netmsg::client
