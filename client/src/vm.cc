// SPDX-License-Identifier: Apache-2.0
// The memory of the own task, over the kernel's (spec 05 §7). Contracts: <mach/vm_calls.h>.
//
// Bytes at addresses that a program names are moved by process_vm_readv and process_vm_writev on this process: the
// kernel answers where a copy of ours would fault, heeds protections (as /proc/self/mem does not), and needs no
// descriptor. Where a sandbox forbids them, vm_read, vm_write and vm_copy give KERN_FAILURE.
#include <mach/mach_port.h>
#include <mach/vm_calls.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "client/src/address_map.h"
#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/memory.h"
#include "client/src/region_table.h"
#include "proto/local/frame.h"

namespace netmsg::client {

namespace {

// KERN_SUCCESS for the own task.
kern_return_t check_task(vm_task_t task) {
  if (task == local::kTaskSelfName) return KERN_SUCCESS;
  mach_port_type_t type = 0;
  const kern_return_t code = mach_port_type(local::kTaskSelfName, task, &type);
  if (code != KERN_SUCCESS && code != KERN_INVALID_NAME) return code;
  return (type & MACH_PORT_TYPE_SEND) != 0 ? KERN_INVALID_ARGUMENT : MACH_SEND_INVALID_DEST;
}

bool is_aligned(std::uint64_t value) {
  return value % kPageSize == 0;
}

bool wraps(std::uint64_t address, std::uint64_t size) {
  return size > kAddressEnd || address > kAddressEnd - size;
}

void* pointer(std::uint64_t address) {
  return reinterpret_cast<void*>(address);
}

bool is_protection(vm_prot_t protection) {
  return (protection & ~VM_PROT_ALL) == 0;
}

bool is_inheritance(vm_inherit_t inheritance) {
  return inheritance >= VM_INHERIT_SHARE && inheritance <= VM_INHERIT_NONE;
}

// ---------------------------------------------------------------- making

kern_return_t allocate_at(vm_address_t* address, std::uint64_t size, int protection) {
  const std::uint64_t start = page_floor(*address);
  const std::uint64_t length = page_ceiling(size);
  if (wraps(start, length)) return KERN_INVALID_ADDRESS;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void* const pages = ::mmap(pointer(start), length, protection, kFlags, -1, 0);
  if (pages == MAP_FAILED) return errno == EEXIST || errno == ENOMEM ? KERN_NO_SPACE : KERN_INVALID_ADDRESS;
  *address = start;
  return KERN_SUCCESS;
}

// As a region that can be handed over. False: none is to be had, there or at all.
bool allocate_region(vm_address_t* address, std::uint64_t size, bool anywhere) {
  const std::uint64_t start = anywhere ? 0 : page_floor(*address);
  const std::uint64_t length = page_ceiling(size);
  if (length < size || wraps(start, length) || (start == 0 && !anywhere)) return false;
  const std::uint64_t region = RegionTable::current().allocate(start, length);
  if (region != 0) *address = region;
  return region != 0;
}

// Maps more than is needed, and gives back what is before and behind an address without bits of `mask`.
kern_return_t allocate_anywhere(vm_address_t* address, std::uint64_t size, std::uint64_t mask,
                                int protection) {
  const std::uint64_t length = page_ceiling(size);
  const std::uint64_t spare = page_floor(mask);
  if (length < size || wraps(spare, length)) return KERN_NO_SPACE;
  void* const pages = ::mmap(nullptr, length + spare, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return KERN_NO_SPACE;
  const auto start = reinterpret_cast<std::uint64_t>(pages);
  const std::uint64_t chosen = (start + spare) & ~spare;
  if (chosen > start) ::munmap(pages, chosen - start);
  if (start + spare > chosen) ::munmap(pointer(chosen + length), start + spare - chosen);
  *address = chosen;
  return KERN_SUCCESS;
}

// Low bits up to a page or beyond, without a gap: anything else is no alignment.
bool is_mask(std::uint64_t mask) {
  const std::uint64_t pages = mask | (kPageSize - 1);
  return (pages & (pages + 1)) == 0;
}

// ---------------------------------------------------------------- moving bytes

// Is a page of [address, address + size) not there? Takes no memory, which might come to lie in that very hole.
bool has_hole(std::uint64_t address, std::uint64_t size) {
  std::array<unsigned char, 256> in_core;  // of no interest, but the kernel wants to tell
  const std::uint64_t end = page_ceiling(address + size);
  const std::uint64_t step = in_core.size() * kPageSize;
  for (std::uint64_t at = page_floor(address); at < end; at += step) {
    if (::mincore(pointer(at), std::min(step, end - at), in_core.data()) != 0) return true;
  }
  return false;
}

// What the kernel meant by refusing to access [address, address + size).
kern_return_t why_refused(std::uint64_t address, std::uint64_t size) {
  return has_hole(address, size) ? KERN_INVALID_ADDRESS : KERN_PROTECTION_FAILURE;
}

using Move = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

// `ours` is memory of the library's, or readable for sure; `theirs` may be anything.
kern_return_t move_bytes(Move move, void* ours, std::uint64_t theirs, std::uint64_t size) {
  for (std::uint64_t done = 0; done < size;) {
    const iovec here{static_cast<char*>(ours) + done, size - done};
    const iovec there{pointer(theirs + done), size - done};
    const ssize_t moved = move(::getpid(), &here, 1, &there, 1, 0);
    if (moved <= 0) return errno == EFAULT ? why_refused(theirs + done, size - done) : KERN_FAILURE;
    done += static_cast<std::uint64_t>(moved);
  }
  return KERN_SUCCESS;
}

// Before any new pages are made: they might come to lie where there were none, and be read and written instead.
kern_return_t check_there(std::uint64_t address, std::uint64_t size) {
  if (wraps(address, size)) return KERN_INVALID_ADDRESS;
  return is_readable(pointer(address), size) ? KERN_SUCCESS : why_refused(address, size);
}

// A copy in new pages at *copy, `address % kPageSize` bytes into the first one.
kern_return_t read_copy(std::uint64_t address, std::uint64_t size, char** copy) {
  if (const kern_return_t code = check_there(address, size); code != KERN_SUCCESS) return code;
  const std::uint64_t offset = address % kPageSize;
  void* const pages = map_pages(page_ceiling(offset + size));
  if (pages == nullptr) return KERN_NO_SPACE;
  *copy = static_cast<char*>(pages) + offset;
  const kern_return_t code = move_bytes(::process_vm_readv, *copy, address, size);
  if (code != KERN_SUCCESS) unmap_pages(reinterpret_cast<std::uint64_t>(*copy), size);
  return code;
}

// By way of a copy: whatever overlaps, and whatever is not readable, is found before anything is written.
kern_return_t copy_pages(std::uint64_t from, std::uint64_t size, std::uint64_t to) {
  if (!is_aligned(from) || !is_aligned(size) || !is_aligned(to)) return KERN_INVALID_ARGUMENT;
  if (size == 0) return KERN_SUCCESS;
  if (const kern_return_t code = check_there(to, size); code != KERN_SUCCESS) return code;
  char* copy = nullptr;
  if (const kern_return_t code = read_copy(from, size, &copy); code != KERN_SUCCESS) return code;
  const kern_return_t code = move_bytes(::process_vm_writev, copy, to, size);
  unmap_pages(reinterpret_cast<std::uint64_t>(copy), size);
  return code;
}

// ---------------------------------------------------------------- looking and changing

// Calls `change(start, size, mapping)` for the mapped parts of the pages that overlap the range, until it does not
// give KERN_SUCCESS. Holes are passed over.
template <typename Change>
kern_return_t for_each_mapped(std::uint64_t address, std::uint64_t size, Change change) {
  const std::uint64_t start = page_floor(std::min(address, kAddressEnd));
  const std::uint64_t end = wraps(address, size) ? kAddressEnd : page_ceiling(address + size);
  AddressMap map;
  if (!map) return KERN_RESOURCE_SHORTAGE;
  Mapping mapping{};
  kern_return_t code = KERN_SUCCESS;
  while (code == KERN_SUCCESS && map.next_above(start, &mapping) && mapping.start < end) {
    const std::uint64_t from = std::max(start, mapping.start);
    code = change(pointer(from), std::min(end, mapping.end) - from, mapping);
  }
  return code;
}

// What is changed in part can no longer be handed over as a whole.
void make_private(std::uint64_t address, std::uint64_t size) {
  const std::uint64_t end = wraps(address, size) ? kAddressEnd : page_ceiling(address + size);
  RegionTable::current().make_private(page_floor(address), end);
}

kern_return_t protect(std::uint64_t address, std::uint64_t size, bool only_less, vm_prot_t protection) {
  make_private(address, size);
  return for_each_mapped(address, size, [&](void* start, std::uint64_t length, const Mapping& mapping) {
    const vm_prot_t wanted = only_less ? mapping.protection & protection : protection;
    return ::mprotect(start, length, kernel_protection(wanted)) == 0 ? KERN_SUCCESS : KERN_PROTECTION_FAILURE;
  });
}

// What cannot be told about its inheritance keeps the one it has.
void advise(void* start, std::uint64_t length, vm_inherit_t inheritance) {
  ::madvise(start, length, inheritance == VM_INHERIT_NONE ? MADV_DONTFORK : MADV_DOFORK);
}

kern_return_t inherit(std::uint64_t address, std::uint64_t size, vm_inherit_t inheritance) {
  make_private(address, size);
  return for_each_mapped(address, size, [&](void* start, std::uint64_t length, const Mapping&) {
    advise(start, length, inheritance);
    return KERN_SUCCESS;
  });
}

}  // namespace
}  // namespace netmsg::client

extern "C" {

NETMSG_EXPORT kern_return_t vm_allocate(vm_task_t target_task, vm_address_t* address, vm_size_t size,
                                        boolean_t anywhere) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (size == 0) {
    *address = 0;
    return KERN_SUCCESS;
  }
  if (allocate_region(address, size, anywhere != 0)) return KERN_SUCCESS;
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  return anywhere ? allocate_anywhere(address, size, 0, kProtection)
                  : allocate_at(address, size, kProtection);
}

NETMSG_EXPORT kern_return_t vm_deallocate(vm_task_t target_task, vm_address_t address, vm_size_t size) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (size != 0 && !wraps(address, size)) unmap_pages(address, size);
  return KERN_SUCCESS;
}

NETMSG_EXPORT kern_return_t vm_read(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                    vm_offset_t* data, mach_msg_type_number_t* data_count) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (size > UINT32_MAX) return KERN_INVALID_ARGUMENT;
  char* copy = nullptr;
  if (size != 0) {
    if (const kern_return_t code = read_copy(address, size, &copy); code != KERN_SUCCESS) return code;
  }
  *data = reinterpret_cast<vm_offset_t>(copy);
  *data_count = static_cast<mach_msg_type_number_t>(size);
  return KERN_SUCCESS;
}

NETMSG_EXPORT kern_return_t vm_write(vm_task_t target_task, vm_address_t address, vm_offset_t data,
                                     mach_msg_type_number_t data_count) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  return copy_pages(data, data_count, address);
}

NETMSG_EXPORT kern_return_t vm_copy(vm_task_t target_task, vm_address_t source_address, vm_size_t size,
                                    vm_address_t dest_address) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  return copy_pages(source_address, size, dest_address);
}

NETMSG_EXPORT kern_return_t vm_protect(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                       boolean_t set_maximum, vm_prot_t new_protection) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (!is_protection(new_protection)) return KERN_INVALID_ARGUMENT;
  return size == 0 ? KERN_SUCCESS : protect(address, size, set_maximum != 0, new_protection);
}

NETMSG_EXPORT kern_return_t vm_inherit(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                       vm_inherit_t new_inheritance) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (!is_inheritance(new_inheritance)) return KERN_INVALID_ARGUMENT;
  return size == 0 ? KERN_SUCCESS : inherit(address, size, new_inheritance);
}

NETMSG_EXPORT kern_return_t vm_map(vm_task_t target_task, vm_address_t* address, vm_size_t size,
                                   vm_address_t mask, boolean_t anywhere, mach_port_t memory_object,
                                   vm_offset_t /*offset*/, boolean_t /*copy*/, vm_prot_t protection,
                                   vm_prot_t maximum, vm_inherit_t inheritance) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  if (size == 0 || !is_protection(protection) || !is_protection(maximum) || !is_inheritance(inheritance) ||
      memory_object != MACH_PORT_NULL || !is_mask(mask))
    return KERN_INVALID_ARGUMENT;
  const int allowed = kernel_protection(protection);
  if (!anywhere && (page_floor(*address) & mask) != 0) return KERN_NO_SPACE;
  const kern_return_t code =
      anywhere ? allocate_anywhere(address, size, mask, allowed) : allocate_at(address, size, allowed);
  if (code == KERN_SUCCESS) advise(pointer(*address), page_ceiling(size), inheritance);
  return code;
}

NETMSG_EXPORT kern_return_t vm_region(vm_task_t target_task, vm_address_t* address, vm_size_t* size,
                                      vm_prot_t* protection, vm_prot_t* maximum, vm_inherit_t* inheritance,
                                      boolean_t* shared, mach_port_t* object_name, vm_offset_t* offset) {
  using namespace netmsg::client;
  const ErrnoGuard errno_guard;
  if (const kern_return_t code = check_task(target_task); code != KERN_SUCCESS) return code;
  AddressMap map;
  if (!map) return KERN_RESOURCE_SHORTAGE;
  Mapping mapping{};
  if (!map.next_above(*address, &mapping)) return KERN_NO_SPACE;
  *address = mapping.start;
  *size = mapping.end - mapping.start;
  *protection = mapping.protection;
  *maximum = VM_PROT_ALL;
  const bool is_shared = mapping.shared && !RegionTable::current().has(mapping.start);  // with another task
  *inheritance = is_shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY;
  *shared = is_shared;
  *object_name = MACH_PORT_NULL;
  *offset = mapping.offset;
  return KERN_SUCCESS;
}

NETMSG_ALIAS(vm_allocate)
NETMSG_ALIAS(vm_deallocate)
NETMSG_ALIAS(vm_read)
NETMSG_ALIAS(vm_write)
NETMSG_ALIAS(vm_copy)
NETMSG_ALIAS(vm_protect)
NETMSG_ALIAS(vm_inherit)
NETMSG_ALIAS(vm_map)
NETMSG_ALIAS(vm_region)

}  // extern "C"
