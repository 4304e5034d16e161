// SPDX-License-Identifier: Apache-2.0
// The memory calls of spec 05 §7, for the own task and for what is none.
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr vm_size_t kPage = 4096;
constexpr vm_address_t kNowhere = 0x7FFF'FFFF'F000;  // where user addresses end

vm_address_t allocate(vm_size_t size) {
  vm_address_t address = 1;
  EXPECT_EQ(vm_allocate(mach_task_self(), &address, size, TRUE), KERN_SUCCESS);
  return address;
}

kern_return_t deallocate(vm_address_t address, vm_size_t size) {
  return vm_deallocate(mach_task_self(), address, size);
}

char* at(vm_address_t address) {
  return reinterpret_cast<char*>(address);
}

// Pages of which the middle one is not there.
vm_address_t with_hole() {
  const vm_address_t address = allocate(3 * kPage);
  EXPECT_EQ(deallocate(address + kPage, kPage), KERN_SUCCESS);
  return address;
}

vm_address_t hole() {
  const vm_address_t address = allocate(kPage);
  EXPECT_EQ(deallocate(address, kPage), KERN_SUCCESS);
  return address;
}

// 05.18
TEST(VmAllocate, GivesZeroedPages) {
  const vm_address_t address = allocate(kPage + 1);
  EXPECT_EQ(address % kPage, 0U);
  EXPECT_EQ(at(address)[2 * kPage - 1], 0);
  at(address)[2 * kPage - 1] = 1;
  EXPECT_EQ(deallocate(address, kPage + 1), KERN_SUCCESS);
  EXPECT_EQ(allocate(0), 0U) << "size 0";
}

TEST(VmAllocate, TakesTheAddressItIsTold) {
  const vm_address_t free = hole();
  vm_address_t address = free + 123;
  EXPECT_EQ(vm_allocate(mach_task_self(), &address, 10, FALSE), KERN_SUCCESS);
  EXPECT_EQ(address, free);
  EXPECT_EQ(vm_allocate(mach_task_self(), &address, 10, FALSE), KERN_NO_SPACE) << "occupied";
  EXPECT_EQ(deallocate(free, kPage), KERN_SUCCESS);
  for (vm_address_t outside : {kNowhere, kNowhere + kPage, ~vm_address_t{0}, kNowhere - kPage + 1}) {
    EXPECT_EQ(vm_allocate(mach_task_self(), &outside, 2 * kPage, FALSE), KERN_INVALID_ADDRESS) << outside;
  }
  vm_address_t anywhere = 0;
  EXPECT_EQ(vm_allocate(mach_task_self(), &anywhere, ~vm_size_t{0}, TRUE), KERN_NO_SPACE);
}

// 05.18
TEST(VmDeallocate, RoundsOutwardsAndPassesOverHoles) {
  const vm_address_t address = with_hole();
  EXPECT_EQ(deallocate(address + 5, 2 * kPage), KERN_SUCCESS);
  EXPECT_EQ(deallocate(address, 3 * kPage), KERN_SUCCESS) << "nothing is left";
  EXPECT_EQ(deallocate(address, 0), KERN_SUCCESS);
  EXPECT_EQ(deallocate(~vm_address_t{0}, 5), KERN_SUCCESS);
}

// 05.18
TEST(VmRead, CopiesToTheSameOffset) {
  const vm_address_t address = allocate(2 * kPage);
  std::strcpy(at(address + kPage - 3), "over the edge");
  vm_offset_t data = 0;
  mach_msg_type_number_t count = 0;
  ASSERT_EQ(vm_read(mach_task_self(), address + kPage - 3, 14, &data, &count), KERN_SUCCESS);
  EXPECT_EQ(count, 14U);
  EXPECT_EQ(data % kPage, kPage - 3);
  EXPECT_STREQ(at(data), "over the edge");
  EXPECT_EQ(deallocate(data, count), KERN_SUCCESS);
  EXPECT_EQ(vm_read(mach_task_self(), address, 0, &data, &count), KERN_SUCCESS);
  EXPECT_EQ(count, 0U);
  deallocate(address, 2 * kPage);
}

TEST(VmRead, TellsWhatCannotBeRead) {
  const vm_address_t hidden = allocate(kPage);
  ASSERT_EQ(vm_protect(mach_task_self(), hidden, kPage, FALSE, VM_PROT_NONE), KERN_SUCCESS);
  const vm_address_t holed = with_hole();  // last: whatever is allocated next may fill it
  vm_offset_t data = 0;
  mach_msg_type_number_t count = 0;
  struct Case {
    vm_address_t address;
    vm_size_t size;
    kern_return_t code;
  };
  for (const Case& one : {Case{holed, 3 * kPage, KERN_INVALID_ADDRESS},
                          {holed + kPage, 1, KERN_INVALID_ADDRESS},
                          {hidden, 10, KERN_PROTECTION_FAILURE},
                          {0, 10, KERN_INVALID_ADDRESS},
                          {~vm_address_t{0} - 3, 10, KERN_INVALID_ADDRESS},
                          {kNowhere, 10, KERN_INVALID_ADDRESS},
                          {holed, 1ULL << 32, KERN_INVALID_ARGUMENT}}) {
    EXPECT_EQ(vm_read(mach_task_self(), one.address, one.size, &data, &count), one.code) << one.address;
  }
  deallocate(holed, 3 * kPage);
  deallocate(hidden, kPage);
}

// 05.18
TEST(VmWrite, MovesWholePages) {
  const vm_address_t from = allocate(kPage);
  const vm_address_t to = allocate(2 * kPage);
  std::strcpy(at(from), "text");
  EXPECT_EQ(vm_write(mach_task_self(), to + kPage, from, kPage), KERN_SUCCESS);
  EXPECT_STREQ(at(to + kPage), "text");
  EXPECT_EQ(vm_write(mach_task_self(), to, from, 0), KERN_SUCCESS);
  EXPECT_EQ(vm_write(mach_task_self(), to + 1, from, kPage), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(vm_write(mach_task_self(), to, from + 1, kPage), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(vm_write(mach_task_self(), to, from, 1), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(vm_write(mach_task_self(), hole(), from, kPage), KERN_INVALID_ADDRESS);
  EXPECT_EQ(vm_write(mach_task_self(), kNowhere, from, kPage), KERN_INVALID_ADDRESS);
  EXPECT_EQ(vm_write(mach_task_self(), to, hole(), kPage), KERN_INVALID_ADDRESS);
  ASSERT_EQ(vm_protect(mach_task_self(), to, kPage, FALSE, VM_PROT_READ), KERN_SUCCESS);
  EXPECT_EQ(vm_write(mach_task_self(), to, from, kPage), KERN_PROTECTION_FAILURE);
  EXPECT_EQ(vm_copy(mach_task_self(), from, kPage, to), KERN_PROTECTION_FAILURE);
  deallocate(from, kPage);
  deallocate(to, 2 * kPage);
}

TEST(VmCopy, MayOverlap) {
  const vm_address_t address = allocate(3 * kPage);
  at(address)[0] = 'a';
  at(address + kPage)[0] = 'b';
  EXPECT_EQ(vm_copy(mach_task_self(), address, 2 * kPage, address + kPage), KERN_SUCCESS);
  EXPECT_EQ(at(address + kPage)[0], 'a');
  EXPECT_EQ(at(address + 2 * kPage)[0], 'b');
  EXPECT_EQ(vm_copy(mach_task_self(), address + 8, kPage, address), KERN_INVALID_ARGUMENT);
  deallocate(address, 3 * kPage);
}

TEST(VmProtect, KnowsItsBitsAndItsMaximum) {
  const vm_address_t address = with_hole();
  EXPECT_EQ(vm_protect(mach_task_self(), address, 3 * kPage, FALSE, 0x08), KERN_INVALID_ARGUMENT);
  EXPECT_EQ(vm_protect(mach_task_self(), address, 3 * kPage, FALSE, VM_PROT_READ), KERN_SUCCESS);
  EXPECT_EQ(vm_protect(mach_task_self(), address, 3 * kPage, TRUE, VM_PROT_ALL), KERN_SUCCESS);
  vm_address_t found = address;
  vm_size_t size = 0;
  vm_prot_t protection = 0;
  vm_prot_t maximum = 0;
  vm_inherit_t inheritance = 0;
  boolean_t shared = 0;
  mach_port_t object = 1;
  vm_offset_t offset = 0;
  ASSERT_EQ(vm_region(mach_task_self(), &found, &size, &protection, &maximum, &inheritance, &shared, &object,
                      &offset),
            KERN_SUCCESS);
  EXPECT_EQ(protection, VM_PROT_READ) << "a larger maximum adds nothing";
  EXPECT_LE(found, address);
  EXPECT_GE(found + size, address + kPage);
  EXPECT_EQ(object, MACH_PORT_NULL);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/exe", "r"), std::fclose);
  void* const readable = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, ::fileno(file.get()), 0);
  ASSERT_NE(readable, MAP_FAILED);
  EXPECT_EQ(
      vm_protect(mach_task_self(), reinterpret_cast<vm_address_t>(readable), kPage, FALSE, VM_PROT_DEFAULT),
      KERN_PROTECTION_FAILURE);
  ::munmap(readable, kPage);
  deallocate(address, 3 * kPage);
}

TEST(VmInherit, KnowsItsValues) {
  const vm_address_t address = allocate(kPage);
  for (const vm_inherit_t good : {VM_INHERIT_SHARE, VM_INHERIT_COPY, VM_INHERIT_NONE})
    EXPECT_EQ(vm_inherit(mach_task_self(), address, kPage, good), KERN_SUCCESS);
  for (const vm_inherit_t bad : {-1, 3})
    EXPECT_EQ(vm_inherit(mach_task_self(), address, kPage, bad), KERN_INVALID_ARGUMENT);
  deallocate(address, kPage);
}

TEST(VmMap, ChecksItsArgumentsAndAligns) {
  struct Case {
    vm_size_t size;
    mach_port_t object;
    vm_prot_t protection;
    vm_inherit_t inheritance;
    kern_return_t code;
  };
  for (const Case& one : {Case{0, 0, VM_PROT_DEFAULT, VM_INHERIT_COPY, KERN_INVALID_ARGUMENT},
                          {kPage, mach_task_self(), VM_PROT_DEFAULT, VM_INHERIT_COPY, KERN_INVALID_ARGUMENT},
                          {kPage, 0, 0x20, VM_INHERIT_COPY, KERN_INVALID_ARGUMENT},
                          {kPage, 0, VM_PROT_DEFAULT, 3, KERN_INVALID_ARGUMENT},
                          {3 * kPage, 0, VM_PROT_DEFAULT, VM_INHERIT_COPY, KERN_SUCCESS}}) {
    vm_address_t address = 0;
    ASSERT_EQ(vm_map(mach_task_self(), &address, one.size, 0xFFFF, TRUE, one.object, 0, FALSE, one.protection,
                     VM_PROT_ALL, one.inheritance),
              one.code);
    if (one.code != KERN_SUCCESS) continue;
    EXPECT_EQ(address & 0xFFFF, 0U);
    at(address)[one.size - 1] = 1;
    EXPECT_EQ(deallocate(address, one.size), KERN_SUCCESS);
  }
}

TEST(VmMap, NeedsNoDescriptor) {
  EXPECT_TRUE(in_process(daemon().path(), [] {
    mach_port_destroy(mach_task_self(), new_port());  // attached, with a lane
    const rlimit none{};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    vm_address_t address = 0;
    EXPECT_EQ(vm_map(mach_task_self(), &address, kPage, 0, TRUE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT,
                     VM_PROT_ALL, VM_INHERIT_NONE),
              KERN_SUCCESS);
    EXPECT_EQ(deallocate(address, kPage), KERN_SUCCESS);
  }));
}

// However the library keeps it.
TEST(VmRegion, TellsNobodyThatALargeRegionCanBeHandedOver) {
  constexpr vm_size_t kLarge = 1U << 20;
  vm_address_t start = 0;
  ASSERT_EQ(vm_allocate(mach_task_self(), &start, kLarge, TRUE), KERN_SUCCESS);
  vm_address_t address = start;
  vm_size_t size = 0;
  vm_prot_t protection = 0, maximum = 0;
  vm_inherit_t inheritance = 0;
  boolean_t shared = TRUE;
  mach_port_t object = 0;
  vm_offset_t offset = 0;
  EXPECT_EQ(vm_region(mach_task_self(), &address, &size, &protection, &maximum, &inheritance, &shared,
                      &object, &offset),
            KERN_SUCCESS);
  EXPECT_EQ(address, start);
  EXPECT_EQ(size, kLarge);
  EXPECT_FALSE(shared);
  EXPECT_EQ(inheritance, VM_INHERIT_COPY);
  EXPECT_EQ(vm_deallocate(mach_task_self(), start, kLarge), KERN_SUCCESS);
}

TEST(VmRegion, EndsWithTheAddressSpace) {
  vm_address_t address = kNowhere;
  vm_size_t size = 0;
  vm_prot_t protection = 0;
  vm_prot_t maximum = 0;
  vm_inherit_t inheritance = 0;
  boolean_t shared = 0;
  mach_port_t object = 0;
  vm_offset_t offset = 0;
  EXPECT_EQ(vm_region(mach_task_self(), &address, &size, &protection, &maximum, &inheritance, &shared,
                      &object, &offset),
            KERN_NO_SPACE);
}

TEST(Vm, IsForTasks) {
  vm_address_t address = 0;
  const mach_port_t port = new_port();
  EXPECT_EQ(vm_allocate(port, &address, kPage, TRUE), MACH_SEND_INVALID_DEST) << "no send right";
  EXPECT_EQ(vm_allocate(0x7777, &address, kPage, TRUE), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(vm_allocate(MACH_PORT_DEAD, &address, kPage, TRUE), MACH_SEND_INVALID_DEST);
  const mach_port_t other = new_port_with_send();
  EXPECT_EQ(vm_deallocate(other, 0, kPage), KERN_INVALID_ARGUMENT);
  vm_size_t size = 0;
  EXPECT_EQ(host_page_size(MACH_PORT_NULL, &size), KERN_SUCCESS);
  EXPECT_EQ(size, kPage);
  mach_port_destroy(mach_task_self(), port);
  mach_port_destroy(mach_task_self(), other);
}

// 05 §6, 07 §4
TEST(Pages, HaveOneSizeWhoeverIsAsked) {
  EXPECT_EQ(vm_page_size, kPage);
  vm_statistics_data_t statistics{};
  ASSERT_EQ(vm_statistics(mach_task_self(), &statistics), KERN_SUCCESS);
  EXPECT_EQ(statistics.pagesize, static_cast<integer_t>(kPage));
  EXPECT_EQ(statistics.free_count, 0) << "nobody here knows";
}

TEST(Pages, AreRoundedTo) {
  EXPECT_EQ(round_page(0), 0U);
  EXPECT_EQ(round_page(1), kPage);
  EXPECT_EQ(round_page(kPage), kPage);
  EXPECT_EQ(trunc_page(kPage - 1), 0U);
  EXPECT_EQ(trunc_page(2 * kPage + 7), 2 * kPage);
}

TEST(Pages, AreNotToldByWhatIsNoTask) {
  vm_statistics_data_t statistics{};
  statistics.pagesize = 77;
  EXPECT_EQ(vm_statistics(MACH_PORT_NULL, &statistics), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(vm_statistics(mach_host_self(), &statistics), KERN_INVALID_TASK);
  EXPECT_EQ(statistics.pagesize, 77) << "left alone";
}

}  // namespace
}  // namespace netmsg::test
